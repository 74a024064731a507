"""Run one script to its end, whatever it does: it may ignore TERM, fork, fill the disk or read from nowhere; nothing hangs.

The script writes to its output file directly. Its process is known by Identity as soon as it exists, and by
PAIWATCH_RUN_ID (written down before it was started) even where paiwatch dies in between.
"""

import asyncio
import os
import time
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from signal import Signals

from paiwatch import disk
from paiwatch.domain.run import Identity, Outcome, RunResult
from paiwatch.failpoint import reach
from paiwatch.operators import leftovers, output, parting
from paiwatch.operators.leftovers import Swept, Trail
from paiwatch.operators.output import Scrub
from paiwatch.operators.run import RunOrder
from paiwatch.operators.witness import Witness

_BASH = "/bin/bash"
_PATIENCE = 0.5  # seconds a finished script's children may take to detach
_LEFTOVER_GRACE = 2.0  # seconds leftovers of a finished script get between TERM and KILL, at most
_REAPING = 5.0  # seconds to wait for the exit status of a killed script
_SMALL = 64 * 1024  # bytes of output that are dealt with faster than a thread is woken
_EXECUTING = 0.05  # seconds in which a process that was just forked has its environment: before, nothing tells whose it is
_YOUNG = 1.0  # seconds in which pids cannot have gone once round

OnStart = Callable[[Identity], Awaitable[None]]


class _End(Enum):
    """Why waiting for a script is over."""

    EXITED = auto()
    TIMED_OUT = auto()
    ASKED = auto()


@dataclass(frozen=True, slots=True)
class _Asked:
    """Requests to end: the first means TERM, the second KILL."""

    end: asyncio.Event = field(default_factory=asyncio.Event)
    hurry: asyncio.Event = field(default_factory=asyncio.Event)

    def once_more(self) -> None:
        (self.hurry if self.end.is_set() else self.end).set()


async def run(order: RunOrder, *, on_start: OnStart, scrub: Scrub | None = None) -> RunResult:
    """Run it; every way to end is a result, also not being able to start. Raises only what `on_start` raises.

    Cancelling the calling task ends the script (TERM, grace, KILL; a second time: KILL at once) and is used up by that:
    the result says interrupted. `scrub` masks secrets in the output once the script has ended.
    """
    asked = _Asked()
    carried = asyncio.create_task(_carry(order, on_start, scrub, asked), name=f"script of run {order.run}")
    while not carried.done():
        try:
            await asyncio.wait({carried})
        except asyncio.CancelledError:
            asked.once_more()
            if (task := asyncio.current_task()) is not None:
                task.uncancel()
    return carried.result()


def not_started(what: str, error: Exception, *, seconds: float = 0.0) -> RunResult:
    """The result of a run that could not be prepared or started: `what` failed, for this reason."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return RunResult(
        outcome=Outcome.FAILED, exit=None, signal=None, seconds=seconds, message=f"{what}: {reason}"
    )


def remark(result: RunResult, what: str) -> RunResult:
    """The same result, with one thing more to say."""
    return replace(result, message="; ".join(part for part in (result.message, what) if part))


def put_off(why: str) -> RunResult:
    """The result of a run whose script was not begun for a reason that lies outside the service: it may be tried again."""
    return RunResult(
        outcome=Outcome.INTERRUPTED, exit=None, signal=None, seconds=0.0, message=why, begun=False
    )


def _unwatched(error: OSError, *, seconds: float) -> RunResult:
    """The result of a run whose script was ended because it could not be looked after: no fault of its own."""
    return RunResult(
        outcome=Outcome.INTERRUPTED,
        exit=None,
        signal=None,
        seconds=seconds,
        message=f"ended because it could not be looked after: {error.strerror}",
    )


async def _carry(order: RunOrder, on_start: OnStart, scrub: Scrub | None, asked: _Asked) -> RunResult:
    began = time.monotonic()
    with ExitStack() as stack:
        try:
            witness = stack.enter_context(closing(Witness(order.log)))
            process = await _start(order)
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and disk.may_pass(error):
                return put_off(f"{order.script} could not be started: {disk.explain(error)}")
            return not_started(
                f"{order.script} could not be started", error, seconds=time.monotonic() - began
            )
        cap = output.Cap(witness.path, order.log_limit)
        cap.start()
        stack.callback(cap.stop)
        try:
            how, swept = await _attend(process, order, on_start, asked, began)
        except OSError as error:
            return _unwatched(error, seconds=time.monotonic() - began)
        cap.stop()
        trouble = await _finish_output(order, witness, cap.limit, scrub)
    if cap.mark(order.log):
        trouble = "the disk was full: some of its output is missing"
    elif cap.limit < order.log_limit:
        trouble = "the disk was full: more than usual was cut of its output"
    seconds = time.monotonic() - began
    return _result(order, process.returncode, how=how, swept=swept, seconds=seconds, trouble=trouble)


async def _attend(
    process: Process, order: RunOrder, on_start: OnStart, asked: _Asked, began: float
) -> tuple[_End, Swept]:
    """From its start until nothing of it runs any more. Raises what `on_start` raises, once it has ended."""
    trail = Trail(group=process.pid, marker=order.env.get("PAIWATCH_RUN_ID", ""))
    try:
        reach("script.started")
        if (identity := leftovers.identify(process.pid)) is not None:  # else it has ended already
            await on_start(identity)
        how = await _wait(process, began + order.timeout, asked)
    except BaseException:
        await _sweep(trail, order, _End.ASKED, asked, process.pid)
        raise
    since = process.pid if time.monotonic() - began < _YOUNG else 0
    swept = await _sweep(trail, order, how, asked, since)
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), _REAPING)
    return how, swept


async def _start(order: RunOrder) -> Process:
    log = output.open_log(order.log)
    try:
        return await asyncio.create_subprocess_exec(
            _BASH,
            order.script,
            stdin=DEVNULL,
            stdout=log,
            stderr=STDOUT,
            cwd=order.stage,
            env=order.env,
            start_new_session=True,
        )
    finally:
        os.close(log)


async def _wait(process: Process, deadline: float, asked: _Asked) -> _End:
    """Until the script exits, its time is over, or somebody asks."""
    exited = asyncio.create_task(process.wait())
    wanted = asyncio.create_task(asked.end.wait())
    try:
        rest = max(0.0, deadline - time.monotonic())
        await asyncio.wait({exited, wanted}, timeout=rest, return_when=asyncio.FIRST_COMPLETED)
        if exited.done():
            return _End.EXITED
        return _End.ASKED if wanted.done() else _End.TIMED_OUT
    finally:
        exited.cancel()
        wanted.cancel()


async def _sweep(trail: Trail, order: RunOrder, how: _End, asked: _Asked, since: int) -> Swept:
    """Leave nothing running. A script that exited gets its children a moment to detach."""
    if how is _End.EXITED:
        grace = min(order.grace, _LEFTOVER_GRACE)
        swept = await leftovers.end(trail, patience=_PATIENCE, grace=grace, hurry=asked.hurry, since=since)
        if swept.ended or swept.left or not parting.is_held(order.log):
            return swept
        await asyncio.sleep(_EXECUTING)
        return await leftovers.end(trail, patience=_PATIENCE, grace=grace, hurry=asked.hurry, since=since)
    return await leftovers.end(trail, patience=0.0, grace=order.grace, hurry=asked.hurry)


async def _finish_output(order: RunOrder, witness: Witness, limit: int, scrub: Scrub | None) -> str:
    """What went wrong with it, if anything."""
    try:
        reach("script.ended")
        if witness.is_bereft():
            await asyncio.to_thread(witness.restore, limit, scrub)
            return "it took its output file away; what it had printed was put back"
        is_held = parting.is_held(order.log)
        if order.log.stat().st_size <= _SMALL:
            output.finish(order.log, limit, scrub)
        else:
            await asyncio.to_thread(output.finish, order.log, limit, scrub)
        reach("output.finished")
        if is_held:
            parting.part(order.log)
            output.finish(order.log, limit, scrub)  # what came in between
            return "a process that goes on still has the output open; give it a file of its own"
    except OSError as error:
        return f"output could not be kept: {error.strerror}"
    return ""


def _result(
    order: RunOrder, status: int | None, *, how: _End, swept: Swept, seconds: float, trouble: str
) -> RunResult:
    outcome = {
        _End.EXITED: Outcome.SUCCEEDED if status == 0 else Outcome.FAILED,
        _End.TIMED_OUT: Outcome.TIMED_OUT,
        _End.ASKED: Outcome.INTERRUPTED,
    }[how]
    said = {
        Outcome.SUCCEEDED: "",
        Outcome.FAILED: _describe(status),
        Outcome.TIMED_OUT: f"not done after {order.timeout:g} s",
        Outcome.INTERRUPTED: "ended because paiwatch was asked to",
    }[outcome]
    reaped = swept.ended if how is _End.EXITED else 0  # else it was not the script's to leave anything behind
    ended = f"processes left behind and ended: {reaped}" if reaped else ""
    left = f"processes that cannot be ended: {', '.join(map(str, sorted(swept.left)))}" if swept.left else ""
    return RunResult(
        outcome=outcome,
        exit=status if status is not None and status >= 0 else None,
        signal=-status if status is not None and status < 0 else None,
        seconds=seconds,
        reaped=reaped,
        lingering=swept.left,
        message="; ".join(part for part in (said, ended, left, trouble) if part),
    )


def _describe(status: int | None) -> str:
    if status is None:
        return "no exit status"
    if status >= 0:
        return f"exit code {status}"
    known = {number.value: number.name for number in Signals}
    return f"ended by signal {known.get(-status, -status)}"
