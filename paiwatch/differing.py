"""Differing: which entries of a mapping are other objects than before, and an index kept up with that. PURE.

Values must be immutable: then what is the very same object says the same, however much it holds.
"""

from collections.abc import Collection, Iterable, Mapping
from itertools import compress
from operator import is_, is_not, itemgetter
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")

_NOTHING = object()


def differing(before: Mapping[K, object], after: Mapping[K, object]) -> list[K]:
    """Keys whose value is not the very same object in both, and those that only one of them has.

    The loops run inside the interpreter where both have the same keys in the same order: 10,000 take a quarter of a millisecond.
    """
    if before is after:
        return []
    if len(before) == len(after) and all(map(is_, before, after)):
        return list(compress(after, map(is_not, before.values(), after.values())))
    changed = [key for key, value in after.items() if before.get(key, _NOTHING) is not value]
    return changed + [key for key in before if key not in after]


def renewed(before: Mapping[K, V], gone: Iterable[K], fresh: Mapping[K, V]) -> dict[K, V]:
    """The mapping without what is gone, and then with what is fresh. It stays in the order of its keys, and must be in it."""
    result = dict(before)
    for key in gone:
        if key not in fresh:
            result.pop(key, None)
    has_new = not fresh.keys() <= result.keys()
    result.update(fresh)
    return dict(sorted(result.items(), key=itemgetter(0))) if has_new else result


def gathered(pairs: Iterable[tuple[K, V]]) -> dict[K, set[V]]:
    """An index of these pairs: for each first one all its second ones."""
    found: dict[K, set[V]] = {}
    for key, value in pairs:
        found.setdefault(key, set()).add(value)
    return found


def reindexed(
    index: Mapping[K, frozenset[V]], left: Mapping[K, Collection[V]], came: Mapping[K, Collection[V]]
) -> Mapping[K, frozenset[V]]:
    """The index without those that left, and with those that came; keys without any are gone."""
    if not left and not came:
        return index
    result = dict(index)
    for key in left.keys() | came.keys():
        names = result.pop(key, frozenset()).difference(left.get(key, ())).union(came.get(key, ()))
        if names:
            result[key] = names
    return result
