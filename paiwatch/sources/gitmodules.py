"""What a .gitmodules file says, as git reads it: which submodule lies where and where it comes from. Pure.

Git parses the file; its text is looked at here only to tell people the line.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from paiwatch.problem import Problem
from paiwatch.sources import address

FILE = ".gitmodules"
_SECTION = "submodule."
_HEADER = re.compile(r"\s*\[\s*submodule\s+\"((?:[^\"\\]|\\.)*)\"\s*\]", re.IGNORECASE)
_LEFT_OUT = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One section: its values by key (the first and the last of each), and the line it begins at (0: unknown)."""

    name: str
    values: Mapping[str, tuple[str, str]]
    line: int

    def value(self, key: str) -> str:
        """What it says for this key; "" for nothing."""
        return self.values.get(key, ("", ""))[0]


def parse(listed: bytes, text: bytes) -> tuple[Module, ...]:
    """`git config --list -z` of a .gitmodules with this text; in the order of the file."""
    lines = _lines(text.decode(errors="surrogateescape"))
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for record in listed.decode(errors="surrogateescape").split("\0"):
        key, _, value = record.partition("\n")
        name, _, variable = key.removeprefix(_SECTION).rpartition(".")
        if key.startswith(_SECTION) and variable != key.removeprefix(_SECTION):
            values = found.setdefault(name, {})
            values[variable] = (values.get(variable, (value,))[0], value)
    return tuple(Module(name=name, values=values, line=lines.get(name, 0)) for name, values in found.items())


def wanted(modules: tuple[Module, ...], path: str) -> Module | None:
    """The one at this path that is to be followed: None when its section says `update = none`."""
    module = _at(modules, path)[0]
    return None if module.value("update") == _LEFT_OUT else module


def faults(modules: tuple[Module, ...], path: str, *, parent: str, folder: str) -> Iterator[Problem]:
    """Why the submodule at this path is not followed. `parent` is its repository's address, `folder` where that lies ("", "lib/")."""
    here = _at(modules, path)
    file = f"{folder}{FILE}"
    if not here:
        message = f"has no entry for the submodule at {path!r}"
        remedy = f"add it (git submodule add), or remove the submodule (git rm --cached {path})"
        yield Problem(file=file, message=message, remedy=remedy)
    elif len(here) > 1:
        yield Problem(
            file=file, line=here[1].line, message=f"has two submodules at {path!r}", remedy="remove one"
        )
    elif here[0].value("update") != _LEFT_OUT:
        for message, remedy in _entry_faults(here[0], parent):
            yield Problem(
                file=file, line=here[0].line, message=f"submodule {here[0].name!r} {message}", remedy=remedy
            )


def _entry_faults(module: Module, parent: str) -> Iterator[tuple[str, str]]:
    if not module.name or ".." in module.name.replace("\\", "/").split("/"):
        yield "has a name that leads elsewhere", "give it another name"
    for key in ("path", "url"):
        first, last = module.values.get(key, ("", ""))
        if first != last:
            yield f"has two values for '{key}'", "remove one"
            return
    if fault := address.fault(module.value("url"), parent=parent):
        what, remedy = fault
        yield what, f"{remedy}; or leave it out with 'update = none'"


def _at(modules: tuple[Module, ...], path: str) -> tuple[Module, ...]:
    return tuple(module for module in modules if path in module.values.get("path", ()))


def _lines(text: str) -> dict[str, int]:
    """Where the section of each name begins."""
    matches = ((number, _HEADER.match(line)) for number, line in enumerate(text.splitlines(), start=1))
    found = [(re.sub(r"\\(.)", r"\1", match[1]), number) for number, match in matches if match]
    return dict(reversed(found))
