"""The private mirrors of a repository's submodules: beside its own, named after it, each with a repository of its own."""

import hashlib
import os
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from paiwatch.sources import mirror
from paiwatch.sources.access import Access
from paiwatch.sources.repository import Repository

_PIN = "paiwatch-pin"  # the branch of a mirror that names what was fetched last
_SPARE = 16  # repositories that no look needs any more and that may still be read


class Mirrors:
    """For the repository whose mirror lies in `home`. `lender` is where another paiwatch keeps that. Used by one thread.

    A submodule is known by its path in the whole tree and the address of its repository.
    """

    def __init__(self, home: Path, *, lender: Path | None = None) -> None:
        self._home = home
        self._lender = lender
        self._open: dict[tuple[str, str], Repository] = {}
        self._is_over = False

    def open(self, path: str, address: str, access: Access) -> Repository:
        """The repository of this submodule. Raises TransientError when there is no place for its mirror."""
        key = (path, address)
        if key not in self._open:
            self._open[key] = Repository(
                home=_beside(self._home, path, address),
                branch=_PIN,
                access=access,
                lender=self._lent(path, address),
            )
            if self._is_over:
                self._open[key].abort()
        return self._open[key]

    def at(self, path: str) -> tuple[Repository, ...]:
        """Those that are or lately were at this path, the latest first; from any thread."""
        known = reversed(tuple(self._open.items()))
        return tuple(repository for (here, _), repository in known if here == path)

    def keep(self, used: Collection[tuple[str, str]]) -> frozenset[Repository]:
        """Close and remove what is not used, but for the newest few; gives those. Anybody may push a new url every second."""
        spare = [key for key in self._open if key not in used][:-_SPARE]
        closed = {key: self._open.pop(key) for key in spare}
        for repository in closed.values():
            repository.close()
        self._remove({_beside(self._home, *key).name for key in closed})
        return frozenset(closed.values())

    def keep_open_ones(self) -> tuple[str, ...]:
        """Remove what an earlier paiwatch fetched and nobody opened since; gives the names of those that went."""
        held = {_beside(self._home, *key).name for key in self._open}
        return self._remove({home.name for home in self._home.parent.glob(f"{self._home.name}.*")} - held)

    def rest(self) -> None:
        """End the gits that wait for questions: there may be hundreds."""
        for repository in self._open.values():
            repository.rest()

    def abort(self) -> None:
        """See Repository.abort; from any thread."""
        self._is_over = True
        for repository in tuple(self._open.values()):
            repository.abort()

    def close(self) -> None:
        """Release them all."""
        for repository in self._open.values():
            repository.close()
        self._open = {}

    def _lent(self, path: str, address: str) -> Path | None:
        if self._lender is None:
            return None
        lent = _beside(self._lender, path, address) / "git" / "objects"
        return lent if os.access(lent, os.R_OK | os.X_OK) else None

    def _remove(self, gone: Collection[str]) -> tuple[str, ...]:
        top = self._home.parent
        return mirror.prune(top, keep={home.name for home in top.iterdir()} - set(gone)) if gone else ()


def _beside(home: Path, path: str, address: str) -> Path:
    """A readable name, different for every submodule; begins with the repository's, which has no dot in it."""
    digest = hashlib.sha256(os.fsencode(f"{path}\0{address}")).hexdigest()[:12]
    name = PurePosixPath(address.rstrip("/")).name.removesuffix(".git")
    plain = "".join(letter for letter in name if letter.isalnum() or letter in "-_")
    return home.with_name(f"{home.name}.{plain[-40:]}-{digest}")
