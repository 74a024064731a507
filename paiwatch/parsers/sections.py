"""Sections from parsers: one request to the parsers' process, and again without a parser that ended or outlasted it."""

import json
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import paiwatch
from paiwatch import disk
from paiwatch.errors import TransientError
from paiwatch.parsers import child, wire

_MOST_VICTIMS = 3  # parsers that may end the process before the rest is given up
_LARGEST = 64 * 1024**2  # bytes of a journal
_START = "import sys; sys.path.append(sys.argv.pop(1)); from paiwatch.parsers.host import main; main(*sys.argv[1:])"


@dataclass(frozen=True, slots=True)
class Parser:
    """One parser to run: what it is given beside the layout. `override` and `default` are as the files have them."""

    name: str
    override: Any
    default: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the parsers of one tree are run on. `built` are sections made elsewhere; `files` have paths like src/S/config/s.py."""

    layout: Any
    built: Mapping[str, Any]
    parsers: tuple[Parser, ...]
    files: Mapping[str, bytes] = field(repr=False)
    failed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """Why a component has no section: in which phase, at which line of its parser (0: none), and what happened.

    `may_pass` when another time it may go well, as on a busy machine.
    """

    component: str
    phase: str
    line: int
    message: str
    may_pass: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """What a parser tried without being let, in a few words."""

    component: str
    phase: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What came of it: a section or a fault for each parser."""

    sections: Mapping[str, Any]
    faults: tuple[Fault, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(slots=True)
class _Journal:
    """A journal as far as it was written."""

    sections: dict[str, Any] = field(default_factory=dict)
    faults: set[Fault] = field(default_factory=set)
    notes: set[Note] = field(default_factory=set)
    at: tuple[str, str] = ("", "")
    is_done: bool = False


def parse(request: Request, *, seconds: float) -> Parsed:
    """Sections and faults of these parsers, in a process that gets so many seconds. Raises TransientError when none can run."""
    faults: set[Fault] = set()
    notes: set[Note] = set()
    for _ in range(_MOST_VICTIMS):
        journal, why, may_pass = _tried(request, seconds)
        notes |= journal.notes
        if journal.is_done:
            found = tuple(sorted(faults | journal.faults))
            gone = {fault.component for fault in found}
            return Parsed(sections=_without(journal.sections, gone), faults=found, notes=tuple(sorted(notes)))
        victim, phase = journal.at
        if not victim:
            raise TransientError(f"the parsers' process {why} before any parser ran")
        faults.add(Fault(victim, phase, 0, why, may_pass))
        rest = tuple(one for one in request.parsers if one.name != victim)
        request = replace(request, parsers=rest, failed=request.failed | {victim})
    given_up = "was not run: too many other parsers ended their process"
    faults |= {Fault(one.name, "import", 0, given_up) for one in request.parsers}
    return Parsed(sections={}, faults=tuple(sorted(faults)), notes=tuple(sorted(notes)))


def _without(sections: Mapping[str, Any], gone: Iterable[str]) -> dict[str, Any]:
    names = sections.keys() - set(gone)
    return {name: sections[name] for name in sorted(names)}


def _tried(request: Request, seconds: float) -> tuple[_Journal, str, bool]:
    """One process: its journal, how it ended where that is no good end, and whether its time was over."""
    try:
        with tempfile.TemporaryDirectory(prefix="paiwatch-parsers-") as place:
            home = Path(place)
            _write(home, request)
            ended = child.run(_argv(home, seconds), _environment(home), home / "errors", seconds=seconds)
            return _read(home / "journal"), _why(ended, home / "errors", seconds), ended.timed_out
    except OSError as error:
        place = tempfile.gettempdir()
        raise TransientError(f"{place}: the parsers' folder cannot be used: {disk.explain(error)}") from error


def _write(home: Path, request: Request) -> None:
    stage = home / "stage"
    stage.mkdir()
    for path, content in request.files.items():
        target = stage / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    asked = {
        "layout": request.layout,
        "built": request.built,
        "parsers": [[one.name, one.override, one.default] for one in request.parsers],
        "failed": sorted(request.failed),
    }
    (home / "request").write_text(wire.encode(asked))
    (home / "journal").touch()


def _argv(home: Path, seconds: float) -> tuple[str, ...]:
    root = str(Path(paiwatch.__file__).parent.parent)
    places = (str(home / "request"), str(home / "journal"), str(home / "stage"), f"{seconds:g}")
    return (sys.executable, "-B", "-P", "-s", "-c", _START, root, *places)


def _environment(home: Path) -> dict[str, str]:
    """Nothing of ours; hashes alike in every process, so that sets have one order."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home / "stage"),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
    }


def _read(path: Path) -> _Journal:
    journal = _Journal()
    with path.open("rb") as file:
        content = file.read(_LARGEST)
    for line in content.splitlines():
        try:
            kind, *facts = json.loads(line)
            _take(journal, kind, facts)
        except (ValueError, TypeError):
            break  # cut off in the middle of a line, or not written by the host
    return journal


def _take(journal: _Journal, kind: str, facts: list[Any]) -> None:
    if kind == "begin":
        name, phase = map(str, facts)
        journal.at = (name, phase)
    elif kind == "fault":
        name, phase, line, message = facts
        journal.faults.add(Fault(str(name), str(phase), int(line), str(message)))
    elif kind == "note":
        name, phase, what = map(str, facts)
        journal.notes.add(Note(name, phase, what))
    elif kind == "section":
        _take_section(journal, *facts)
    elif kind == "done":
        journal.is_done = True


def _take_section(journal: _Journal, name: str, text: str) -> None:
    try:
        journal.sections[name] = wire.decode(text)
    except wire.WireError:
        journal.faults.add(Fault(name, "run", 0, "returns what no section can hold: too many values"))


def _why(ended: child.Ended, errors: Path, seconds: float) -> str:
    if ended.timed_out:
        return f"was still at work after {seconds:g} s"
    if ended.status < 0:
        return f"ended its process by signal {-ended.status}"
    said = _last_line(errors)
    return f"ended its process with exit code {ended.status}" + (f" ({said})" if said else "")


def _last_line(errors: Path) -> str:
    """The last line that Python wrote where the host itself could not start; parsers' errors never get there."""
    with errors.open("rb") as file:
        lines = file.read(_LARGEST).decode(errors="replace").splitlines()
    last = lines[-1] if lines else ""
    return last[:200] if last.startswith(("ModuleNotFoundError: ", "ImportError: ")) else ""
