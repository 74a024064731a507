"""YAML exactly as PyYAML loads and dumps it, for the parts of OpenPAI that do both. With yamltext the only room that knows PyYAML.

Bad text is a BadYamlError that says where, never what stands there: rendered files have secrets in them.
"""

from collections.abc import Iterator
from typing import Any

import yaml

from paiwatch.documents.document import Path

#: What text it loads and dumps may depend on.
VERSION = yaml.__version__

_TEXT = "tag:yaml.org,2002:str"
_RESPELLED = frozenset({f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "bool", "timestamp")})


class BadYamlError(ValueError):
    """Text that is no YAML; `line` counts from 1, 0 when unknown."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line} is not valid YAML")
        self.line = line


def load_all(text: str) -> list[Any]:
    """The values of all documents. Raises BadYamlError."""
    try:
        return list(yaml.load_all(text, Loader=yaml.CSafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        raise BadYamlError(mark.line + 1 if mark else 0) from error
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError) as error:
        raise BadYamlError(0) from error


def dump(value: Any) -> str:
    """One document, byte for byte as `yaml.dump(value, default_flow_style=False)` of Python writes it."""
    return str(yaml.dump(value, default_flow_style=False))


def respelled(text: str) -> dict[Path, str]:
    """Plain scalars that YAML reads as something that prints otherwise than it was written (1.10, 0755, yes), by place.

    Hexadecimal numbers and true and false count as meant. Text that cannot be read has none.
    """
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
        return {} if root is None else dict(_respelled(root, (), set()))
    except (yaml.YAMLError, RecursionError):
        return {}


def _respelled(node: yaml.Node, path: Path, above: set[int]) -> Iterator[tuple[Path, str]]:
    if id(node) in above:
        return
    below = above | {id(node)}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag == _TEXT:
                yield from _respelled(value, (*path, key.value), below)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _respelled(value, (*path, index), below)
    elif isinstance(node, yaml.ScalarNode) and node.tag in _RESPELLED and not node.style:
        written: str = node.value
        if (
            written.lower() not in {"true", "false"}
            and "0x" not in written.lower()
            and _printed(node) != written
        ):
            yield path, written


def _printed(node: yaml.ScalarNode) -> str:
    """As a template would print it; nothing for what is no value after all."""
    try:
        return str(yaml.safe_load(yaml.serialize(node)))
    except (yaml.YAMLError, ValueError, KeyError):
        return ""
