"""Tracked reading: stand-ins for cluster_cfg that note every place a template touches. PURE.

A stand-in offers only what cannot be taken away without a sign: everything else raises, and whoever renders then
renders once more with the plain object and notes that everything was read. So a stand-in may be incomplete, never wrong.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from paiwatch.model.reads import How, KeyPath

#: One question put to cluster_cfg.
Touch = tuple[KeyPath, How]

#: Above this many touches of one template, deep ones are replaced by whole subtrees: coarser, still sound.
TOUCH_LIMIT = 1000

#: Questions whose answers tell mappings, lists and leaves apart.
_TELL_KINDS = frozenset({How.KEYS, How.LENGTH, How.SUBTREE})

EVERYTHING: frozenset[Touch] = frozenset({((), How.SUBTREE)})

_VIEWS: Mapping[type, str] = {type(getattr({}, name)()): name for name in ("keys", "values", "items")}


class Tracked:
    """Stands in for one mapping or list of cluster_cfg; what lies below is wrapped when it is reached."""

    __slots__ = ("_path", "_plain", "_touched")

    def __init__(self, plain: Any, path: KeyPath, touched: set[Touch]) -> None:
        self._plain = plain
        self._path = path
        self._touched = touched

    @property
    def path(self) -> KeyPath:
        """Where it lies in cluster_cfg."""
        return self._path

    @property
    def unrecorded(self) -> Any:
        """The plain object, for questions whose answer depends on nothing but its kind."""
        return self._plain

    def whole(self) -> Any:
        """The plain object; everything below counts as read."""
        self._touched.add((self._path, How.SUBTREE))
        return self._plain

    def __getitem__(self, key: Any) -> Any:
        if type(key) is not str and type(key) is not int:
            return self.whole()[key]
        path = (*self._path, key)
        try:
            value = self._plain[key]
        except (LookupError, TypeError):
            self._touched.add((path, How.MISSING))
            raise
        return _wrapped(value, path, self._touched)

    def __iter__(self) -> Iterator[Any]:
        if isinstance(self._plain, dict):
            self._touched.add((self._path, How.KEYS))
            return iter(self._plain)
        self._touched.add((self._path, How.LENGTH))
        return (self[index] for index in range(len(self._plain)))

    def __len__(self) -> int:
        self._touched.add((self._path, How.LENGTH))
        return len(self._plain)

    def __contains__(self, key: Any) -> bool:
        if isinstance(self._plain, list) or (type(key) is not str and type(key) is not int):
            return whole(key) in self.whole()
        found = key in self._plain
        self._touched.add(((*self._path, key), How.PRESENT if found else How.MISSING))
        return found

    def __str__(self) -> str:
        return str(self.whole())

    def __repr__(self) -> str:
        return repr(self.whole())

    def __eq__(self, other: object) -> bool:
        return bool(self.whole() == whole(other))

    def __hash__(self) -> int:
        raise TypeError("unhashable, as the object it stands for")

    def __add__(self, other: Any) -> Any:
        return self.whole() + whole(other)

    def __radd__(self, other: Any) -> Any:
        return whole(other) + self.whole()

    def get(self, key: Any, default: Any = None) -> Any:
        """As dict.get."""
        try:
            return self[key]
        except LookupError:
            return default

    def keys(self) -> "TrackedView":
        """As dict.keys; also what `**` asks for."""
        return TrackedView(self, "keys")

    def values(self) -> "TrackedView":
        """As dict.values."""
        return TrackedView(self, "values")

    def items(self) -> "TrackedView":
        """As dict.items."""
        return TrackedView(self, "items")


class TrackedView:
    """Stands in for keys(), values() or items() of a tracked mapping."""

    __slots__ = ("_name", "_node")

    def __init__(self, node: Tracked, name: str) -> None:
        self._node = node
        self._name = name

    def whole(self) -> Any:
        """The plain view; everything below counts as read."""
        return getattr(self._node.whole(), self._name)()

    def __iter__(self) -> Iterator[Any]:
        if self._name == "keys":
            return iter(self._node)
        if self._name == "values":
            return (self._node[key] for key in self._node)
        return ((key, self._node[key]) for key in self._node)

    def __len__(self) -> int:
        return len(self._node)

    def __contains__(self, item: Any) -> bool:
        return item in self._node if self._name == "keys" else whole(item) in self.whole()

    def __str__(self) -> str:
        return str(self.whole())

    def __repr__(self) -> str:
        return repr(self.whole())

    def __eq__(self, other: object) -> bool:
        return bool(self.whole() == whole(other))

    def __hash__(self) -> int:
        raise TypeError("unhashable, as the object it stands for")


def tracked(cluster_cfg: Mapping[Any, Any], touched: set[Touch]) -> Tracked:
    """A stand-in for cluster_cfg (a plain dict) that notes in `touched` what is read of it."""
    return Tracked(cluster_cfg, (), touched)


def whole(value: Any) -> Any:
    """The same value without stand-ins, however deep in lists, tuples, mappings and views; each counts as wholly read."""
    if isinstance(value, Tracked | TrackedView):
        return value.whole()
    rebuild = _REBUILD.get(type(value))
    return value if rebuild is None else rebuild(value)


def settled(touched: Iterable[Touch]) -> frozenset[Touch]:
    """What must be remembered of the touches of one template: no more than `TOUCH_LIMIT`, nothing that others imply."""
    kept = frozenset(touched)
    for depth in (4, 3, 2, 1, 0):
        if len(kept) <= TOUCH_LIMIT:
            break
        kept = frozenset(_cut(path, how, depth) for path, how in kept)
    # Each container on the way to a place has a KIND of its own, so it is enough to look one step up.
    implied = {path[:-1] for path, how in kept if how is not How.MISSING}
    implied |= {path for path, how in kept if how in _TELL_KINDS}
    return frozenset((path, how) for path, how in kept if how is not How.KIND or path not in implied)


def _cut(path: KeyPath, how: How, depth: int) -> Touch:
    return (path[:depth], How.SUBTREE) if len(path) > depth else (path, how)


def _wrapped(value: Any, path: KeyPath, touched: set[Touch]) -> Any:
    if type(value) is dict or type(value) is list:
        touched.add((path, How.KIND))
        return Tracked(value, path, touched)
    touched.add((path, How.VALUE))
    return value


def _whole_list(values: list[Any]) -> list[Any]:
    plain = [whole(value) for value in values]
    return values if _all_same(plain, values) else plain


def _whole_tuple(values: tuple[Any, ...]) -> tuple[Any, ...]:
    plain = tuple(whole(value) for value in values)
    return values if _all_same(plain, values) else plain


def _whole_dict(values: dict[Any, Any]) -> dict[Any, Any]:
    plain = {key: whole(value) for key, value in values.items()}
    return values if _all_same(plain.values(), values.values()) else plain


def _whole_view(view: Any) -> Any:
    mapping: MappingProxyType[Any, Any] = view.mapping
    plain = {key: whole(value) for key, value in mapping.items()}
    if _all_same(plain.values(), mapping.values()):
        return view
    return getattr(plain, _VIEWS[type(view)])()


def _all_same(left: Iterable[Any], right: Iterable[Any]) -> bool:
    return all(one is other for one, other in zip(left, right, strict=True))


_REBUILD: Mapping[type, Callable[[Any], Any]] = {
    list: _whole_list,
    tuple: _whole_tuple,
    dict: _whole_dict,
    **dict.fromkeys(_VIEWS, _whole_view),
}
