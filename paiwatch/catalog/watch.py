"""Watch: patterns for files outside a service's deploy folder that its scripts read, and what they match. PURE.

A pattern is a path from the tree's root. `*` and `?` stay within one folder's name, `**` stands for any number of
folders (at the end: for everything below), `[ab]` and `[!ab]` for one character. Names that begin with a dot are no exception.
"""

import bisect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from paiwatch.catalog import paths
from paiwatch.snapshot import Entry

_INSIDE = "write a path from the tree's root, such as version/*.VERSION or src/common/**"
_SPECIAL = re.compile(r"[*?\[]")
_WILD_FOLDERS = re.compile(r"(?:^|(?<=/))\*\*(?:/|$)")

#: Files by their paths from the tree's root.
Watched = Mapping[str, Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """One entry of `watch:`, written one way; `line` is where it stands."""

    text: str
    line: int = 0

    def matches(self, path: str) -> bool:
        """Whether this file, named from the tree's root, is one of those."""
        return _compiled(self.text).fullmatch(path) is not None


def fault(text: str) -> tuple[str, str] | None:
    """What is wrong with a pattern, and what to do, or None."""
    if text.startswith("/"):
        return "is an absolute path", _INSIDE
    if ".." in text.split("/"):
        return "leaves the tree with '..'", _INSIDE
    if not text.strip("/ ."):
        return "is empty", _INSIDE
    if text.endswith("/"):
        return "names a folder", f"write '{text}**' for all that is in it"
    return None if _can_be_compiled(text) else ("is no pattern", "write [abc], [a-c] or [!abc] in brackets")


def normal(text: str) -> str:
    """The pattern without './', doubled '/' and doubled '**'."""
    parts = paths.normal(text).split("/")
    kept = [part for place, part in enumerate(parts) if part != "**" or parts[place - 1 : place] != ["**"]]
    return "/".join(kept)


class Watcher:
    """The files of one tree, to be asked by many services; one that watches nothing costs nothing."""

    def __init__(self, files: Mapping[str, Entry]) -> None:
        self._files = files
        self._sorted: list[str] | None = None
        self._found: dict[str, tuple[str, ...]] = {}

    def find(self, patterns: Iterable[Pattern], *, deploy: str) -> Watched:
        """What these match, by path; without the files of the deploy folder itself, which its release has anyway."""
        inside = f"{deploy}/"
        found = {path for pattern in patterns for path in self.matched(pattern)}
        return {path: self._files[path] for path in sorted(found) if not path.startswith(inside)}

    def matched(self, pattern: Pattern) -> tuple[str, ...]:
        """The paths that one pattern matches, sorted."""
        if pattern.text not in self._found:
            self._found[pattern.text] = tuple(filter(pattern.matches, self._candidates(pattern.text)))
        return self._found[pattern.text]

    def __contains__(self, path: str) -> bool:
        """Whether the tree has this file."""
        return path in self._files

    def is_folder(self, path: str) -> bool:
        """Whether any file lies below this path."""
        return next(iter(self.below(path)), None) is not None

    def below(self, folder: str) -> Iterator[str]:
        """The files in this folder and those in it, sorted."""
        return self._beginning_with(f"{folder}/")

    def _candidates(self, text: str) -> Iterable[str]:
        special = _SPECIAL.search(text)
        if special is None:
            return (text,) if text in self._files else ()
        return self._beginning_with(text[: special.start()])

    def _beginning_with(self, prefix: str) -> Iterator[str]:
        if self._sorted is None:
            self._sorted = sorted(self._files)
        start = bisect.bisect_left(self._sorted, prefix)
        for place in range(start, len(self._sorted)):
            if not self._sorted[place].startswith(prefix):
                return
            yield self._sorted[place]


def _can_be_compiled(text: str) -> bool:
    try:
        _compiled(normal(text))
    except re.error:
        return False
    return text.isprintable()


@lru_cache(maxsize=4096)
def _compiled(text: str) -> re.Pattern[str]:
    """Every stretch between two stars is taken where it fits first, for good: trying the others could take years."""
    first, *rest = _WILD_FOLDERS.split(text)
    if not rest:
        return re.compile(_names(first), re.DOTALL)
    middle = "".join(rf"(?>(?:[^/]+/)*?{_names(names)})" for names in rest[:-1])
    last = rf"(?:[^/]+/)*{_names(rest[-1])}" if rest[-1] else ".+"
    return re.compile(_names(first) + middle + last, re.DOTALL)


def _names(path: str) -> str:
    """Names of folders and files, none of them `**`."""
    return "/".join(map(_name, path.split("/")))


def _name(part: str) -> str:
    """One folder's or file's name."""
    first, *rest = _stretches(part)
    middle = "".join(f"(?>[^/]*?{stretch})" for stretch in rest[:-1])
    return f"{first}{middle}[^/]*{rest[-1]}" if rest else first


def _stretches(part: str) -> list[str]:
    """What stands between the stars. A bracket that is not closed stands for itself."""
    made, place = [""], 0
    while place < len(part):
        end = part.find("]", place + (3 if part[place + 1 : place + 2] == "!" else 2))
        if part[place] == "*":
            made.append("")
        elif part[place] == "[" and end > 0:
            made[-1] += _one_of(part[place + 1 : end])
            place = end
        else:
            made[-1] += "[^/]" if part[place] == "?" else re.escape(part[place])
        place += 1
    return made


def _one_of(letters: str) -> str:
    """`[ab]`, `[a-c]`, `[!ab]`."""
    negated = letters.startswith("!")
    inner = "".join(letter if letter == "-" else re.escape(letter) for letter in letters[negated:])
    return f"[^/{inner}]" if negated else f"(?!/)[{inner}]"
