"""Recall: the release of a service as the record remembers it, where that is provably what rendering would make again."""

from collections.abc import Iterable

from paiwatch.catalog.components import Deploy
from paiwatch.catalog.service import Service
from paiwatch.model.reads import Sight
from paiwatch.plan.applied import Applied
from paiwatch.releases import seal
from paiwatch.releases.assemble import SUFFIX
from paiwatch.releases.digest import release_digest
from paiwatch.releases.release import Release, ReleaseFile
from paiwatch.releases.render import Renderer
from paiwatch.snapshot import Mode

_FILES = frozenset({Mode.FILE, Mode.EXECUTABLE})


def recall(
    service: Service, deploy: Deploy, applied: Applied, sight: Sight, renderer: Renderer
) -> Release | None:
    """The release without watched files, or None: when in doubt it is rendered.

    The deploy folder must be, file by file, the one that was rendered then; by the same rules; and every read must
    see the same now. What the record says is believed only as far as its seal vouches for it.
    """
    targets = frozenset(service.templates)
    if not _is_same_folder(targets, deploy, applied):
        return None
    rules = seal.rules_of(service, renderer)
    if not seal.is_whole(service.name, applied.files, applied.reads, rules=rules, sealed=applied.seal):
        return None
    if not sight.same(applied.reads):
        return None
    reads = tuple(sight.read(read.template, read.path, read.how) for read in applied.reads)
    files = applied.files
    return Release(
        service=service.name,
        digest=release_digest(files),
        files=files if _is_sorted(files) else dict(sorted(files.items())),
        rendered=targets,
        reads=applied.reads if applied.reads == reads else reads,  # what may be shown can have changed
        rules=rules,
    )


def _is_sorted(files: Iterable[str]) -> bool:
    paths = list(files)
    return paths == sorted(paths)


def _is_same_folder(targets: frozenset[str], deploy: Deploy, applied: Applied) -> bool:
    """Whether the remembered files are those of the folder, and one for each template. A file that a rendered one replaced is lost."""
    files = applied.files
    if not applied.seal or files.keys() != deploy.keys() | targets or not targets.isdisjoint(deploy):
        return False
    for target in targets:
        source = deploy.get(target + SUFFIX)
        if source is None or source.mode not in _FILES or files[target].mode != source.mode:
            return False
    return all(files[path] == ReleaseFile(entry.mode, entry.oid) for path, entry in deploy.items())
