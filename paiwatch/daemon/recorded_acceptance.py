"""What the record knows of sources with rules, as their memory: of the process that writes it, and of those that only look.

Where the record has no commit of a source, the file counts that an older paiwatch left beside its mirror. It takes no unreadable one for none.
"""

import asyncio
from pathlib import Path

from paiwatch.errors import OutdatedError, StoreError, TransientError
from paiwatch.execution.store_thread import StoreThread
from paiwatch.failpoint import reach
from paiwatch.record import layout
from paiwatch.record.history import History
from paiwatch.record.rows import AcceptanceRow
from paiwatch.sources import acceptance_files
from paiwatch.sources.acceptance_memory import (
    Accepted,
    DamagedMemoryError,
    Memories,
    from_text,
    to_text,
)


def mirrors(state: Path) -> Path:
    """The folder of all mirrors."""
    return state / "sources"


# ── of who writes ───────────────────────────────────────────────────────────────────────────────────────────────────


class RecordedAcceptance:
    """An AcceptanceMemory of the mirror `home`, for the thread of its source; the store's thread does the work."""

    def __init__(self, store: StoreThread, state: Path, name: str) -> None:
        self._store = store
        self._state = state
        self._name = name

    def load(self) -> Accepted | None:
        """See AcceptanceMemory.load."""
        try:
            row = self._store.call(lambda opened: opened.acceptance(self._name))
        except StoreError as fault:
            raise TransientError(str(fault)) from fault
        return _accepted(self._state, self._name, row)

    def remember(self, accepted: Accepted) -> None:
        """See AcceptanceMemory.remember."""
        try:
            self._store.call(lambda opened: opened.put_acceptance(self._name, accepted=to_text(accepted)))
            reach("source.accepted")
        except StoreError as fault:
            raise TransientError(str(fault)) from fault
        except OSError as fault:
            file = layout.record_file(self._state)
            raise TransientError(f"{file}: cannot be written: {fault.strerror}; see to the disk") from fault

    def tell_refusal(self, message: str) -> None:
        """See AcceptanceMemory.tell_refusal; `paiwatch status` reads it where no daemon answers."""
        try:
            self._store.call(lambda opened: opened.put_acceptance(self._name, refused=message))
        except StoreError:
            return  # whoever must write will say so


def recorded(store: StoreThread, state: Path) -> Memories:
    """The memories of the process that holds the state lock."""
    return lambda name: RecordedAcceptance(store, state, name)


async def import_earlier(store: StoreThread, state: Path) -> None:
    """Take over, as one transaction, what an older paiwatch left beside mirrors and the record has not: before the first look.

    A row is the sign that its mirror is done, so whoever is killed here begins again where nothing was written.
    What cannot be read stays a fault of its source, told by each look until a person sees to it. Raises StoreError.
    """
    found = await asyncio.to_thread(acceptance_files.find, mirrors(state))
    rows = [
        AcceptanceRow(
            source=name,
            accepted=to_text(earlier.accepted) if earlier.accepted else "",
            refused=earlier.refused,
        )
        for name, earlier in found.items()
    ]
    if rows:
        await store.insist(lambda opened: opened.import_acceptances(rows))


# ── of who only looks ───────────────────────────────────────────────────────────────────────────────────────────────


class SeenAcceptance:
    """An AcceptanceMemory that reads the record of `state` and remembers nothing."""

    def __init__(self, state: Path, name: str) -> None:
        self._state = state
        self._name = name

    def load(self) -> Accepted | None:
        """See AcceptanceMemory.load. A record that was lost is no record of nothing."""
        try:
            with History.open(self._state, judged=(mirrors(self._state) / self._name,)) as past:
                row = past.acceptance(self._name)
        except OutdatedError:
            row = None  # no daemon of today was here yet
        except StoreError as fault:
            raise TransientError(str(fault)) from fault
        return _accepted(self._state, self._name, row)

    def remember(self, accepted: Accepted) -> None:
        """It is good for this look, and nobody comes back."""

    def tell_refusal(self, message: str) -> None:
        """Who looks is told at once."""


def seen(state: Path) -> Memories:
    """The memories of a process that may not write."""
    return lambda name: SeenAcceptance(state, name)


def refusal(past: History, home: Path) -> str:
    """What was refused at the last look at the source whose mirror is `home`, "" for nothing."""
    row = past.acceptance(home.name)
    return acceptance_files.refused(home) if row is None else row.refused


def _accepted(state: Path, name: str, row: AcceptanceRow | None) -> Accepted | None:
    if row is None or not row.accepted:
        return acceptance_files.load(mirrors(state) / name)
    try:
        return from_text(row.accepted)
    except ValueError as fault:
        raise DamagedMemoryError(
            f"{layout.record_file(state)}: is damaged: it does not say which commit {name} accepted last ({fault}); "
            "put a back-up in its place"
        ) from fault
