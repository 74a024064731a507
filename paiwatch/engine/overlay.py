"""Overlay: a mapping that is being changed, beside the one that it came from. PURE."""

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Overlay(Generic[K, V]):
    """Reads from the original until the first change, then from a copy: what does not change costs nothing and stays the very same object."""

    __slots__ = ("_is_copy", "value")

    def __init__(self, original: Mapping[K, V]) -> None:
        self.value: Mapping[K, V] = original
        self._is_copy = False

    def put(self, key: K, value: V) -> None:
        """Put it there, or in place of what is there."""
        self._copied()[key] = value

    def drop(self, key: K) -> None:
        """Take it away, if it is there."""
        if key in self.value:
            del self._copied()[key]

    def get(self, key: K) -> V | None:
        """What is there now."""
        return self.value.get(key)

    def items(self) -> ItemsView[K, V]:
        """All of it; copy before changing while walking."""
        return self.value.items()

    def values(self) -> ValuesView[V]:
        """See `items`."""
        return self.value.values()

    def keys(self) -> KeysView[K]:
        """See `items`."""
        return self.value.keys()

    def __getitem__(self, key: K) -> V:
        return self.value[key]

    def __contains__(self, key: object) -> bool:
        return key in self.value

    def __iter__(self) -> Iterator[K]:
        return iter(self.value)

    def __len__(self) -> int:
        return len(self.value)

    def _copied(self) -> dict[K, V]:
        if not self._is_copy:
            self.value, self._is_copy = dict(self.value), True
        assert isinstance(self.value, dict)
        return self.value
