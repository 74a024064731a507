"""Holdings: which contents lie in the repository of which submodule, as the last looks left it. One thread looks, another one asks."""

import threading
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from paiwatch.sources.repository import Repository

#: Where a submodule lies in the whole tree, where it comes from, and its commit.
Place = tuple[str, str, str]

_EARLIER = 8  # commits that were in a tree before, and may still be read: a held plan goes on with its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """The contents of one commit of a submodule, by id, and the repository that has them."""

    repository: Repository
    oids: Collection[str]


class Holdings:
    """Used by any thread."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._known: Mapping[Place, Holding] = {}
        self._earlier: deque[Holding] = deque(maxlen=_EARLIER)

    def settle(self, now: Mapping[Place, Holding], closed: Collection[Repository]) -> None:
        """These are in the tree now. What was before stays for a while, unless its repository was closed."""
        with self._guard:
            self._earlier.extend(self._known[key] for key in self._known.keys() - now.keys())
            kept = (each for each in self._earlier if each.repository not in closed)
            self._known, self._earlier = now, deque(kept, maxlen=_EARLIER)

    def remember(self, holding: Holding) -> None:
        """Somebody may read this too, soon."""
        with self._guard:
            self._earlier.append(holding)

    def of(self, oids: Iterable[str]) -> dict[Repository, list[str]]:
        """Which of these contents lie in which repository."""
        with self._guard:
            places = [*self._known.values(), *reversed(self._earlier)]
        found: dict[Repository, list[str]] = {}
        for oid in oids if places else ():
            holder = next((each.repository for each in places if oid in each.oids), None)
            if holder is not None:
                found.setdefault(holder, []).append(oid)
        return found

    def link_above(self, path: str) -> str:
        """The submodule (of the top) that this path lies in, else the path itself."""
        with self._guard:
            links = [at for at, _, _ in self._known]
        return min((at for at in links if path.startswith(f"{at}/")), key=len, default=path)
