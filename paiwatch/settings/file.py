"""config.yaml from disk: read, checked, overridden by the environment, its paths made absolute."""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path, PurePosixPath
from typing import Any

from paiwatch.documents import shape
from paiwatch.documents.document import Document, problem_at
from paiwatch.documents.yamltext import Dialect, parse
from paiwatch.errors import ConfigError
from paiwatch.problem import Problem, Severity, errors
from paiwatch.settings import rules
from paiwatch.settings.sections import PLACES, Logging, Operators, Section, Settings, Source
from paiwatch.sources import signers

#: Environment variables that win over the file: the section and the key that each sets ("" for the top).
OVERRIDES: Mapping[str, tuple[str, str]] = {
    "PAIWATCH_STATE": ("", "state"),
    "PAIWATCH_LOG_LEVEL": ("log", "level"),
    "PAIWATCH_LOG_FORMAT": ("log", "format"),
    "PAIWATCH_PARALLEL": ("operators", "parallel"),
}

_SWITCHES, _WORDS = ("verify", "submodules"), ("off", "on")  # keys for which these are words like any other

_SECTIONS: Mapping[str, type[Section]] = {"log": Logging, "operators": Operators}


def load(path: Path, environ: Mapping[str, str]) -> Settings:
    """The settings, with every path absolute. Raises ConfigError with every fault."""
    return load_with_warnings(path, environ)[0]


def load_with_warnings(path: Path, environ: Mapping[str, str]) -> tuple[Settings, tuple[Problem, ...]]:
    """The settings, and what should be changed though it works. Raises ConfigError with every fault."""
    document, settings, found = _read(path, environ)
    if settings is not None:
        found += _file_faults(settings, document)
    return _unless_faulty(path, settings, found)


def load_alone(path: Path, environ: Mapping[str, str]) -> Settings:
    """The settings without a look at the files they name: those matter to nobody who asks only the record or a daemon.

    Raises ConfigError with every fault of config.yaml itself.
    """
    _, settings, found = _read(path, environ)
    return _unless_faulty(path, settings, found)[0]


def _read(path: Path, environ: Mapping[str, str]) -> tuple[Document, Settings | None, list[Problem]]:
    document = _document(path)
    found = _text_problems(document)
    settings: Settings | None = None
    if document.value is not None:
        settings, problems = shape.check(Settings, document)
        found += problems
    changed, more = _overridden(settings, environ)
    found += more
    if changed is not None:
        found += rules.check(changed, document)
        changed = _absolute(changed, path.absolute().parent)
    return document, changed, found


def _unless_faulty(
    path: Path, settings: Settings | None, found: list[Problem]
) -> tuple[Settings, tuple[Problem, ...]]:
    if settings is None or errors(found):
        faults = len(errors(found))
        raise ConfigError(
            f"{path}: {faults} {'fault' if faults == 1 else 'faults'} in the settings", sorted(found)
        )
    return settings, tuple(sorted(found))


def _document(path: Path) -> Document:
    """The file parsed, keys without a value left out. Raises ConfigError when it cannot be read."""
    try:
        text = path.read_bytes()
    except IsADirectoryError as error:
        raise ConfigError(
            f"{path}: is a folder; name the settings file in it, such as {path}/config.yaml"
        ) from error
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: does not exist; name the settings file with -c, or copy config.example.yaml there"
        ) from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; check who may read it") from error
    document = parse(text, file=str(path), dialect=Dialect.STRICT)
    is_empty = document.value is None and not document.problems
    return replace(document, value={} if is_empty else _without_nulls(document.value))


def _text_problems(document: Document) -> list[Problem]:
    """What is wrong with the text; not that YAML 1.1 would read `verify: off` as false: it is kept as it is written."""
    found = list(document.problems)
    for where in product(("config", "src"), _SWITCHES):
        key, value = document.locate(where), _value(document, *where)
        meant = [each for each in found if each.line == key.line and each.column > key.column]
        first = min(meant, key=lambda each: each.column, default=None)
        if first is not None and value in _WORDS and first.message.startswith(f"'{value}' means"):
            found.remove(first)
    return found


def _value(document: Document, name: str, key: str) -> object:
    section = document.value.get(name) if isinstance(document.value, dict) else None
    return section.get(key) if isinstance(section, dict) else None


def _without_nulls(value: Any) -> Any:
    """A key without a value means its default, as if it were commented out."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return value


def _overridden(
    settings: Settings | None, environ: Mapping[str, str]
) -> tuple[Settings | None, tuple[Problem, ...]]:
    """The settings with what the environment says; faults name the variable. An empty variable says nothing."""
    problems: list[Problem] = []
    for variable, (section, key) in OVERRIDES.items():
        if not (text := environ.get(variable)):
            continue
        fault, value = _override(variable, section, key, text)
        if fault is not None:
            problems.append(fault)
        elif settings is not None:
            update = {key: value}
            if section:
                update = {section: getattr(settings, section).model_copy(update=update)}
            settings = settings.model_copy(update=update)
    return settings, tuple(problems)


def _override(variable: str, section: str, key: str, text: str) -> tuple[Problem | None, Any]:
    """One variable's value, or what is wrong with it."""
    if not section:
        path = Path(text)
        remedy = "write an absolute path"
        return (
            None
            if path.is_absolute()
            else Problem(file=variable, message="is a relative path", remedy=remedy)
        ), path
    value = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else text
    checked, problems = shape.check(_SECTIONS[section], Document(file=variable, value={key: value}))
    if checked is None:
        return replace(problems[0], line=0, column=0), None
    return None, getattr(checked, key)


def _absolute(settings: Settings, base: Path) -> Settings:
    """Relative paths are seen from the settings file's folder."""
    return settings.model_copy(
        update={
            "config": _absolute_source(settings.config, base),
            "src": _absolute_source(settings.src, base),
            "state": base / settings.state,
        }
    )


def _absolute_source(source: Source, base: Path) -> Source:
    update: dict[str, Any] = {"folder": str(PurePosixPath(source.folder))}
    for key in PLACES:
        if (path := getattr(source, key)) is not None:
            update[key] = base / path
    if source.repo and not rules.transport(source.repo):
        update["repo"] = str(base / source.repo)
    return source.model_copy(update=update)


def _file_faults(settings: Settings, document: Document) -> Iterator[Problem]:
    """What only a look at this machine can tell."""
    for name, source in (("config", settings.config), ("src", settings.src)):
        for key in ("token_file", "key_file", "known_hosts", "ca_file"):
            path: Path | None = getattr(source, key)
            if path is not None and (
                fault := _secret_file_fault(path, is_public=key in {"known_hosts", "ca_file"})
            ):
                severity, message, remedy = fault
                yield problem_at(severity, document, (name, key), f"'{name}.{key}': {path} {message}", remedy)
        for key, found in (
            ("allowed_signers", signers.allowed_fault(source.allowed_signers)),
            ("keyring", signers.keyring_fault(source.keyring)),
        ):
            if found is not None and source.rules.verifies:
                yield problem_at(
                    Severity.ERROR, document, (name, key), f"'{name}.{key}': {found[0]}", found[1]
                )
        if source.directory is not None and _lies_in(settings.state, source.directory):
            message = f"'state' lies in '{name}.directory': whatever paiwatch writes would look like a change"
            yield problem_at(Severity.ERROR, document, ("state",), message, "put one of them elsewhere")


def _secret_file_fault(path: Path, *, is_public: bool) -> tuple[Severity, str, str] | None:
    """Whether the file is there, can be read, and by whom else."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return Severity.ERROR, f"cannot be used: {error.strerror}", "create the file, or correct the path"
    if not stat.S_ISREG(mode):
        return Severity.ERROR, "is not a file", "name the file itself"
    if not os.access(path, os.R_OK):
        return Severity.ERROR, "cannot be read by this user", "change its owner or mode"
    if not is_public and mode & (stat.S_IRGRP | stat.S_IROTH):
        return Severity.WARNING, "can be read by other users", f"run: chmod 600 {path}"
    return None


def _lies_in(inner: Path, outer: Path) -> bool:
    """By whatever links: `Path.resolve` would raise for one that leads to itself."""
    return Path(os.path.realpath(inner)).is_relative_to(os.path.realpath(outer))
