"""What is wrong or doubtful about a services configuration, beside what its parsers say. PURE.

Problems are told whatever happens; doubts only where a template renders otherwise because of them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from paiwatch.documents import shape
from paiwatch.documents.document import Document, problem_at
from paiwatch.model.doubts import Doubt
from paiwatch.model.openpai.conversion import Converted
from paiwatch.model.openpai.vocabulary import Vocabulary
from paiwatch.model.reads import KeyPath
from paiwatch.problem import Problem, Severity

_SHOWN = 8  # dropped keys that one message lists


def override_problems(
    services: Document, converted: Converted, vocabulary: Vocabulary, cluster_cfg: Mapping[str, Any]
) -> Iterator[Problem]:
    """Sections and keys that change nothing."""
    if converted.is_old:
        yield from _dropped(services, converted)
        return
    for section, override in converted.sections.items():
        if section not in vocabulary.sections:
            remedy = shape.closest(str(section), vocabulary.sections) or "remove it, or correct the name"
            yield _warning(services, (section,), f"no component reads section '{section}'", remedy)
        elif isinstance(override, dict):
            yield from _unknown_keys(services, str(section), override, vocabulary, cluster_cfg)


def override_doubts(
    services: Document,
    converted: Converted,
    *,
    cluster_cfg: Mapping[str, Any],
    defaults: Mapping[str, Any],
    respelled: Mapping[KeyPath, str],
) -> Iterator[Doubt]:
    """Booleans where text is compared, text that YAML reads as something else, keys lost by a partial override."""
    for section, made in cluster_cfg.items():
        override = converted.sections.get(section)
        default = defaults.get(section) or {}
        if not isinstance(override, dict) or not isinstance(made, dict):
            continue
        for path, value in _leaves(override, (section,)):
            origin = converted.origin(path)
            kept, now = _find(made, path[1:])
            if not kept or type(now) is not type(value) or now != value:
                continue
            _, usual = _find(default, path[1:])
            if isinstance(value, bool) and not isinstance(usual, bool):
                yield _boolean(services, path, origin, value, usual)
            elif origin in respelled:
                yield _respelled(services, path, origin, respelled[origin])
        yield from _lost(services, (section,), override, default, made)
    yield from _dropped_today(services, converted, defaults, cluster_cfg)


def _unknown_keys(
    services: Document,
    section: str,
    override: Mapping[Any, Any],
    vocabulary: Vocabulary,
    cluster_cfg: Mapping[str, Any],
) -> Iterator[Problem]:
    for key in override:
        if not isinstance(key, str) or vocabulary.knows(section, key):
            continue
        known = {*vocabulary.keys(section), *cluster_cfg.get(section, {})} - {key}
        guess = shape.closest(key, known)
        yield _warning(
            services,
            (section, key),
            f"nothing reads key '{section}.{key}'",
            guess or "remove it, or correct the name",
        )


def _boolean(services: Document, path: KeyPath, origin: KeyPath, value: bool, usual: Any) -> Doubt:  # noqa: FBT001 (a value, no switch)
    text = str(value).lower()
    said = f"'{shape.key_name(origin)}' is the boolean {text}, where text is compared"
    problem = _error(services, origin, said, f'write "{text}" in quotes')
    is_usually_text = isinstance(usual, str) and usual.lower() in {"true", "false"}
    compared = () if is_usually_text else ("true", "false")
    return Doubt(
        path=path, problem=problem, instead=text, compared_with=compared, is_told_anyway=is_usually_text
    )


def _respelled(services: Document, path: KeyPath, origin: KeyPath, written: str) -> Doubt:
    said = f"'{shape.key_name(origin)}' is not what it looks like: YAML reads it as a number, date or boolean and prints it otherwise"
    return Doubt(path=path, problem=_error(services, origin, said, "quote it"), instead=written)


def _lost(
    services: Document,
    path: KeyPath,
    override: Mapping[Any, Any],
    default: Mapping[Any, Any],
    made: Mapping[Any, Any],
) -> Iterator[Doubt]:
    """Keys of a default's mapping that are gone because the override replaces the whole mapping."""
    for key, usual in default.items():
        over, now = override.get(key), made.get(key)
        if not (isinstance(usual, dict) and isinstance(over, dict) and isinstance(now, dict)):
            continue
        here = (*path, key)
        for below in usual:
            if below not in now:
                said = f"'{shape.key_name(here)}' replaces its default as a whole, so '{below}' has no value any more"
                remedy = f"write '{below}' there too"
                yield Doubt(
                    path=(*here, below),
                    problem=_error(services, here, said, remedy),
                    instead=usual[below],
                    only_blank=True,
                    is_told_anyway=False,
                )
        yield from _lost(services, here, over, usual, now)


def _dropped(services: Document, converted: Converted) -> Iterator[Problem]:
    """One warning for all that an old configuration loses."""
    shown = ", ".join(f"'{shape.key_name(path)}'" for path in converted.dropped[:_SHOWN])
    more = f" and {len(converted.dropped) - _SHOWN} more" if len(converted.dropped) > _SHOWN else ""
    why = "it has a section 'hadoop'" if "hadoop" in _mapping(services) else "it has no section 'rest-server'"
    said = f"is read as the configuration of an old OpenPAI release, because {why}"
    lost = f", and loses {shown}{more}" if converted.dropped else ""
    yield _warning(
        services,
        (),
        said + lost,
        "write it in today's form: a section 'rest-server', and none called 'hadoop'",
    )


def _dropped_today(
    services: Document, converted: Converted, defaults: Mapping[str, Any], cluster_cfg: Mapping[str, Any]
) -> Iterator[Doubt]:
    """Dropped keys that mean something today: their sections hold defaults instead of what was written."""
    written = _mapping(services)
    for path in converted.dropped:
        section = str(path[0])
        default = defaults.get(section)
        keys = [path] if len(path) > 1 else [(section, key) for key in _keys(written.get(section))]
        for key in keys:
            if section in cluster_cfg and isinstance(default, dict) and key[1] in default and len(key) == 2:
                said = f"'{shape.key_name(key)}' is dropped, because the file is read as that of an old OpenPAI release"
                problem = _error(
                    services, key, said, "write the file in today's form: a section 'rest-server'"
                )
                yield Doubt(path=key, problem=problem, instead=written[section][key[1]], is_told_anyway=False)


def _keys(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, dict) else ()


def _mapping(services: Document) -> Mapping[Any, Any]:
    return services.value if isinstance(services.value, dict) else {}


def _leaves(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _leaves(below, (*path, key))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from _leaves(below, (*path, index))
    else:
        yield path, value


def _find(value: Any, path: KeyPath) -> tuple[bool, Any]:
    for key in path:
        try:
            value = value[key]
        except (LookupError, TypeError):
            return False, None
    return True, value


def _warning(services: Document, where: KeyPath, message: str, remedy: str) -> Problem:
    return problem_at(Severity.WARNING, services, where, message, remedy)


def _error(services: Document, where: KeyPath, message: str, remedy: str) -> Problem:
    return problem_at(Severity.ERROR, services, where, message, remedy)
