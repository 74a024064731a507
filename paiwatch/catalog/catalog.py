"""Catalog: all services of one tree, what is wrong with them, and how they hang together. PURE.

`declare` looks at one service and depends on its own inputs only, so callers may keep its results; `assemble` adds
what only all services together show: rings and prerequisites that do not exist.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from paiwatch.catalog import graph as graphs
from paiwatch.catalog import paths, refused
from paiwatch.catalog.components import DECLARATION, Deploy, is_usable_name
from paiwatch.catalog.declaration import parse_service
from paiwatch.catalog.files import check_files
from paiwatch.catalog.graph import Graph
from paiwatch.catalog.service import Prerequisite, Service
from paiwatch.catalog.watch import Pattern, Watcher
from paiwatch.documents import shape
from paiwatch.documents.document import Document
from paiwatch.problem import Problem, Severity, errors
from paiwatch.snapshot import Mode

_MOST_RINGS = 20  # shown; one careless line can close thousands
_MOST_GUESSES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One service looked at by itself. `service` is None when its file says too little; `name` can always be printed."""

    name: str
    service: Service | None
    problems: tuple[Problem, ...] = ()

    @property
    def is_valid(self) -> bool:
        """Whether it could run, as far as one service alone can tell."""
        return self.service is not None and not errors(self.problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """`services` has all that could be read; those also in `invalid` (and others there) cannot run: `problems` say why.

    A dependent of an invalid service is not itself invalid: what that means is for the plan.
    """

    services: Mapping[str, Service]
    invalid: frozenset[str]
    problems: tuple[Problem, ...]
    graph: Graph = field(repr=False)

    def is_valid(self, name: str) -> bool:
        """Whether this service can run."""
        return name in self.services and name not in self.invalid


def declare(
    name: str, folder: str, document: Document, deploy: Deploy, links: Mapping[str, bytes]
) -> Declared:
    """One service from its own files."""
    if problem := _unreadable(name, document, deploy):
        return Declared(name=paths.shown(name), service=None, problems=(problem,))
    service, problems = parse_service(name, folder, document)
    if service is not None:
        problems += check_files(service, deploy, links, document)
    return Declared(name=name, service=service, problems=tuple(sorted(problems)))


def _unreadable(name: str, document: Document, deploy: Deploy) -> Problem | None:
    """What makes the declaration not worth reading."""
    shown, file = paths.shown(name), paths.shown(document.file)
    if not is_usable_name(name):
        rule = "rename the folder: letters, digits, '.', '_' and '-', a letter or digit first, at most 100"
        return Problem(file=file, message=f"'{shown}' cannot be a service's name", remedy=rule, service=shown)
    for path, entry in deploy.items():
        if found := refused.fault(entry):
            remedy = f"{found[1]}; until then the service stays as it is"
            place = paths.shown(f"{document.file.removesuffix(DECLARATION)}{path}")
            return Problem(file=place, message=found[0], remedy=remedy, service=shown)
    if deploy[DECLARATION].mode in {Mode.LINK, Mode.SUBMODULE}:
        return Problem(
            file=file, message="is a symbolic link or a submodule", remedy="make it a file", service=shown
        )
    return None


def assemble(
    declared: Mapping[str, Declared], *, folders: Collection[str], dangling: Severity = Severity.WARNING
) -> Catalog:
    """The catalog of services that were declared one by one; `folders` are all components, services or not.

    `dangling` is what a prerequisite that does not exist counts as; an error holds the service that names it.
    """
    known = {name: one.service for name, one in declared.items() if one.service is not None}
    graph = graphs.build(
        {name: [need.service for need in service.prerequisites] for name, service in known.items()}
    )
    rings = graphs.rings(graph)
    problems = [problem for one in declared.values() for problem in one.problems]
    problems += _ring_problems(rings, known)
    missing = tuple(_dangling(known, declared.keys(), folders, dangling))
    problems += missing
    invalid = {one.name for one in declared.values() if not one.is_valid}
    invalid |= {problem.service for problem in errors(missing)}
    return Catalog(
        services=known,
        invalid=frozenset(invalid.union(*rings)),
        problems=tuple(sorted(problems)),
        graph=graph,
    )


def _ring_problems(rings: tuple[tuple[str, ...], ...], known: Mapping[str, Service]) -> Iterator[Problem]:
    """One for each ring, at the line where its first service names the second."""
    for ring in rings[:_MOST_RINGS]:
        first, following = known[ring[0]], ring[1 % len(ring)]
        need = next(need for need in first.prerequisites if need.service == following)
        yield Problem(
            file=first.file,
            line=need.line,
            message=f"prerequisites form a ring: {' → '.join((*ring, ring[0]))}",
            remedy="remove one of these prerequisites",
            service=first.name,
        )
    if len(rings) > _MOST_RINGS:
        first = known[rings[_MOST_RINGS][0]]
        message = f"{len(rings) - _MOST_RINGS} more rings of prerequisites are not shown"
        yield Problem(
            file=first.file, message=message, remedy="break those that are shown first", service=first.name
        )


def _dangling(
    known: Mapping[str, Service], names: Collection[str], folders: Collection[str], severity: Severity
) -> Iterator[Problem]:
    """Prerequisites that are no service: a problem each. Guessing compares with every name, so it is done a few times only."""
    guesses: dict[str, str] = {}
    for service in known.values():
        for need in service.prerequisites:
            if need.service not in names:
                if need.service not in guesses and len(guesses) < _MOST_GUESSES:
                    guesses[need.service] = shape.closest(need.service, names)
                message, remedy = _no_service(need, guesses.get(need.service, ""), folders)
                yield Problem(
                    file=service.file,
                    line=need.line,
                    severity=severity,
                    message=message,
                    remedy=remedy,
                    service=service.name,
                )


def _no_service(need: Prerequisite, guess: str, folders: Collection[str]) -> tuple[str, str]:
    shown = paths.shown(need.service)
    if need.service in folders:
        return (
            f"prerequisite '{shown}' is a folder without deploy/{DECLARATION}, so it is no service",
            "add that file, or remove the prerequisite",
        )
    return f"prerequisite '{shown}' does not exist", guess or "remove it, or add the service"


def blind_patterns(service: Service, watcher: Watcher, *, prefix: str) -> Iterator[Problem]:
    """What it watches that is not there: a warning each. `prefix` is the tree's."""
    for pattern in service.watch:
        if not watcher.matched(pattern):
            yield Problem(
                file=service.file,
                line=pattern.line,
                severity=Severity.WARNING,
                message=f"watch: '{pattern.text}' matches no file of the tree",
                remedy=_instead(pattern, watcher, prefix),
                service=service.name,
            )


def _instead(pattern: Pattern, watcher: Watcher, prefix: str) -> str:
    """What was probably meant: all of a folder, or a path that begins at the root."""
    for text in (f"{pattern.text}/**", f"{prefix}{pattern.text}", f"{prefix}{pattern.text}/**"):
        if watcher.matched(Pattern(text=text)):
            return f"did you mean '{text}'? paths begin at the tree's root"
    return "correct it, or remove it; paths begin at the tree's root"
