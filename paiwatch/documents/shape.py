"""Documents against pydantic models: the value, or every fault with its place, what is wrong and what to do. PURE.

Values are not repeated in messages, short words where one of a few was asked for excepted: they may be secrets.
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from paiwatch.documents.document import Document, Path
from paiwatch.problem import Problem, Severity

_Model = TypeVar("_Model", bound=BaseModel)

_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "true or false"),
    ((int, float), "a number"),
    (str, "text"),
    (Mapping, "a mapping"),
    (Sequence, "a list"),
)

#: What was asked for, by pydantic's error type.
_WANTED = {
    "string_type": "text",
    "path_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
}

_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
}


def check(
    model: type[_Model], document: Document, *, unknown: Severity = Severity.ERROR
) -> tuple[_Model | None, tuple[Problem, ...]]:
    """The document as this model, or None with the reasons. Keys the model lacks are problems of severity `unknown`."""
    try:
        return model.model_validate(document.value), ()
    except ValidationError as error:
        details = error.errors(include_url=False)
    problems = tuple(_problem(model, document, detail, unknown) for detail in details)
    if any(problem.severity is Severity.ERROR for problem in problems):
        return None, problems
    known = _without(document.value, {_data_path(document.value, detail["loc"]) for detail in details})
    return model.model_validate(known), problems


def closest(word: str, among: Iterable[str]) -> str:
    """`did you mean 'x'?`, or nothing when no word is near."""
    near = get_close_matches(word, sorted(among), n=1)
    return f"did you mean '{near[0]}'?" if near else ""


def key_name(path: Path) -> str:
    """A path as people write it: `prerequisite[1].dependents`; what cannot be printed is escaped."""
    name = ""
    for part in path:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else str(part)
    return name if name.isprintable() else ascii(name)[1:-1]


def fields_at(model: type[BaseModel], path: Path) -> tuple[str, ...]:
    """The keys that may stand at this path."""
    for part in path:
        if isinstance(part, int):
            continue
        fields = {_key(name, field.alias): field.annotation for name, field in model.model_fields.items()}
        below = _model_in(fields.get(part))
        if below is None:
            return ()
        model = below
    return tuple(_key(name, field.alias) for name, field in model.model_fields.items())


def _key(name: str, alias: str | None) -> str:
    return alias or name


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside `Model`, `Model | None` or `tuple[Model, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _data_path(value: Any, loc: tuple[int | str, ...]) -> Path:
    """Pydantic's place without the parts (tags, "[key]") that are not in the data."""
    path: list[str | int] = []
    for part in loc:
        if not _has(value, part):
            continue
        value = value[part]
        path.append(part)
    return tuple(path)


def _has(value: Any, part: int | str) -> bool:
    """Whether a mapping or list has something at this key or index."""
    if isinstance(value, Mapping):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and part < len(value)


def _without(value: Any, paths: set[Path], here: Path = ()) -> Any:
    """A copy that lacks what lies at these paths."""
    if isinstance(value, Mapping):
        return {
            key: _without(item, paths, (*here, key))
            for key, item in value.items()
            if (*here, key) not in paths
        }
    if isinstance(value, list):
        return [_without(item, paths, (*here, index)) for index, item in enumerate(value)]
    return value


def _problem(
    model: type[BaseModel], document: Document, detail: Mapping[str, Any], unknown: Severity
) -> Problem:
    """One of pydantic's findings in our words."""
    path = _data_path(document.value, detail["loc"])
    mark = document.locate(path)
    is_unknown = detail["type"] == "extra_forbidden"
    message, remedy = _unknown_key(model, path) if is_unknown else _words(detail, path)
    return Problem(
        file=document.file,
        line=mark.line,
        column=mark.column,
        severity=unknown if is_unknown else Severity.ERROR,
        message=message,
        remedy=remedy,
    )


def _unknown_key(model: type[BaseModel], path: Path) -> tuple[str, str]:
    known = fields_at(model, path[:-1])
    return f"unknown key '{key_name(path)}'", closest(
        str(path[-1]), known
    ) or f"the keys here are {', '.join(known)}"


def _words(detail: Mapping[str, Any], path: Path) -> tuple[str, str]:
    """Message and remedy for everything but unknown keys."""
    name = f"'{key_name(path)}'" if path else "the file"
    kind, found, facts = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "missing":
        missing = key_name((*path, str(detail["loc"][-1])))
        return f"'{missing}' is missing", f"write '{missing}'"
    if kind == "enum":
        words = str(facts["expected"]).replace("'", "").replace(" or ", ", ")
        return f"{name} is none of the words it can be", _one_of(found, words.split(", "))
    if kind == "value_error":
        return f"{name} cannot be used", str(facts["error"])
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        return f"{name} must be {words} {facts[bound]:g}", "write a number in that range"
    wanted = _WANTED.get(kind)
    if wanted is None:
        return f"{name} cannot be used: {detail['msg']}", "correct the value"
    return f"{name} must be {wanted}, not {_kind_of(found)}", _remedy(wanted, found)


def _one_of(found: Any, words: Sequence[str]) -> str:
    """The words to choose from, and the one that was probably meant."""
    choice = f"write one of: {', '.join(words)}"
    guess = closest(found, words) if isinstance(found, str) else ""
    return f"{choice}; {guess}" if guess else choice


def _kind_of(found: Any) -> str:
    return next(
        (words for kind, words in _KINDS if isinstance(found, kind)), "nothing" if found is None else "this"
    )


def _remedy(wanted: str, found: Any) -> str:
    """How to write what was wanted."""
    if wanted == "text" and isinstance(found, bool | int | float):
        return "quote it"
    if wanted == "a list" and isinstance(found, str):
        return "write one item to a line, each after '- '"
    if wanted == "a mapping of keys to values":
        return "write 'key: value' lines"
    return f"write {wanted}"
