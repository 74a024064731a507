"""Values that templates put into YAML without quotes, and that YAML then reads as something else. PURE.

Found by trying: the file is rendered once more with a harmless word in place of the value, and both results are read. What
YAML made of the word, with the value put back in its place, must be what it made of the value.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from paiwatch.model.doubts import replaced
from paiwatch.model.reads import How, KeyPath, Sight, find
from paiwatch.problem import Problem
from paiwatch.releases.affinity import Yaml
from paiwatch.releases.render import Rendered, Renderer, Sheet
from paiwatch.releases.undefined import dotted

_WORD = "paiwatchputthiswordhere"
_INDENT = re.compile(r"\s*\n\s*")
_PLAIN = re.compile(r"[A-Za-z0-9_./@+=~^$()<>;-]*")  # mostly; what does not match is tried

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})

#: Stands for text that is no YAML.
_BAD = object()


def is_yaml(target: str) -> bool:
    """Whether a rendered file is YAML, by its path."""
    return target.endswith((".yaml", ".yml"))


def misread(
    outcome: Rendered, name: str, sheet: Sheet, *, sight: Sight, renderer: Renderer, yaml: Yaml
) -> list[Problem]:
    """A problem for each value that this file changes on its way into YAML, and for each variable that is no text any more."""
    documents = _read(outcome.content.decode(), yaml)
    found = [
        _problem(path, name, sheet)
        for path, value in _risky(outcome, sight, yaml)
        if _is_misread(
            path, value, documents, name=name, sheet=sheet, sight=sight, renderer=renderer, yaml=yaml
        )
    ]
    return found or [
        _variable_problem(variable, kind, name, sheet) for variable, kind in _variables(documents)
    ]


def _risky(outcome: Rendered, sight: Sight, yaml: Yaml) -> Iterator[tuple[KeyPath, str]]:
    """Texts that this template read and that YAML, without quotes, would not read as the same text."""
    paths = {path for path, how in outcome.touched if how is How.VALUE}
    for path in sorted(paths, key=str):
        _, value = find(sight.cluster_cfg, path)
        if not isinstance(value, str) or (_PLAIN.fullmatch(value) and value[:1].isalnum()):
            continue
        if value.startswith(("{", "[")) and _read(value, yaml) is not _BAD:
            continue  # JSON: meant to be what it says
        read = _read(f"key: {value}\n", yaml)
        is_other_kind = isinstance(read, list) and len(read) == 1 and _is_scalar(read[0], value)
        if read != [{"key": value}] and not is_other_kind:
            yield path, value


def _is_scalar(document: Any, value: str) -> bool:
    """Numbers, booleans and the like: whether these are meant cannot be told from here. Text that vanishes is not meant."""
    if not isinstance(document, dict) or list(document) != ["key"]:
        return False
    read = document["key"]
    return value.strip() in _NULLS if read is None else not isinstance(read, str | dict | list)


def _is_misread(
    path: KeyPath,
    value: str,
    documents: Any,
    *,
    name: str,
    sheet: Sheet,
    sight: Sight,
    renderer: Renderer,
    yaml: Yaml,
) -> bool:
    harmless = renderer.render(name, sheet, replaced(sight.cluster_cfg, path, _WORD))
    if not isinstance(harmless, Rendered) or _WORD.encode() not in harmless.content:
        return False
    expected = _read(harmless.content.decode(), yaml)
    return expected is not _BAD and (documents is _BAD or not _agrees(expected, documents, value))


def _read(text: str, yaml: Yaml) -> Any:
    try:
        return yaml.load_all(text)
    except yaml.bad:
        return _BAD


def _agrees(expected: Any, found: Any, value: str) -> bool:
    """Whether both have one shape, and no text was cut where the value stands."""
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = [key.replace(_WORD, value) if isinstance(key, str) else key for key in expected]
        return keys == list(found) and all(
            _agrees(one, other, value) for one, other in zip(expected.values(), found.values(), strict=True)
        )
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(
            _agrees(one, other, value) for one, other in zip(expected, found, strict=True)
        )
    if not isinstance(expected, str) or _WORD not in expected:
        return not isinstance(found, dict | list) and not isinstance(expected, dict | list)
    if not isinstance(found, str):
        return False
    whole, got = _INDENT.sub("\n", expected.replace(_WORD, value)).strip(), _INDENT.sub("\n", found).strip()
    return whole == got or got not in whole


def _variables(documents: Any) -> Iterator[tuple[str, str]]:
    """Environment variables of containers whose value is no text: Kubernetes refuses them."""
    if isinstance(documents, list):
        for one in documents:
            yield from _variables(one)
    elif isinstance(documents, dict):
        env = documents.get("env")
        for variable in env if isinstance(env, list) else ():
            if _is_refused(variable):
                yield str(variable["name"]), "boolean" if isinstance(variable["value"], bool) else "number"
        for one in documents.values():
            yield from _variables(one)


def _is_refused(variable: Any) -> bool:
    return (
        isinstance(variable, Mapping)
        and isinstance(variable.get("name"), str)
        and isinstance(variable.get("value"), bool | int | float)
    )


def _problem(path: KeyPath, name: str, sheet: Sheet) -> Problem:
    return Problem(
        file=f"{sheet.deploy}/{name}",
        line=_line(sheet.texts[name].content, str(path[-1])),
        message=f"the value of {dotted(path)} stands unquoted in YAML, which reads it as something else",
        remedy="quote it in the template, or choose a value without special characters",
        service=sheet.service,
    )


def _variable_problem(variable: str, kind: str, name: str, sheet: Sheet) -> Problem:
    return Problem(
        file=f"{sheet.deploy}/{name}",
        line=_line(sheet.texts[name].content, variable),
        message=f"variable '{variable}' is a {kind} as YAML reads it, and Kubernetes takes text only",
        remedy="quote the value in the template, or choose one that is no number",
        service=sheet.service,
    )


def _line(text: str, word: str) -> int:
    """Where the word stands first, or 0."""
    return next((number for number, line in enumerate(text.splitlines(), 1) if word in line), 0)
