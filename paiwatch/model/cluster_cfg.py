"""cluster_cfg, plain model: configuration documents and component defaults become one object. PURE.

Values of the documents are shared, never copied or changed; root keys are sorted, so moving a section changes nothing.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from paiwatch.documents.document import Document
from paiwatch.problem import Problem, Severity, errors

LAYOUT = "layout.yaml"
SERVICES = "services-configuration.yaml"
SUFFIX = ".yaml"


def assemble(
    config_documents: Mapping[str, Document], defaults: Mapping[str, Document]
) -> tuple[dict[Any, Any], tuple[Problem, ...]]:
    """The object model of a plain tree, and what is wrong with it.

    `config_documents` has the `*.yaml` files directly in the config folder by file name; `defaults` each component's
    `config/<component>.yaml` by component. A problem of severity error concerns the whole tree (its service is
    empty): nothing may be planned from this cluster_cfg. Empty files count as empty mappings.
    """
    documents = [*config_documents.values(), *defaults.values()]
    problems = [problem for document in documents for problem in document.problems]
    problems += _not_mappings(documents)
    sections: dict[Any, tuple[Any, str]] = {}
    for key, value, file, found in _sections(config_documents, defaults):
        problems += found
        if key in sections:
            problems.append(_clash(key, sections[key][1], file))
        else:
            sections[key] = (value, file)
    cluster_cfg = {key: sections[key][0] for key in sorted(sections, key=str)}
    return cluster_cfg, tuple(sorted(problems))


_Section = tuple[Any, Any, str, list[Problem]]


def _sections(
    config_documents: Mapping[str, Document], defaults: Mapping[str, Document]
) -> Iterator[_Section]:
    """Key, value, file and problems of each section, in a fixed order."""
    if LAYOUT in config_documents:
        yield "layout", _mapping(config_documents[LAYOUT]), config_documents[LAYOUT].file, []
    yield from _service_sections(config_documents.get(SERVICES), defaults)
    for name in sorted(config_documents.keys() - {LAYOUT, SERVICES}):
        document = config_documents[name]
        yield name.removesuffix(SUFFIX), _mapping(document), document.file, []


def _service_sections(services: Document | None, defaults: Mapping[str, Document]) -> Iterator[_Section]:
    overrides = _mapping(services) if services else {}
    for key, override in overrides.items():
        if services is not None:
            yield key, *_section(key, override, services, defaults.get(key))
    for component in sorted(defaults.keys() - overrides.keys()):
        yield component, _mapping(defaults[component]), defaults[component].file, []


def _section(
    key: Any, override: Any, services: Document, default: Document | None
) -> tuple[Any, str, list[Problem]]:
    base = _mapping(default) if default else {}
    if override is None:
        return base, services.file, [_empty_section(key, services)]
    if default is not None and not isinstance(override, dict):
        return base, services.file, [_not_a_section(key, services, default)]
    return merged(base, override) if isinstance(override, dict) else override, services.file, []


def merged(default: Mapping[Any, Any], override: Mapping[Any, Any]) -> dict[Any, Any]:
    """The default with the override's keys laid over it: mapping into mapping, anything else replaces. Default's keys come first."""
    result = dict(default)
    for key, value in override.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def _mapping(document: Document) -> dict[Any, Any]:
    return document.value if isinstance(document.value, dict) else {}


def _not_mappings(documents: list[Document]) -> Iterator[Problem]:
    for document in documents:
        unread = document.value is None or errors(document.problems)
        if not unread and not isinstance(document.value, dict):
            yield Problem(
                file=document.file,
                line=1,
                message=f"is a {type(document.value).__name__} where a mapping is needed",
                remedy="write keys and values at the top level",
            )


def _empty_section(key: Any, services: Document) -> Problem:
    mark = services.locate((key,))
    return Problem(
        file=services.file,
        line=mark.line,
        column=mark.column,
        severity=Severity.WARNING,
        message=f"section '{key}' is empty, so it changes nothing",
        remedy="remove it, or write {} to mean that",
    )


def _not_a_section(key: Any, services: Document, default: Document) -> Problem:
    mark = services.locate((key,))
    return Problem(
        file=services.file,
        line=mark.line,
        column=mark.column,
        message=f"section '{key}' is not a mapping, so it cannot be laid over {default.file}",
        remedy="write keys and values below it",
    )


def _clash(key: Any, first: str, second: str) -> Problem:
    return Problem(
        file=second,
        message=f"also makes cluster_cfg['{key}'], as {first} does",
        remedy="rename the file, or remove one of the two",
    )
