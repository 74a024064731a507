"""Nesting: whether YAML is too deep or too large to be walked through, found out without walking through it.

libyaml composes by recursion in C, so 100,000 levels end the whole program; aliases and merges can make ten lines as large
as the world. Both are asked about here before anybody reads the text.
"""

import yaml

from paiwatch.documents.document import Mark

MAX_DEPTH = 100
"""Levels of nesting; nothing that people write comes near."""

MAX_SHARED = 1_000_000
"""Values that aliases may add to a document before it counts as a bomb."""

_COMPOSABLE_DEPTH = 5_000


def too_deep_at(text: str) -> Mark | None:
    """Where nesting passes MAX_DEPTH, if it goes so deep that composing is not safe. Raises yaml.YAMLError."""
    if not _may_be_deep(text):
        return None
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):  # events need no recursion
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH and event.start_mark:
                return Mark(event.start_mark.line + 1, event.start_mark.column + 1)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return None


def _may_be_deep(text: str) -> bool:
    """A cheap bound: each level needs a bracket, or (block style) a column of its line."""
    if len(text) <= _COMPOSABLE_DEPTH:
        return False
    widest = max(map(len, text.splitlines()))
    return text.count("[") + text.count("{") + 2 * widest > _COMPOSABLE_DEPTH


def bomb_at(root: yaml.Node) -> Mark | None:
    """Where a composed document goes too deep, contains itself, or repeats more than MAX_SHARED values."""
    return _Weighing().of(root)


class _Weighing:
    """Counts the values of each node with all its aliases written out; each node is looked into once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, int] | None] = {}  # size and height by id; None while inside
        self._repeats = 0
        self._fault: Mark | None = None

    def of(self, root: yaml.Node) -> Mark | None:
        """Where the first fault is found."""
        self._weigh(root, 0)
        return self._fault

    def _weigh(self, node: yaml.Node, depth: int) -> tuple[int, int]:
        """Size and height; without meaning once there is a fault."""
        if isinstance(node, yaml.ScalarNode) or self._fault:
            return 1, 0
        if id(node) in self._known:
            size, height = self._known[id(node)] or (0, MAX_DEPTH)
            self._repeats += size
        else:
            self._known[id(node)] = None
            below = [self._weigh(part, depth + 1) for part in _parts(node)] if depth < MAX_DEPTH else []
            size = 1 + sum(size for size, _ in below)
            height = 1 + max((height for _, height in below), default=0)
            self._known[id(node)] = size, height
        if depth + height > MAX_DEPTH or self._repeats > MAX_SHARED:
            self._blame(node)
        return size, height

    def _blame(self, node: yaml.Node) -> None:
        """Unless something inside of it is to blame already."""
        if self._fault is None:
            self._fault = Mark(node.start_mark.line + 1, node.start_mark.column + 1)


def _parts(node: yaml.Node) -> list[yaml.Node]:
    """What lies directly below: items, or keys and values."""
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value)
