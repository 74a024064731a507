"""YAML exactly as PyYAML loads and dumps it, for the parts of OpenPAI that do both. With yamltext and nesting the only
room that knows PyYAML.

Bad text is a BadYamlError that says where, never what stands there: rendered files have secrets in them.
"""

from collections.abc import Iterator
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from paiwatch.documents import nesting
from paiwatch.documents.document import Path

#: What text it loads and dumps may depend on.
VERSION = yaml.__version__

#: What PyYAML raises beside its own errors for text that it cannot make values of.
_UNUSABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError)

_TEXT = "tag:yaml.org,2002:str"
_RESPELLED = frozenset({f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "bool", "timestamp")})


class BadYamlError(ValueError):
    """Text that is no YAML; `line` counts from 1, 0 when unknown."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line} is not valid YAML")
        self.line = line


def load_all(text: str) -> list[Any]:
    """The values of all documents. Raises BadYamlError, for what is too deep or too large to be looked through as well."""
    try:
        return list(_constructed(text))
    except BadYamlError:
        raise
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        raise BadYamlError(mark.line + 1 if mark else 0) from error
    except _UNUSABLE as error:
        raise BadYamlError(0) from error


def _constructed(text: str) -> Iterator[Any]:
    if mark := nesting.too_deep_at(text):
        raise BadYamlError(mark.line)
    loader = yaml.CSafeLoader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is not None and (mark := nesting.bomb_at(node)):
                raise BadYamlError(mark.line)
            yield loader.construct_document(node)
    finally:
        loader.dispose()


def dump(value: Any) -> str:
    """One document, byte for byte as `yaml.dump(value, default_flow_style=False)` of Python writes it.

    Raises BadYamlError for what cannot be written, such as a number of more than 4300 digits.
    """
    try:
        return str(yaml.dump(value, default_flow_style=False))
    except (ValueError, yaml.YAMLError) as error:
        raise BadYamlError(0) from error


def respelled(text: str) -> dict[Path, str]:
    """Plain scalars that YAML reads as something that prints otherwise than it was written (1.10, 0755, yes), by place.

    Hexadecimal numbers and true and false count as meant. Text that cannot be read has none.
    """
    try:
        if nesting.too_deep_at(text):
            return {}
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return {}
    if root is None or nesting.bomb_at(root):
        return {}
    return dict(_respelled(root, (), SafeConstructor()))


def _respelled(node: yaml.Node, path: Path, constructor: SafeConstructor) -> Iterator[tuple[Path, str]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag == _TEXT:
                yield from _respelled(value, (*path, key.value), constructor)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _respelled(value, (*path, index), constructor)
    elif isinstance(node, yaml.ScalarNode) and node.tag in _RESPELLED and not node.style:
        written: str = node.value
        if (
            written.lower() not in {"true", "false"}
            and "0x" not in written.lower()
            and _printed(node, constructor) != written
        ):
            yield path, written


def _printed(node: yaml.ScalarNode, constructor: SafeConstructor) -> str:
    """As a template would print it; nothing for what is no value after all."""
    try:
        return str(constructor.construct_object(node))
    except (yaml.YAMLError, *_UNUSABLE):
        return ""
