"""From documents to a request for the parsers, and from their sections to cluster_cfg. PURE: whoever calls runs them in between."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from paiwatch.documents.document import Document, problem_at
from paiwatch.model.doubts import Doubt
from paiwatch.model.openpai import layout as layouts
from paiwatch.model.openpai.conversion import Converted, convert
from paiwatch.model.openpai.overrides import override_doubts, override_problems
from paiwatch.model.openpai.vocabulary import Vocabulary
from paiwatch.parsers.naming import module_name
from paiwatch.parsers.sections import Fault, Note, Parsed, Parser, Request
from paiwatch.problem import Problem, Severity, errors
from paiwatch.scrub import Scrubber

LAYOUT = "layout.yaml"
SERVICES = "services-configuration.yaml"

_CLUSTER = "k8s"  # the kind of cluster that paictl looks for, whatever the configuration says
_COMMON = "common"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What one model is made from. `defaults` has each component's config/S.yaml, `prefix` is the src tree's."""

    layout: Document
    services: Document
    parsers: tuple[str, ...]
    defaults: Mapping[str, Document]
    prefix: str
    respelled: Mapping[tuple[str | int, ...], str]
    vocabulary: Vocabulary


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`request` is None when the configuration as a whole cannot be used: then only the problems count."""

    request: Request | None
    converted: Converted
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """cluster_cfg with all that is wrong or doubtful about it. A section that failed is absent, and a doubt says so."""

    cluster_cfg: Mapping[str, Any]
    problems: tuple[Problem, ...]
    doubts: tuple[Doubt, ...]


def ask(given: Given, files: Mapping[str, bytes]) -> Asked:
    """The request to make of the parsers. `files` is all that they may read, by path from src/ on."""
    broken = [*_unreadable(given.services), *given.layout.problems]
    if not errors(given.layout.problems):
        broken += layouts.check(given.layout)
    services = given.services.value if isinstance(given.services.value, dict) else {}
    converted = convert(services)
    if errors(broken):
        return Asked(request=None, converted=converted, problems=tuple(sorted(broken)))
    parsers: list[Parser] = []
    failed: set[str] = set()
    for name in given.parsers:
        faults = [*_section_faults(name, given, converted)]
        broken += faults
        if errors(faults):
            failed.add(name)
        elif _is_wanted(name, given, converted):
            parsers.append(Parser(name, _override(name, converted), _default(name, given)))
    request = Request(
        layout=given.layout.value,
        built={"layout": layouts.section(given.layout.value)},
        parsers=tuple(parsers),
        files={f"src/{path}": content for path, content in files.items()},
        failed=frozenset(failed),
    )
    return Asked(request=request, converted=converted, problems=tuple(sorted(broken)))


def assemble(given: Given, asked: Asked, parsed: Parsed, secrets: frozenset[str]) -> Model:
    """cluster_cfg of these sections. `secrets` are values that no message may show."""
    if asked.request is None:
        return Model(cluster_cfg={}, problems=asked.problems, doubts=())
    scrub = Scrubber(secrets).scrub
    found = [*asked.problems, *(_noted(note, given) for note in parsed.notes)]
    found += [_fault(fault, given, scrub(fault.message)) for fault in parsed.faults]
    cluster_cfg = {**asked.request.built, **parsed.sections}
    found += override_problems(given.services, asked.converted, given.vocabulary, cluster_cfg)
    defaults = {name: _default(name, given) for name in given.parsers}
    doubts = [*_failed(found, cluster_cfg, given), *layouts.doubts(given.layout)]
    doubts += override_doubts(
        given.services, asked.converted, cluster_cfg=cluster_cfg, defaults=defaults, respelled=given.respelled
    )
    found += [replace(doubt.problem, severity=Severity.WARNING) for doubt in doubts if doubt.is_told_anyway]
    return Model(cluster_cfg=cluster_cfg, problems=tuple(sorted(set(found))), doubts=tuple(doubts))


def _unreadable(services: Document) -> Iterator[Problem]:
    yield from services.problems
    if errors(services.problems):
        return
    if services.value is not None and not isinstance(services.value, dict):
        yield _at(services, (), "is not a mapping of sections", "write the services' names and their keys")


def _default(name: str, given: Given) -> Any:
    """As paictl: {} without a file, None for an empty one."""
    return given.defaults[name].value if name in given.defaults else {}


def _override(name: str, converted: Converted) -> Any:
    override = converted.sections.get(name)
    return {} if override is None else override


def _section_faults(name: str, given: Given, converted: Converted) -> Iterator[Problem]:
    """What keeps one parser from being run at all, and what it is spared."""
    default = given.defaults.get(name)
    if default is not None:
        yield from (replace(problem, service=name) for problem in default.problems)
        if not errors(default.problems) and not isinstance(default.value, dict | None):
            yield replace(_at(default, (), "is not a mapping of keys", "write keys and values"), service=name)
    if name not in converted.sections:
        return
    override, where = converted.sections[name], converted.origin((name,))
    if override is None:
        said = f"section '{name}' is empty, so it changes nothing"
        yield _at(given.services, where, said, "remove it, or write keys below it", Severity.WARNING)
    elif not isinstance(override, dict):
        said = f"section '{name}' is not a mapping of keys"
        yield replace(_at(given.services, where, said, "write keys and values below it"), service=name)


def _is_wanted(name: str, given: Given, converted: Converted) -> bool:
    """Components of another kind of cluster have no section."""
    kind = _COMMON
    for source in (_default(name, given), _override(name, converted)):
        if isinstance(source, dict) and "service_type" in source:
            kind = source["service_type"]
    return kind in (_COMMON, _CLUSTER)


def _fault(fault: Fault, given: Given, said: str) -> Problem:
    """A parser that failed: at the section that it refuses, or at its own line."""
    name = fault.component
    where = (name,)
    if said.startswith("says: ") or fault.phase in {"validation_pre", "validation_post"}:
        document = given.services
        file, mark = document.file, document.locate(where)
        line, column = mark if where in document.marks else (0, 0)
    else:
        file, line, column = f"{given.prefix}{name}/config/{module_name(name)}.py", fault.line, 0
    is_consequence = said.startswith("needs the section ")
    return Problem(
        file=file,
        line=line,
        column=column,
        message=f"the parser of '{name}' {said} (in {fault.phase})",
        remedy="mend that first"
        if is_consequence
        else f"correct section '{name}' of {given.services.file}, or the parser",
        service=name,
    )


def _noted(note: Note, given: Given) -> Problem:
    name = note.component
    return Problem(
        file=f"{given.prefix}{name}/config/{module_name(name)}.py",
        severity=Severity.WARNING,
        message=f"the parser of '{name}' tried to {note.what}, which it may not (in {note.phase})",
        remedy="parsers compute a section from what they are given, and nothing else",
        service=name,
    )


def _failed(problems: list[Problem], cluster_cfg: Mapping[str, Any], given: Given) -> Iterator[Doubt]:
    """One for each section that is missing because of a fault."""
    for name in given.parsers:
        own = [problem for problem in errors(problems) if problem.service == name]
        if own and name not in cluster_cfg:
            yield Doubt(
                path=(name,),
                problem=Problem(
                    file=own[0].file,
                    line=own[0].line,
                    message=f"reads section '{name}', which could not be made: see {own[0].place}",
                    remedy="mend that first",
                ),
                is_told_anyway=False,
                is_told_where_read=True,
            )


def _at(
    document: Document,
    where: tuple[str | int, ...],
    message: str,
    remedy: str,
    severity: Severity = Severity.ERROR,
) -> Problem:
    return problem_at(severity, document, where, message, remedy)
