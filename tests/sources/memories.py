"""Memories for sources with rules: in a record of their own, and as an older paiwatch left them, in files beside the mirrors."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

from paiwatch.daemon import recorded_acceptance
from paiwatch.execution.outage import Outage
from paiwatch.execution.store_thread import StoreThread
from paiwatch.news import News
from paiwatch.record.store import Store
from paiwatch.sources.acceptance_memory import Memories


def _ignore(_: News) -> None:
    """Nobody listens."""


@asynccontextmanager
async def recording(state: Path) -> AsyncIterator[Memories]:
    """The memories of a process that writes the record of this state folder, after its start."""
    store = StoreThread(Outage(_ignore, patient=False))
    await store.open(lambda: Store.open(state))
    try:
        await recorded_acceptance.import_earlier(store, state)
        yield recorded_acceptance.recorded(store, state)
    finally:
        await store.close()


def rows(state: Path) -> dict[str, tuple[str, str]]:
    """What the record has accepted and refused, by mirror."""
    with closing(sqlite3.connect(state / "record.db")) as connection:
        found = connection.execute("select source, accepted, refused from acceptances").fetchall()
    return {source: (accepted, refused) for source, accepted, refused in found}


def set_back(state: Path) -> None:
    """Leave the folder as a paiwatch did that had files beside mirrors."""
    for name, (accepted, refused) in rows(state).items():
        for kind, text in (("accepted", accepted), ("refused", refused)):
            if text:
                (state / "sources" / name / kind).write_text(text)
    with closing(sqlite3.connect(state / "record.db")) as connection, connection:
        connection.execute("delete from acceptances")
