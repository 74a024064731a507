"""service.yaml: its keys, and how one file becomes a Service or Problems. PURE."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from paiwatch.catalog import paths, watch
from paiwatch.catalog.service import (
    Dependents,
    OnChange,
    OnFailure,
    OnInterruption,
    Operator,
    Prerequisite,
    Retries,
    Service,
)
from paiwatch.catalog.watch import Pattern
from paiwatch.documents import shape
from paiwatch.documents.document import Document, problem_at
from paiwatch.documents.units import Count, Duration, Span
from paiwatch.problem import Problem, Severity, errors

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OURS = "PAIWATCH_"
_SCRIPTS = tuple((operator, f"{operator}_script") for operator in Operator)


class Part(BaseModel):
    """What all parts of a declaration share: frozen. Docstrings of fields are what the schema says of them."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        validate_by_name=False,
        validate_by_alias=True,
    )


class Need(Part):
    """A prerequisite written as a mapping."""

    service: str
    """Name of the service that must be there first."""
    dependents: Dependents | None = None
    """refresh: a change of that service also refreshes this one; ignore: it only goes first."""


def _named(value: Any) -> Any:
    """A bare name is short for `{service: name}`."""
    return {"service": value} if isinstance(value, str) else value


class RetriesPart(Part):
    """How often a failed step of this service is tried again, and how far apart."""

    attempts: Count = 5
    """Tries in all before the release is quarantined."""
    first: Duration = 10.0
    """Wait after the first failure; doubles each time."""
    max: Duration = 300.0
    """Longest wait."""


class Declaration(Part):
    """What service.yaml may say."""

    model_config = ConfigDict(json_schema_extra={"required": ["start-script"]})

    prerequisite: (
        tuple[Annotated[Need, BeforeValidator(_named, json_schema_input_type=str | Need)], ...] | None
    ) = None
    """Services that must be there before this one: names, or mappings `{service: X, dependents: refresh | ignore}`."""
    template_list: Annotated[tuple[str, ...] | None, Field(alias="template-list")] = None
    """Files to render: `start.sh` is made from `start.sh.template`."""
    start_script: Annotated[str | None, Field(alias="start-script")] = None
    """Script that brings the service up. Every service needs one."""
    stop_script: Annotated[str | None, Field(alias="stop-script")] = None
    """Script that takes the service down and keeps its data."""
    delete_script: Annotated[str | None, Field(alias="delete-script")] = None
    """Script that removes the service and its data."""
    refresh_script: Annotated[str | None, Field(alias="refresh-script")] = None
    """Script that updates the configuration of the running service."""
    upgraded_script: Annotated[Any, Field(alias="upgraded-script")] = None
    """Accepted because old files have it; never used."""
    on_change: Annotated[OnChange | None, Field(alias="on-change")] = None
    """What a change of this service asks for: refresh, restart (stop, then start) or start."""
    on_failure: Annotated[OnFailure | None, Field(alias="on-failure")] = None
    """What happens when the retries of a new release are used up: keep (it stays failed) or rollback (to the last good release)."""
    interrupted: OnInterruption | None = None
    """What happens when paiwatch's own end cut a script off: rerun (the step is run again) or hold (the service waits for a person)."""
    timeout: Span | None = None
    """Limit of each script."""
    retries: RetriesPart | None = None
    """Retries of a failed step."""
    env: dict[str, str] | None = None
    """Environment variables for the scripts; names that begin with PAIWATCH_ are taken."""
    cluster_type: Annotated[tuple[str, ...] | None, Field(alias="cluster-type")] = None
    """Kinds of cluster the service is for."""
    deploy_rules: Annotated[tuple[dict[str, str], ...] | None, Field(alias="deploy-rules")] = None
    """Node labels that pods are placed by: `in: label` or `notin: label`."""
    watch: tuple[str, ...] | None = None
    """Files outside the deploy folder that its scripts read: patterns such as `version/*.VERSION`, from the tree's root."""


def parse_service(name: str, folder: str, document: Document) -> tuple[Service | None, tuple[Problem, ...]]:
    """The service this file declares, or None, with all that is wrong; only errors keep it from being one."""
    problems = list(document.problems)
    declared: Declaration | None = None
    if not errors(problems) or document.value is not None:
        value = {} if document.value is None else document.value
        declared, shaped = shape.check(Declaration, replace(document, value=value), unknown=Severity.WARNING)
        problems += shaped
    if declared is not None:
        problems += _faults(name, declared, document)
    named = tuple(sorted(replace(problem, service=name) for problem in problems))
    if declared is None or errors(named):
        return None, named
    return _service(name, folder, declared, document), named


def _service(name: str, folder: str, declared: Declaration, document: Document) -> Service:
    """The declaration as a value, free of faults by now."""
    return Service(
        name=name,
        folder=folder,
        prerequisites=_prerequisites(declared, document),
        templates=tuple(dict.fromkeys(map(paths.normal, declared.template_list or ()))),
        scripts={operator: paths.normal(script) for operator, script in _scripts(declared)},
        on_change=declared.on_change,
        on_failure=declared.on_failure,
        interrupted=declared.interrupted,
        timeout=declared.timeout,
        retries=_retries(declared.retries),
        env=declared.env or {},
        cluster_types=declared.cluster_type,
        deploy_rules=declared.deploy_rules,
        watch=_patterns(declared, document),
    )


def _retries(part: RetriesPart | None) -> Retries | None:
    return None if part is None else Retries(attempts=part.attempts, first=part.first, max=part.max)


def _prerequisites(declared: Declaration, document: Document) -> tuple[Prerequisite, ...]:
    """The first of each name, in the file's order."""
    found: dict[str, Prerequisite] = {}
    for index, need in enumerate(declared.prerequisite or ()):
        line = document.locate(("prerequisite", index)).line
        found.setdefault(
            need.service, Prerequisite(service=need.service, dependents=need.dependents, line=line)
        )
    return tuple(found.values())


def _patterns(declared: Declaration, document: Document) -> tuple[Pattern, ...]:
    """What is watched, in the file's order; the first of each."""
    found: dict[str, Pattern] = {}
    for index, text in enumerate(declared.watch or ()):
        normal = watch.normal(text)
        found.setdefault(normal, Pattern(text=normal, line=document.locate(("watch", index)).line))
    return tuple(found.values())


def _scripts(declared: Declaration) -> Iterator[tuple[Operator, str]]:
    """The scripts that are named, in the order of the verbs."""
    for operator, field in _SCRIPTS:
        script: str | None = getattr(declared, field)
        if script is not None:
            yield operator, script


def _faults(name: str, declared: Declaration, document: Document) -> Iterator[Problem]:
    """What types cannot say."""
    if declared.start_script is None:
        yield _fault(
            document,
            (),
            "'start-script' is missing: nothing can start this service",
            "write 'start-script: start.sh'",
        )
    for operator, script in _scripts(declared):
        if said := paths.fault(script):
            yield _fault(document, (f"{operator}-script",), f"'{operator}-script' {said[0]}", said[1])
    yield from _template_faults(declared, document)
    yield from _prerequisite_faults(name, declared, document)
    yield from _env_faults(declared, document)
    for index, text in enumerate(declared.watch or ()):
        where = ("watch", index)
        if said := watch.fault(text):
            yield _fault(document, where, f"'{shape.key_name(where)}' {said[0]}", said[1])


def _template_faults(declared: Declaration, document: Document) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for index, template in enumerate(declared.template_list or ()):
        where = ("template-list", index)
        if said := paths.fault(template):
            yield _fault(document, where, f"'{shape.key_name(where)}' {said[0]}", said[1])
            continue
        path = paths.normal(template)
        if path in seen:
            yield _warning(
                document, where, f"template '{path}' is listed twice", f"line {seen[path]} already has it"
            )
        seen.setdefault(path, document.locate(where).line)
        if path == "service.yaml":
            yield _fault(document, where, "service.yaml cannot be a template", "take it off the list")


def _prerequisite_faults(name: str, declared: Declaration, document: Document) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for index, need in enumerate(declared.prerequisite or ()):
        where = ("prerequisite", index)
        if need.service == name:
            yield _fault(document, where, f"'{name}' is its own prerequisite", "remove it from the list")
        elif not need.service:
            yield _fault(
                document, where, "a prerequisite has no name", "write the name of a service, or remove it"
            )
        elif need.service in seen:
            twice = f"prerequisite '{need.service}' is listed twice"
            yield _warning(document, where, twice, f"line {seen[need.service]} already has it and counts")
        seen.setdefault(need.service, document.locate(where).line)


def _env_faults(declared: Declaration, document: Document) -> Iterator[Problem]:
    for key, value in (declared.env or {}).items():
        where = ("env", key)
        if not _ENV_NAME.fullmatch(key):
            rule = "use letters, digits and '_', no digit first"
            yield _fault(
                document, where, f"'{paths.shown(key)}' is no name for an environment variable", rule
            )
        elif key.startswith(_OURS):
            yield _fault(
                document, where, f"'{key}' is taken: paiwatch sets the {_OURS} variables", "use another name"
            )
        if "\0" in value:
            yield _fault(document, where, f"the value of '{key}' has a NUL character", "remove it")


_fault = partial(problem_at, Severity.ERROR)
_warning = partial(problem_at, Severity.WARNING)
