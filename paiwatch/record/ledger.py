"""The writing statements: each method is one transaction, durable when it returns. Knows tables, decides nothing."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection, Delete, delete, select, update

from paiwatch.convergence.events import Outcome
from paiwatch.domain import run_spec
from paiwatch.failpoint import reach
from paiwatch.operators.run import Identity, RunResult
from paiwatch.plan.applied import DOWN, Applied, Hold
from paiwatch.plan.plan import Step
from paiwatch.record import encoding, retention, rollbacks
from paiwatch.record.absent import Absent
from paiwatch.record.approvals import Approvals
from paiwatch.record.dialects import sqlite
from paiwatch.record.encoding import milliseconds
from paiwatch.record.generations import Generations
from paiwatch.record.known import Known
from paiwatch.record.lingering import LingeringRuns
from paiwatch.record.rollbacks import Rollbacks
from paiwatch.record.rows import FailureRow
from paiwatch.record.schema import applied, failures, holds, runs
from paiwatch.record.statements import (
    CHANGE_RUN,
    DROP_FAILURE,
    DROP_FAILURES,
    inserted,
    mark_step,
    put,
)


class Ledger:
    """The one connection that writes. Raises StoreError; what raised has changed nothing."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._connection = sqlite.open_writer(file)
        self.known = Known(self._transaction)
        self.absent = Absent(self._transaction)
        self.approvals = Approvals(self._transaction)
        self.rollbacks = Rollbacks(self._transaction)
        self.lingering = LingeringRuns(self._transaction)
        self.generations = Generations(self._transaction)

    def close(self) -> None:
        """Close the file."""
        sqlite.close(self._connection)

    @contextmanager
    def _transaction(self, written: str = "") -> Iterator[Connection]:
        """One transaction; `written` is the fail-point that is reached once it is durable."""
        with sqlite.faults(self._file), self._connection.begin():
            yield self._connection
            reach("record.uncommitted")
        with suppress(OSError):  # only death can come here: what is durable has not failed
            reach(written)

    # ── runs ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def begin_run(
        self,
        step: Step,
        generation: int,
        attempt: int,
        *,
        marker: str,
        touched: Applied | None,
        left: Applied | None,
        lifted: bool,
        at: float,
    ) -> int:
        """Intent before act: the run, the service as touched by it and perhaps let go, and the good release that it leaves, if it does."""
        row = {
            "generation": generation,
            "service": step.id.service,
            "operator": str(step.id.operator),
            "digest": step.digest,
            "attempt": attempt,
            "marker": marker,
            "began": milliseconds(at),
            "spec": run_spec.to_json(step.spec),
        }
        with self._transaction("run.intended") as connection:
            if left is not None:
                rollbacks.keep_former(connection, left, generation)
            if touched is not None:
                _put_applied(connection, touched)
            if lifted:
                connection.execute(delete(holds).where(holds.c.service == step.id.service))
            return inserted(connection, runs, row)

    def set_identity(self, run: int, identity: Identity) -> None:
        """Its process is known."""
        with self._transaction("run.identified") as connection:
            row = {"pid": identity.pid, "started_ticks": identity.started_ticks, "boot": identity.boot}
            connection.execute(CHANGE_RUN, {"key": run, **row})

    def end_run(
        self,
        run: int,
        result: RunResult,
        step: Step,
        generation: int,
        *,
        memory: Applied | None,
        cleared: Collection[str],
        failure: FailureRow | None,
        hold: Hold | None,
        at: float,
    ) -> None:
        """The end of a run and all that follows. `memory` None forgets the service; `cleared` are releases without failures now."""
        service = step.id.service
        with self._transaction("run.finished") as connection:
            connection.execute(
                update(runs).where(runs.c.id == run).values(encoding.result_to_row(result, at))
            )
            mark_step(connection, (generation, service, step.id.operator), result.outcome)
            if memory is None:
                connection.execute(delete(applied).where(applied.c.service == service))
                connection.execute(delete(holds).where(holds.c.service == service, holds.c.by.in_(DOWN)))
                rollbacks.forget(connection, service)
            else:
                _put_applied(connection, memory)
            for digest in cleared:
                connection.execute(DROP_FAILURE, {"key": service, "of_digest": digest})
            if failure is not None:
                put(connection, failures, encoding.failure_to_row(failure))
            if hold is not None:
                put(connection, holds, encoding.hold_to_row(hold))

    def interrupt_run(
        self, run: int, *, at: float, because: str, hold: Hold | None, lingering: Iterable[int]
    ) -> None:
        """The end of a run whose paiwatch died, the hold that follows from it, and its processes that nobody could end."""
        chosen = select(runs.c.generation, runs.c.service, runs.c.operator, runs.c.began).where(
            runs.c.id == run
        )
        outcome = Outcome.INTERRUPTED
        with self._transaction("past.interrupted") as connection:
            row = connection.execute(chosen).one()
            end = {
                "ended": max(milliseconds(at), row.began),  # a clock may have been set back
                "outcome": str(outcome),
                "message": because,
                "lingering": encoding.lingering_to_json(lingering),
                "milliseconds": max(0, milliseconds(at) - row.began),
            }
            connection.execute(CHANGE_RUN, {"key": run, **end})
            mark_step(connection, (row.generation, row.service, row.operator), outcome, because)
            if hold is not None:
                put(connection, holds, encoding.hold_to_row(hold))

    # ── what waits for people ───────────────────────────────────────────────────────────────────────────────────────

    def put_hold(self, hold: Hold) -> None:
        """Hold a service; replaces its hold."""
        with self._transaction("service.held") as connection:
            put(connection, holds, encoding.hold_to_row(hold))

    def drop_hold(self, service: str) -> None:
        """Let it go."""
        with self._transaction("service.lifted") as connection:
            connection.execute(delete(holds).where(holds.c.service == service))

    def put_failure(self, failure: FailureRow) -> None:
        """Failures of one release; replaces what was known."""
        with self._transaction("service.quarantined") as connection:
            put(connection, failures, encoding.failure_to_row(failure))

    def drop_failures(self, services: Iterable[str] | None) -> None:
        """Forget failures of these services; None means all."""
        if services is None:
            self._forgive((delete(failures), {}))
        else:
            self._forgive(*((DROP_FAILURES, {"key": service}) for service in services))

    def drop_inputs(self, inputs: Iterable[tuple[str, str]]) -> None:
        """Forget failures of these services' releases."""
        self._forgive(*((DROP_FAILURE, {"key": service, "of_digest": digest}) for service, digest in inputs))

    def _forgive(self, *drops: tuple[Delete, dict[str, str]]) -> None:
        with self._transaction("service.forgiven") as connection:
            for drop, keys in drops:
                connection.execute(drop, keys)

    def put_adopted(self, adopted: Iterable[Applied], left: Iterable[Applied], generation: int) -> None:
        """Remember these as applied, their failures and rollbacks forgotten; and the good releases that were `left`."""
        with self._adoption() as connection:
            for each in left:
                rollbacks.keep_former(connection, each, generation)
            for each in adopted:
                _put_applied(connection, each)
                connection.execute(DROP_FAILURES, {"key": each.service})
                rollbacks.drop_pins(connection, (each.service,))

    def forget(self, services: Iterable[str]) -> None:
        """Nothing of these is remembered but what ran."""
        with self._adoption() as connection:
            for service in services:
                for table in (applied, failures, holds):
                    connection.execute(delete(table).where(table.c.service == service))
                rollbacks.forget(connection, service)

    def _adoption(self) -> AbstractContextManager[Connection]:
        """A person says how things are."""
        return self._transaction("service.adopted")

    # ── retention ───────────────────────────────────────────────────────────────────────────────────────────────────

    def prune(
        self, *, keep_runs: int, keep_generations: int, keep_releases: int
    ) -> tuple[list[tuple[str, int]], frozenset[str]]:
        """Delete older runs and releases (beyond so many for each service) and generations no run refers to.

        Gives the runs deleted, and the digests of the former releases that are left.
        """
        with self._transaction("record.pruned") as connection:
            gone = retention.prune_runs(connection, keep_runs)
            retention.prune_generations(connection, keep_generations)
            formers = rollbacks.prune(connection, keep_releases)
        with sqlite.faults(self._file), self._connection.begin():
            sqlite.give_back_space(self._connection)
        return gone, formers


def _put_applied(connection: Connection, memory: Applied) -> None:
    put(connection, applied, encoding.applied_to_row(memory))
