"""Seals: what vouches for a release that is remembered from an earlier life, so that it need not be rendered again. PURE.

A rendered file follows from its texts, from what it read of cluster_cfg, and from the rules it was rendered by. The seal
binds files and reads to those rules: it breaks when any of them is not what it was, also by damage.
"""

import hashlib
import sys
from collections.abc import Iterable, Mapping

import jinja2

from paiwatch.catalog.service import Service
from paiwatch.releases.digest import release_digest
from paiwatch.releases.release import Read, Release, ReleaseFile
from paiwatch.releases.render import Renderer

#: Raise it whenever equal texts and reads may render otherwise, or be judged otherwise: in this package, model or catalog.
RENDERING = 2

_LIBRARIES = f"jinja2 {jinja2.__version__}, python {sys.version_info.major}.{sys.version_info.minor}"


def rules_of(service: Service, renderer: Renderer) -> str:
    """All that the rendered files of a service depend on besides texts and reads."""
    undefined = "strict" if renderer.strict else "lenient"
    yaml = f"yaml {renderer.yaml.version}" if renderer.yaml is not None else "no yaml"
    return f"{RENDERING}, {_LIBRARIES}, {undefined}, {yaml}, {service.folder}, {service.deploy_rules}"


def seal(release: Release) -> str:
    """The seal of a release; "" for one that does not know its rules."""
    return _seal(release.service, release.files, release.reads, release.rules) if release.rules else ""


def is_whole(
    name: str, files: Mapping[str, ReleaseFile], reads: Iterable[Read], *, rules: str, sealed: str
) -> bool:
    """Whether this seal was made of these files and reads, rendered by these rules."""
    return bool(sealed) and sealed == _seal(name, files, reads, rules)


def _seal(name: str, files: Mapping[str, ReleaseFile], reads: Iterable[Read], rules: str) -> str:
    seen = [(read.template, read.path, str(read.how), read.seen) for read in reads]
    text = repr((name, rules, release_digest(files), seen))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
