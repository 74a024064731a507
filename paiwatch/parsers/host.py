"""The program that runs in the parsers' process: OpenPAI's three passes over the parsers of one tree.

It is given a folder with the components' files, a request, and a journal. Each line of the journal is one JSON list, written
before and after everything that may go wrong, so that the last line tells who was at work when the process ended.
"""

import importlib
import io
import json
import os
import re
import resource
import signal
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from importlib.util import decode_source
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TextIO

from paiwatch.parsers import python_2, refusals, wire
from paiwatch.parsers.naming import class_name, module_name

_MEMORY = 1024**3  # bytes of address space
_FILE = 64 * 1024**2  # bytes of one file, the journal included
_QUOTED = re.compile(r"(['\"])(.*?)\1", re.DOTALL)


class Phase(Enum):
    """What a parser is asked for, in this order; all parsers finish one before any begins the next."""

    IMPORT = "import"
    INIT = "__init__"
    PRE = "validation_pre"
    RUN = "run"
    POST = "validation_post"


class _Asked(NamedTuple):
    """One parser, as the request has it."""

    name: str
    override: Any
    default: Any


class _RefusalError(Exception):
    """A parser says that the configuration is wrong."""


class _Model(dict[str, Any]):
    """The sections that validation_post sees; remembers whether it was asked for one that failed."""

    def __init__(self, sections: dict[str, Any], failed: set[str]) -> None:
        super().__init__(sections)
        self.failed = failed
        self.missed: set[str] = set()

    def __contains__(self, key: object) -> bool:
        self._note(key)
        return super().__contains__(key)

    def __missing__(self, key: str) -> Any:
        self._note(key)
        raise KeyError(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._note(key)
        return super().get(key, default)

    def _note(self, key: object) -> None:
        if isinstance(key, str) and key in self.failed:
            self.missed.add(key)


class _Journal:
    """Lines that survive whatever happens next."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.at: tuple[str, str] = ("", "")

    def write(self, *facts: Any) -> None:
        """One line, in the file when this returns."""
        self._file.write(json.dumps(facts) + "\n")
        self._file.flush()

    def begin(self, name: str, phase: Phase) -> None:
        """Note who is at work from now on."""
        self.at = (name, phase.value)
        self.write("begin", *self.at)

    def note(self, what: str) -> None:
        """The parser at work tried what it may not, or wrote where nobody reads."""
        self.write("note", *self.at, what)


class _Mute(io.TextIOBase):
    """Standard output, where nobody reads it."""

    def __init__(self, told: Callable[[], None]) -> None:
        self._told = told

    def write(self, text: str) -> int:
        """Drop the text, and tell that there was some."""
        self._told()
        return len(text)


class _Listing:
    """What os.scandir gives, in the order of names."""

    def __init__(self, entries: list["os.DirEntry[str]"]) -> None:
        self._entries = iter(sorted(entries, key=lambda entry: entry.name))

    def __iter__(self) -> Iterator["os.DirEntry[str]"]:
        return self._entries

    def __next__(self) -> "os.DirEntry[str]":
        return next(self._entries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is left open."""


class _Passes:
    """The parsers of one request, on their way through the passes. A parser that fails is out from then on."""

    def __init__(self, request: dict[str, Any], journal: _Journal) -> None:
        self._layout = request["layout"]
        self._built: dict[str, Any] = request["built"]
        self._failed: set[str] = set(request["failed"])
        self._asked = [_Asked(*asked) for asked in request["parsers"]]
        self._journal = journal

    def run(self) -> None:
        """All passes; the journal has what came of them."""
        modules = {one.name: one for one in self._asked}
        classes = self._each(modules, Phase.IMPORT, lambda name, _: _imported(name))
        parsers = self._each(classes, Phase.INIT, self._made)
        checked = self._each(parsers, Phase.PRE, lambda _, parser: _check(parser, parser.validation_pre()))
        ran = self._each(checked, Phase.RUN, lambda _, parser: (parser, parser.run()))
        sections = self._built | {name: section for name, (_, section) in ran.items()}
        gone = set(self._failed)  # a section that fails in this very pass is still there for the others
        last = self._each(ran, Phase.POST, lambda name, both: _post(both[0], _Model(sections, gone), name))
        for name in last:
            self._send(name, sections[name])
        self._journal.write("done")

    def _each(self, found: dict[str, Any], phase: Phase, work: Callable[[str, Any], Any]) -> dict[str, Any]:
        """One pass over what came through the pass before: what comes through this one."""
        through: dict[str, Any] = {}
        for name, one in found.items():
            self._journal.begin(name, phase)
            try:
                with _in_folder(name):
                    through[name] = work(name, one)
            except BaseException as error:  # noqa: BLE001 (other people's code: it may raise, or exit, as it likes)
                self._failed.add(name)
                self._journal.write("fault", name, phase.value, _line(error, name), _told(error, name))
        return through

    def _made(self, name: str, parser: Any) -> Any:
        asked = next(one for one in self._asked if one.name == name)
        return parser(self._layout, asked.override, asked.default)

    def _send(self, name: str, section: Any) -> None:
        self._journal.begin(name, Phase.RUN)
        try:
            self._journal.write("section", name, wire.encode(section))
        except wire.WireError as error:
            said = f"returns what no section can hold: {error}"
            self._journal.write("fault", name, Phase.RUN.value, 0, said)


def _post(parser: Any, model: _Model, name: str) -> Any:
    """The parser, if it is content with all sections; a no because of a section that failed says so."""
    try:
        return _check(parser, parser.validation_post(model))
    except Exception as error:
        if missed := sorted(model.missed - {name}):
            raise _RefusalError(f"needs the section '{missed[0]}', which failed itself") from error
        raise


def main(request: str, journal: str, folder: str, seconds: str) -> None:
    """Run the request at this path in this folder, for at most so many seconds."""
    _limit(float(seconds))
    wanted = wire.decode(Path(request).read_bytes())
    with Path(journal).open("a", encoding="utf-8") as file:
        lines = _Journal(file)
        os.chdir(folder)
        _prepare(lines)
        _Passes(wanted, lines).run()


def _limit(seconds: float) -> None:
    """So that neither a hang nor a hunger outlives whoever started this."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing too much is an OSError then
    signal.setitimer(signal.ITIMER_REAL, seconds + 5)
    for limit, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_FSIZE, _FILE),
        (resource.RLIMIT_CPU, int(seconds) + 5),
    ):
        _, hard = resource.getrlimit(limit)
        resource.setrlimit(limit, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _prepare(journal: _Journal) -> None:
    """The world as parsers find it: Python 2's names, folders in order, no programs, no network, nobody listening."""
    python_2.install()
    listing, scanning = os.listdir, os.scandir
    vars(os)["listdir"] = lambda *args: sorted(listing(*args))
    vars(os)["scandir"] = lambda *args: _Listing(list(scanning(*args)))
    sys.stdout = _Mute(lambda: journal.note("print to standard output"))
    refusals.install(journal.note)


@contextmanager
def _in_folder(name: str) -> Iterator[None]:
    """A parser may import what lies beside it; the next parser does not find that."""
    folder = str(Path("src", name, "config").absolute())
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)
        for key, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None) or "").startswith(f"{folder}/"):
                del sys.modules[key]


def _imported(name: str) -> Any:
    """The class of this parser. Each is a module by itself, whatever else may have its name."""
    path = _path(name)
    module = types.ModuleType(module_name(name))
    vars(module).update({"__file__": str(path.absolute()), "__builtins__": python_2.names()})
    code = python_2.compiled(decode_source(path.read_bytes()), str(path))
    exec(code, vars(module))  # noqa: S102 (running the parser is the purpose)
    wanted = class_name(name)
    if not hasattr(module, wanted):
        raise _RefusalError(f"has no class '{wanted}'")
    return getattr(module, wanted)


def _check(parser: Any, answer: Any) -> Any:
    """The parser, if it is content. Only False itself is a no, as in paictl."""
    try:
        is_fine, message = answer
    except (TypeError, ValueError) as error:
        raise _RefusalError("returns something else than (ok, message)") from error
    if is_fine is False:
        raise _RefusalError(f"says: {message}")
    return parser


def _path(name: str) -> Path:
    return Path("src", name, "config", f"{module_name(name)}.py")


def _line(error: BaseException, name: str) -> int:
    """The parser's line that was at work last, or 0."""
    if isinstance(error, SyntaxError) and error.filename == str(_path(name)):
        return error.lineno or 0
    if isinstance(error, _RefusalError):
        return 0
    line = 0
    traceback: TracebackType | None = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == str(_path(name)):
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line


def _told(error: BaseException, name: str) -> str:
    """What went wrong, without quoted words that the parser does not spell out: they may be values."""
    if isinstance(error, _RefusalError):
        return str(error)
    if isinstance(error, SyntaxError):
        return f"is not valid Python 3: {error.msg}"
    source = _path(name).read_text(encoding="utf-8", errors="replace") if _path(name).is_file() else ""
    said = _QUOTED.sub(lambda quoted: quoted[0] if quoted[2] in source else "'…'", str(error))[:200]
    kind = type(error).__name__
    return f"fails with {kind}: {said}" if said else f"fails with {kind}"
