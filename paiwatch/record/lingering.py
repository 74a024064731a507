"""Processes of runs that nobody could end: remembered with their run until they are gone, since nothing may overlap with them."""

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from paiwatch.convergence import holding
from paiwatch.plan.applied import Hold
from paiwatch.record import encoding
from paiwatch.record.encoding import seconds
from paiwatch.record.rows import Unfinished
from paiwatch.record.schema import runs
from paiwatch.record.statements import CHANGE_RUN


@dataclass(frozen=True, slots=True)
class Lingering:
    """A run that has ended, its processes that have not, and the hold that this means for its service."""

    run: Unfinished
    hold: Hold


def read(connection: Connection) -> tuple[Lingering, ...]:
    """All of them, oldest first."""
    chosen = select(runs).where(runs.c.lingering != "").order_by(runs.c.id)
    return tuple(_lingering(dict(row)) for row in connection.execute(chosen).mappings())


def _lingering(row: Mapping[str, Any]) -> Lingering:
    run = encoding.unfinished_from_row(row, Path())
    pids, since = json.loads(row["lingering"]), seconds(row["ended"] or row["began"])
    return Lingering(run=run, hold=holding.lingering(run.step, run.run, pids, since=since))


class LingeringRuns:
    """Keeps them in memory too. Each call that reads the file or writes is one transaction. Raises StoreError."""

    def __init__(self, transaction: Callable[..., AbstractContextManager[Connection]]) -> None:
        self._transaction = transaction
        self.all: tuple[Lingering, ...] = ()
        self.reload()

    def reload(self) -> None:
        """A run has ended that left some."""
        with self._transaction() as connection:
            self.all = read(connection)

    def holds(self) -> dict[str, Hold]:
        """By service."""
        return {each.hold.service: each.hold for each in self.all}

    def gone(self, run: int) -> None:
        """There are none of this run any more."""
        with self._transaction() as connection:
            connection.execute(CHANGE_RUN, {"key": run, "lingering": ""})
        self.reload()
