"""YAML text to Document values: marks, duplicate keys, surprises. With its neighbours the only room that knows PyYAML.

One walk over the composed nodes gives the values, their places and every fault. Bad text is a Problem, never an
exception; it reads no files and knows no schema.
"""

from enum import StrEnum
from sys import intern
from typing import Any

import yaml

from paiwatch import collector
from paiwatch.documents import nesting
from paiwatch.documents.advice import advice_for
from paiwatch.documents.document import Document, Mark, Path
from paiwatch.documents.nesting import MAX_DEPTH, MAX_SHARED
from paiwatch.documents.scalar import Surprise, read_scalar
from paiwatch.documents.utf8 import decode
from paiwatch.problem import Problem

_LARGE = 200_000  # characters from which the garbage collector's passes cost more than the parsing

_STR = "tag:yaml.org,2002:str"
_MAP = "tag:yaml.org,2002:map"
_SEQ = "tag:yaml.org,2002:seq"
_MERGE = "tag:yaml.org,2002:merge"
_VALUE = "tag:yaml.org,2002:value"
_PLAIN_TAGS = {
    f"tag:yaml.org,2002:{name}" for name in ("str", "bool", "int", "float", "null", "timestamp", "value")
}

#: What a constructor of PyYAML raises for a scalar that matches its pattern and still is none (2020-13-45, !!int x).
_UNUSABLE = (ValueError, KeyError, AttributeError, IndexError, TypeError, OverflowError)

_TOO_DEEP = (f"is nested more than {MAX_DEPTH} levels deep", "check the brackets and the indentation")
_UNUSABLE_KEY = object()

#: A container that was read: its value, how many values it has with all its aliases written out, its height.
_Container = tuple[Any, int, int]


class Dialect(StrEnum):
    """How scalars are read.

    strict: text that YAML 1.1 turns into something else than it looks like is a problem. openpai: values are exactly
    those of `yaml.safe_load`. Duplicate keys are errors in both.
    """

    STRICT = "strict"
    OPENPAI = "openpai"


def parse(text: bytes | str, *, file: str, dialect: Dialect, placed: int = MAX_DEPTH) -> Document:
    """The document in this text; `file` is what problems call it. Never raises for bad text.

    Keys and items of the first `placed` levels have their places in it: large files have very many.
    """
    decoded = decode(text, file)
    if isinstance(decoded, Problem):
        return Document(file=file, value=None, problems=(decoded,))
    with collector.paused(when=len(decoded) > _LARGE):
        try:
            return _read(decoded, file, dialect, placed)
        except yaml.YAMLError as error:
            return Document(file=file, value=None, problems=(_syntax_problem(error, file),))


def _read(text: str, file: str, dialect: Dialect, placed: int) -> Document:
    """Compose, then walk. Raises yaml.YAMLError."""
    if mark := nesting.too_deep_at(text):
        return Document(file=file, value=None, problems=(_problem_at(mark, file, *_TOO_DEEP),))
    loader = yaml.CSafeLoader(text)
    try:
        root = loader.get_single_node()
        walk = _Walk(loader, file, strict=dialect is Dialect.STRICT, placed=placed)
        value = None if root is None else walk.value(root, ())
    except RecursionError:  # merges inside merges do not lengthen the path
        return Document(file=file, value=None, problems=(_problem_at(Mark(1, 1), file, *_TOO_DEEP),))
    finally:
        loader.dispose()
    return walk.document(value)


def _mark_of(node: yaml.Node) -> Mark:
    """Where the node begins, counted from 1."""
    mark = node.start_mark
    return Mark(mark.line + 1, mark.column + 1)


def _problem_at(mark: Mark, file: str, message: str, remedy: str) -> Problem:
    return Problem(file=file, line=mark.line, column=mark.column, message=message, remedy=remedy)


def _syntax_problem(error: yaml.YAMLError, file: str) -> Problem:
    """What PyYAML said, with a place and a remedy where one is known."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
    return Problem(
        file=file,
        line=mark.line + 1 if mark else 0,
        column=mark.column + 1 if mark else 0,
        message=f"is not valid YAML: {said.removeprefix('but ')}",
        remedy=advice_for(said),
    )


class _Walk:
    """One pass over the nodes of one document: values, marks and problems."""

    def __init__(self, loader: yaml.CSafeLoader, file: str, *, strict: bool, placed: int) -> None:
        self._loader = loader
        self._file = file
        self._strict = strict
        self._placed = placed  # levels whose places are kept
        self._containers: dict[int, _Container | None] = {}  # by id of the node; None while it is being read
        self._count = 0  # values, those that aliases repeat included
        self._repeats = 0  # values that aliases repeat
        self._deepest = 0
        self._broken = False  # whether there is no usable value
        self._marks: dict[Path, Mark] = {}
        self._problems: list[Problem] = []

    def document(self, value: Any) -> Document:
        """What the walk found, or nothing but problems when aliases make it too large to look through."""
        if self._repeats > MAX_SHARED:
            bomb = f"aliases repeat more than {MAX_SHARED:,} values"
            self._problems.append(_problem_at(Mark(1, 1), self._file, bomb, "write the values out"))
            self._broken = True
        return Document(
            file=self._file,
            value=None if self._broken else value,
            marks=self._marks,
            problems=tuple(sorted(self._problems)),
        )

    def _fault(self, node: yaml.Node, message: str, remedy: str) -> None:
        """Note an error at this node."""
        self._problems.append(_problem_at(_mark_of(node), self._file, message, remedy))

    def value(self, node: yaml.Node, path: Path) -> Any:
        """The node's value; the places of what is inside go to the marks, faults to the problems."""
        if isinstance(node, yaml.ScalarNode):
            self._count += 1
            return intern(node.value) if node.tag == _STR else self._scalar(node)
        if id(node) in self._containers:
            return self._repeated(node, len(path))
        if len(path) >= MAX_DEPTH:
            return self._refuse(node, *_TOO_DEEP)
        self._containers[id(node)] = None
        before, outer, self._deepest = self._count, self._deepest, len(path)
        value = self._container(node, path)
        self._count += 1
        self._containers[id(node)] = (value, self._count - before, self._deepest - len(path))
        self._deepest = max(outer, self._deepest)
        return value

    def _repeated(self, node: yaml.Node, depth: int) -> Any:
        """What an alias stands for: the same object, as PyYAML shares it; its size and height count once more."""
        known = self._containers[id(node)]
        if known is None:
            return self._refuse(node, "an anchor contains its own alias", "write the value out")
        value, size, height = known
        self._count += size
        self._repeats += size
        self._deepest = max(self._deepest, depth + height)
        return self._refuse(node, *_TOO_DEEP) if self._deepest >= MAX_DEPTH else value

    def _refuse(self, node: yaml.Node, message: str, remedy: str) -> None:
        """A fault after which the whole document has no value."""
        self._broken = True
        self._fault(node, message, remedy)

    def _container(self, node: yaml.Node, path: Path) -> Any:
        if isinstance(node, yaml.MappingNode) and node.tag == _MAP:
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _SEQ:
            return [self._item(child, (*path, index)) for index, child in enumerate(node.value)]
        for child in node.value:  # !!set, !!pairs and the like: checked first, then left to PyYAML
            for part in child if isinstance(child, tuple) else (child,):
                self.value(part, path)
        return None if self._broken else self._constructed(node)

    def _item(self, node: yaml.Node, path: Path) -> Any:
        self._place(node, path)
        return self.value(node, path)

    def _place(self, node: yaml.Node, path: Path) -> None:
        if len(path) <= self._placed:
            self._marks[path] = _mark_of(node)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[Any, Any]:
        merged: dict[Any, Any] = {}
        own: dict[Any, Any] = {}
        written: dict[Any, yaml.Node] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                self._merge(merged, key_node, value_node, path)
                continue
            key = intern(key_node.value) if key_node.tag == _STR else self._key(key_node)
            if key is _UNUSABLE_KEY:
                continue
            below = (*path, key)
            if key in own:
                twice = f"key '{key}' is written twice: first in line {_mark_of(written[key]).line}"
                self._fault(key_node, twice, "keep one of the two")
            written[key] = key_node
            self._place(key_node, below)
            own[key] = self.value(value_node, below)
        return {**merged, **own} if merged else own

    def _merge(self, into: dict[Any, Any], key: yaml.Node, value: yaml.Node, path: Path) -> None:
        """`<<`: earlier mappings of a list win over later ones, the mapping's own keys over all."""
        if self._strict:
            self._fault(key, "'<<' merges mappings, which this file may not", "write the keys out")
            return
        parts = reversed(value.value) if isinstance(value, yaml.SequenceNode) else (value,)
        for part in parts:
            if isinstance(part, yaml.MappingNode):
                into.update(self.value(part, path) or {})
            else:
                self._refuse(part, "'<<' can only merge mappings", "write an alias of a mapping after '<<:'")

    def _key(self, node: yaml.Node) -> Any:
        """A key that is not plainly text."""
        if not isinstance(node, yaml.ScalarNode):
            self._refuse(node, "a mapping or list cannot be a key", "write a name before the ':'")
            return _UNUSABLE_KEY
        if node.tag == _VALUE:
            return node.value
        if self._strict:
            self._fault(node, f"key '{node.value}' is not text in YAML 1.1", "quote it")
            return node.value
        return self._constructed(node)

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        """A scalar that is not plainly text."""
        if not self._strict:
            return self._constructed(node)
        if node.style or node.tag not in _PLAIN_TAGS:
            self._fault(node, f"the tag {node.tag} cannot be used here", "leave the tag out")
            return node.value
        read = read_scalar(node.tag.rpartition(":")[2], node.value)
        if isinstance(read, Surprise):
            self._fault(node, read.message, read.remedy)
            return node.value
        return read

    def _constructed(self, node: yaml.Node) -> Any:
        """What safe_load makes of the node."""
        if self._strict:
            self._fault(node, f"the tag {node.tag} cannot be used here", "leave the tag out")
            return None
        try:
            return self._loader.construct_object(node, deep=True)
        except yaml.YAMLError as error:
            self._broken = True
            self._problems.append(_syntax_problem(error, self._file))
        except _UNUSABLE:
            self._refuse(node, f"this is no {node.tag.rpartition(':')[2]}", "correct the value, or quote it")
        return None
