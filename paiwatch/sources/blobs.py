"""Blobs read lately, by content id. An id names its bytes for ever, so a cached answer is never wrong; only memory bounds it."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping

_LARGEST = 256 * 1024  # bytes; larger ones are read once and would push out everything else


class Blobs:
    """At most `limit` bytes; what was used longest ago goes first. Used by one thread."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._known: OrderedDict[str, bytes] = OrderedDict()

    def read(
        self, oids: Iterable[str], fetch: Callable[[Iterable[str]], Mapping[str, bytes]]
    ) -> Mapping[str, bytes]:
        """The contents of all of them; `fetch` is asked once, for those that are not here."""
        wanted = tuple(dict.fromkeys(oids))
        found = {oid: self._known[oid] for oid in wanted if oid in self._known}
        for oid in found:
            self._known.move_to_end(oid)
        missing = tuple(oid for oid in wanted if oid not in found)
        if not missing:
            return found
        fetched = fetch(missing)
        for oid in missing:
            self._remember(oid, fetched[oid])
        return {**found, **fetched}

    def _remember(self, oid: str, content: bytes) -> None:
        if len(content) > _LARGEST or oid in self._known:
            return
        self._known[oid] = content
        self._size += len(content)
        while self._size > self._limit:
            _, gone = self._known.popitem(last=False)
            self._size -= len(gone)
