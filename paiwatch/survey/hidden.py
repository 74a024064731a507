"""Hidden inputs: what scripts and templates read beside their folder without saying so. For `validate`; it reads every text."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import chain, islice

from paiwatch.catalog import components, outside
from paiwatch.catalog.components import DECLARATION, Deploy
from paiwatch.catalog.outside import Way
from paiwatch.catalog.service import Service
from paiwatch.catalog.watch import Watcher
from paiwatch.problem import Problem
from paiwatch.releases.release import Desired
from paiwatch.snapshot import Contents, Mode

_BATCH = 100  # services whose texts are in memory at once
_FILES = frozenset({Mode.FILE, Mode.EXECUTABLE})


def hidden_inputs(desired: Desired, read: Contents) -> tuple[Problem, ...]:
    """A warning for each path that leaves its component and is not watched. Raises TransientError when texts cannot be read."""
    tree = desired.snapshot.src
    found = components.components(tree)
    watcher = Watcher(tree.files)
    deploys = frozenset(service.deploy for service in desired.services.values())
    leaving: defaultdict[str, list[tuple[Service, Way]]] = defaultdict(list)
    for service, texts in _texts(desired.services, found, read):
        if ways := outside.ways_out(service, texts, watcher):
            watched = watcher.find(service.watch, deploy=service.deploy)
            for way in outside.unwatched(ways, watched.keys(), watcher):
                leaving[way.target].append((service, way))
    told = (outside.undeclared(target, ways, watcher, deploys) for target, ways in leaving.items())
    return tuple(sorted(chain.from_iterable(told)))


def _texts(
    services: Mapping[str, Service], found: Mapping[str, Deploy], read: Contents
) -> Iterator[tuple[Service, Mapping[str, str]]]:
    """Each service with the texts of its deploy folder by path, but for service.yaml."""
    rest = iter(services.items())
    while batch := dict(islice(rest, _BATCH)):
        listed = {name: _listed(found[name]) for name in batch}
        contents = read({oid for files in listed.values() for oid in files.values()})
        for name, service in batch.items():
            texts = {path: _text(contents[oid]) for path, oid in listed[name].items()}
            yield service, {path: text for path, text in texts.items() if text is not None}


def _listed(deploy: Deploy) -> dict[str, str]:
    return {path: entry.oid for path, entry in deploy.items() if entry.mode in _FILES and path != DECLARATION}


def _text(content: bytes) -> str | None:
    """None for what is no text."""
    if b"\0" in content:
        return None
    return content.decode(errors="replace")
