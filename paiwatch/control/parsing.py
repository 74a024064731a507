"""Parsing: a request as it came through the door, into a command. The only place that may call a request bad for its shape.

A key that is missing or null has its default; a key that the command does not know is passed over, since a newer client may say more.
"""

import reprlib  # a value may be as long and as deep as it likes
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from paiwatch.catalog.service import Operator
from paiwatch.engine import commands
from paiwatch.engine.commands import Command
from paiwatch.errors import ConfigError
from paiwatch.plan.applied import EVERYTHING
from paiwatch.problem import Problem

_SOURCES = ("", "config", "src")


def parse(request: Mapping[str, Any]) -> Command:
    """The command that is asked for. Raises ConfigError with every fault of the request."""
    verb = request.get("verb")
    if not isinstance(verb, str):
        raise ConfigError('a request is a mapping with a "verb"')
    if verb not in _VERBS:
        raise ConfigError(f"unknown verb {reprlib.repr(verb)}; is the daemon older than this command?")
    fields = _Fields(request)
    command = _VERBS[verb](fields)
    if fields.faults:
        problems = [Problem(file=verb, message=fault) for fault in fields.faults]
        raise ConfigError(f"{verb}: this request cannot be understood", problems)
    return command


@dataclass(frozen=True, slots=True)
class _Fields:
    """The fields of a request, read one by one; what is wrong with one is kept in `faults`, and a stand-in is given for it."""

    request: Mapping[str, Any]
    faults: list[str] = field(default_factory=list)

    def text(self, key: str) -> str:
        value = self.request.get(key)
        if value is None or _is_text(value):
            return value or ""
        self.faults.append(f"{key!r} is a text, not {reprlib.repr(value)}")
        return ""

    def reason(self) -> str:
        return self.text("reason").strip()

    def needed(self, key: str, what: str) -> str:
        """A text that must not be empty; `what` says what is needed."""
        before = len(self.faults)
        value = self.text(key)
        if not value and len(self.faults) == before:
            self.faults.append(what)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.request.get(key)
        if value is None:
            return ()
        if isinstance(value, list) and all(_is_text(item) for item in value):
            return tuple(value)
        self.faults.append(f"{key!r} is a list of texts, not {reprlib.repr(value)}")
        return ()

    def flag(self, key: str) -> bool:
        value = self.request.get(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        self.faults.append(f"{key!r} is true or false, not {reprlib.repr(value)}")
        return False

    def number(self, key: str) -> int | None:
        value = self.request.get(key)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
            return value
        self.faults.append(f"{key!r} is a whole number from 0, not {reprlib.repr(value)}")
        return None

    def operator(self) -> Operator:
        value = self.request.get("operator")
        if isinstance(value, str) and value in {*Operator}:
            return Operator(value)
        self.faults.append(f"'operator' is one of {', '.join(Operator)}, not {reprlib.repr(value)}")
        return Operator.START

    def source(self) -> str:
        value = self.text("source")
        if value not in _SOURCES:
            self.faults.append(f"{reprlib.repr(value)} is no source; name config or src")
        return value


def _is_text(value: object) -> bool:
    """Whether this is a text that can be written down: half a pair of surrogates cannot."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def _service(fields: _Fields) -> Command:
    return commands.Service(
        operator=fields.operator(),
        names=fields.texts("names"),
        without=frozenset(fields.texts("without")),
        only=fields.flag("only"),
        reason=fields.reason(),
    )


def _rollback(fields: _Fields) -> Command:
    service = fields.needed("service", "a rollback needs the name of a service")
    return commands.Rollback(service=service, to=fields.text("to"), reason=fields.reason())


def _retry(fields: _Fields) -> Command:
    return commands.Retry(services=frozenset(fields.texts("services")), reason=fields.reason())


def _suspend(fields: _Fields) -> Command:
    return commands.Suspend(service=fields.text("service") or EVERYTHING, reason=fields.reason())


def _resume(fields: _Fields) -> Command:
    return commands.Resume(service=fields.text("service") or EVERYTHING, reason=fields.reason())


def _adopt(fields: _Fields) -> Command:
    return commands.Adopt(services=frozenset(fields.texts("services")), reason=fields.reason())


def _approve(fields: _Fields) -> Command:
    digest = fields.needed("digest", "an approval needs the digest of a plan; `paiwatch status` shows it")
    return commands.Approve(digest=digest, reason=fields.reason())


def _accept_rewrite(fields: _Fields) -> Command:
    return commands.AcceptRewrite(source=fields.source(), reason=fields.reason())


_VERBS: Mapping[str, Callable[[_Fields], Command]] = {
    "service": _service,
    "rollback": _rollback,
    "retry": _retry,
    "suspend": _suspend,
    "resume": _resume,
    "adopt": _adopt,
    "approve": _approve,
    "accept-rewrite": _accept_rewrite,
    "nudge": lambda _: commands.Nudge(),
    "progress": lambda _: commands.Progress(),
    "follow": lambda fields: commands.Follow(since=fields.number("since"), service=fields.text("service")),
}
