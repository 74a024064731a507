"""What went wrong in a template, as a Problem: file, line, what, remedy; never a value of the configuration. PURE.

Only Jinja2's own messages are repeated, less what they quote that no template spells out. A Python error's text may
quote a value, so only its class is told.
"""

import re
from collections.abc import Mapping
from types import TracebackType

import jinja2

from paiwatch.problem import Problem
from paiwatch.releases.environment import Text
from paiwatch.releases.undefined import COMPUTED

#: All that compiling or rendering somebody's template may raise.
FAULTS = (
    jinja2.TemplateError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    NameError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)

_PYTHON: tuple[tuple[type[Exception], str, str], ...] = (
    (RecursionError, "nests too deeply", "look for a macro or an include that calls itself"),
    (MemoryError, "needs too much memory", "look for a repetition or a loop that grows without end"),
    (ZeroDivisionError, "divides by zero", "check the divisor"),
    (OverflowError, "makes a number, range or repetition that is too big", "check the numbers it is given"),
    (UnicodeError, "renders text that is not valid Unicode", "look for broken escapes in the configuration"),
    (TypeError, "uses a value of the wrong type", "check the types of the values on this line"),
    (ValueError, "gives a filter or function a value it cannot use", "check the values on this line"),
    (LookupError, "looks for an element that does not exist", "check the keys and indexes on this line"),
)


_TYPES = frozenset({"bool", "dict", "float", "int", "list", "str", "tuple"})
_QUOTED = re.compile(r"(['\"])(.*?)\1", re.DOTALL)


class TooLongError(jinja2.TemplateRuntimeError):
    """A template that renders to more than paiwatch keeps."""


def fault(
    error: BaseException, *, deploy: str, name: str, texts: Mapping[str, Text], service: str
) -> Problem:
    """The Problem of rendering `name` of this deploy folder; the file and line are those of an included file if it failed."""
    names = {text.oid: path for path, text in sorted(texts.items(), reverse=True)} | {texts[name].oid: name}
    oid, line = _place(error)
    message, remedy = _told(error, texts)
    for other, path in names.items():
        message = message.replace(other, path)
    return Problem(
        file=f"{deploy}/{names.get(oid, name)}", line=line, message=message, remedy=remedy, service=service
    )


def _place(error: BaseException) -> tuple[str, int]:
    if isinstance(error, jinja2.TemplateSyntaxError):
        return error.name or "", error.lineno
    return _last_template_line(error.__traceback__)


def _last_template_line(traceback: TracebackType | None) -> tuple[str, int]:
    place = ("", 0)
    while traceback is not None:
        template = traceback.tb_frame.f_globals.get("__jinja_template__")
        if isinstance(template, jinja2.Template):
            place = (template.name or "", template.get_corresponding_lineno(traceback.tb_lineno))
        traceback = traceback.tb_next
    return place


def _told(error: BaseException, texts: Mapping[str, Text]) -> tuple[str, str]:
    if isinstance(error, jinja2.TemplateSyntaxError):
        return f"is not a valid template: {error.message}", "correct the template"
    if isinstance(error, jinja2.TemplateNotFound):
        return _not_found(error, texts)
    if isinstance(error, jinja2.UndefinedError):
        return str(error), "add it to the configuration, correct the name, or write | default(…) after it"
    if isinstance(error, jinja2.TemplateError):
        return f"cannot be rendered: {_spelled_out(str(error), texts)}", "correct the template"
    for kind, message, remedy in _PYTHON:
        if isinstance(error, kind):
            return message, remedy
    return f"cannot be rendered ({type(error).__name__})", "correct the template"


def _not_found(error: jinja2.TemplateNotFound, texts: Mapping[str, Text]) -> tuple[str, str]:
    wanted = _spelled_out(f"'{error.name}'", texts)
    message = f"includes {wanted}, which its deploy folder does not have"
    return message, "name files by their path from the deploy folder"


def _spelled_out(message: str, texts: Mapping[str, Text]) -> str:
    """The message without quoted words that stand in no template: they may be values of the configuration."""

    def keep(quoted: re.Match[str]) -> str:
        word = quoted[2]
        told = word in _TYPES or any(word in text.content for text in texts.values())
        return quoted[0] if told else f"{quoted[1]}{COMPUTED}{quoted[1]}"

    return _QUOTED.sub(keep, message)
