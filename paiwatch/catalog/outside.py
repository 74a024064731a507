"""Outside: paths that are written out in a service's files and lead out of its component to something that exists. PURE.

What a script puts together while it runs cannot be seen. Of a path that begins with a variable, the part from the first
`..` on is looked at, from the file's own folder and those above it in deploy/.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from paiwatch.catalog import paths
from paiwatch.catalog.service import Service
from paiwatch.catalog.watch import Watcher
from paiwatch.problem import Problem, Severity

_WORD = re.compile(
    r"(?<![\w.@+/-])[$]?[\w.@+/-]*\.\./[\w.@+/-]*|(?<![\w.@+/-])[$]?[\w.@+/-]*/\.\.(?![\w.@+/-])"
)
_LONGEST = 300
_APART = 3  # services that are told one by one; beyond, one warning names them all
_LISTED = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One path that leaves: `target` from the tree's root, and where it is written for the first time and how often."""

    target: str
    file: str  # from the tree's root
    line: int
    places: int = 1


def ways_out(service: Service, texts: Mapping[str, str], watcher: Watcher) -> tuple[Way, ...]:
    """Each thing outside the component that its files name, by target. `texts` are by path in the deploy folder."""
    found: dict[str, Way] = {}
    for path, text in sorted(texts.items()):
        for line, target in _targets(service, path, text, watcher):
            first = found.get(target)
            file = f"{service.deploy}/{path}"
            found[target] = Way(
                target=target,
                file=first.file if first else file,
                line=first.line if first else line,
                places=first.places + 1 if first else 1,
            )
    return tuple(found[target] for target in sorted(found))


def unwatched(ways: Iterable[Way], watched: AbstractSet[str], watcher: Watcher) -> Iterator[Way]:
    """The ways to what is not watched; `watched` are the files that the service's patterns match."""
    for way in ways:
        if way.target not in watched and watched.isdisjoint(watcher.below(way.target)):
            yield way


def undeclared(
    target: str,
    ways: Sequence[tuple[Service, Way]],
    watcher: Watcher,
    deploys: Collection[str],
) -> Iterator[Problem]:
    """A warning for each service that goes to this target, or one for all of them when many do: they have one cause.

    `ways` are the unwatched ones to it, with their services; `deploys` are the deploy folders of all services.
    """
    parts = target.split("/")
    is_hidden = any("/".join(parts[:end]) in deploys for end in range(1, len(parts) + 1))
    pattern = f"{target}/**" if any(watcher.below(target)) else target
    told = ways if len(ways) <= _APART else ways[:1]
    for service, way in told:
        together = [other.name for other, _ in ways] if told is not ways else []
        yield Problem(
            file=way.file,
            line=way.line,
            severity=Severity.WARNING,
            message=f"'{target}' lies outside the component{_more(way, together)}: {_meaning(is_hidden=is_hidden)}",
            remedy=_remedy(service, pattern, is_hidden=is_hidden, alone=not together),
            service="" if together else service.name,
        )


def _targets(service: Service, path: str, text: str, watcher: Watcher) -> Iterator[tuple[int, str]]:
    """Line and target of every path that leaves; what is commented out leads nowhere."""
    if ".." not in text:
        return
    for number, line in enumerate(text.splitlines(), 1):
        if ".." in line and not line.lstrip().startswith("#"):
            for match in _WORD.finditer(line):
                target = _leads(service, path, match[0][:_LONGEST], watcher)
                if target is not None:
                    yield number, target


def _leads(service: Service, path: str, word: str, watcher: Watcher) -> str | None:
    """Where it leads, if that exists, lies outside the component and is no folder above it."""
    written = _known_part(word)
    inner = paths.parents(path)
    for folder in (*reversed(inner), ""):
        start = f"{service.deploy}/{folder}" if folder else service.deploy
        reached = paths.resolve(f"{start}/x", written)
        if reached and (reached in watcher or watcher.is_folder(reached)):
            is_above = f"{service.folder}/".startswith(f"{reached}/")
            is_inside = f"{reached}/".startswith(f"{service.folder}/")
            return None if is_above or is_inside else reached
    return None


def _known_part(word: str) -> str:
    """The path without a beginning that only the running script knows: a variable, or what stands before a slash."""
    if not word.startswith(("$", "/")):
        return word
    parts = word.split("/")
    return "/".join(parts[parts.index("..") :]) if ".." in parts else ""


def _more(way: Way, services: Sequence[str]) -> str:
    if services:
        listed = ", ".join(services[:_LISTED])
        rest = f" and {len(services) - _LISTED} more" if len(services) > _LISTED else ""
        return f", and {len(services)} services name it ({listed}{rest})"
    return "" if way.places == 1 else f" (named {way.places} times)"


def _meaning(*, is_hidden: bool) -> str:
    if is_hidden:
        return "the deploy folder of another service is not there when scripts run"
    return "a change of it goes unnoticed"


def _remedy(service: Service, pattern: str, *, is_hidden: bool, alone: bool) -> str:
    if is_hidden:
        return "move it to a folder that is no service"
    return f"add to {service.file if alone else 'the service.yaml of each'}: watch: [{pattern}]"
