"""What a script leaves running: found by its session and by PAIWATCH_RUN_ID in the environment, and ended.

A process that leaves both on purpose (`setsid env -u PAIWATCH_RUN_ID …`) is a service, not a leftover: it is never
touched. Also answers whether a process of a dead paiwatch still lives, beyond pid reuse.
"""

import asyncio
import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from paiwatch.domain.run import Identity

_PROC = Path("/proc")
_KILLING = 5.0  # seconds after which a process that even KILL does not end is given up
_KERNELS = 0x00200000  # PF_KTHREAD among a process's flags
_EXECUTING, _MOMENT = (
    20,
    0.001,
)  # most looks at a process that begins another program, and seconds between them
_FIRST_LOOK, _LAST_LOOK = 0.005, 0.1  # seconds between looks at what is being waited for


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """How the processes of one run are recognised. `group` is the script's pid (its session and group too), 0 if unknown.

    Job control (`set -m`) makes new groups, never a new session.
    """

    group: int
    marker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """How many processes had to be ended (the script itself not counted), and the pids of those that even KILL did not end."""

    ended: int
    left: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class _Stat:
    """What proc(5) says of one process."""

    state: str
    session: int
    started_ticks: int
    is_kernels: bool


def identify(pid: int) -> Identity | None:
    """Who has this pid now; None when nobody has."""
    stat = _stat(pid)
    return None if stat is None else Identity(pid=pid, started_ticks=stat.started_ticks, boot=_boot())


def is_alive(identity: Identity) -> bool:
    """Whether this very process still runs (a zombie does not)."""
    stat = _stat(identity.pid)
    return (
        stat is not None
        and stat.state not in "ZX"
        and stat.started_ticks == identity.started_ticks
        and identity.boot == _boot()
    )


def find(trail: Trail, *, since: int = 0) -> frozenset[int]:
    """Pids of the run's processes. `since` skips those with a lower pid, for whoever knows that they are older."""
    newest = _newest()
    oldest = since if since <= newest else 0  # pids began anew from the bottom meanwhile
    found = frozenset(pid for pid in _pids() if pid >= oldest and _is_of(pid, trail))
    if found or newest == _newest():
        return found
    return frozenset(
        pid for pid in _pids() if pid >= oldest and _is_of(pid, trail)
    )  # one may just have forked and gone


def trail_of(marker: str, identity: Identity | None) -> Trail:
    """The trail of a run whose paiwatch died. A pid that meanwhile names another process names no group of ours.

    One that died before it knew the process left the marker alone: it leads to the script, and so to those of its children
    that lost the marker (`env -i`, sudo).
    """
    if identity is None:
        return Trail(group=_session_of(marker), marker=marker)
    if identity.boot != _boot():
        return Trail(group=0, marker=marker)
    stat = _stat(identity.pid)
    is_other = stat is not None and stat.started_ticks != identity.started_ticks
    return Trail(group=0 if is_other else identity.pid, marker=marker)


async def end(trail: Trail, *, patience: float, grace: float, hurry: asyncio.Event, since: int = 0) -> Swept:
    """End what is left of a run: `patience` seconds to go by itself, TERM, `grace` seconds, KILL. Never hangs.

    `patience` is for detaching services, which are still members while they fork. `hurry` cuts all waiting short.
    """
    found = find(trail, since=since)
    if found and patience:
        found = await _wait_until_gone(trail, patience, hurry)
    if not found:
        return Swept(ended=0)
    seen = set(found)
    _send(trail, found, signal.SIGTERM)
    _send(trail, found, signal.SIGCONT)  # a stopped process would not see TERM
    found = await _wait_until_gone(trail, grace, hurry)
    seen |= found
    rounds = int(_KILLING / _LAST_LOOK)
    while found and rounds:
        _send(trail, found, signal.SIGKILL)
        found = await _wait_until_gone(trail, _LAST_LOOK, asyncio.Event())
        seen |= found
        rounds -= 1
    return Swept(ended=len(seen - found - {trail.group}), left=found)


async def _wait_until_gone(trail: Trail, seconds: float, hurry: asyncio.Event) -> frozenset[int]:
    """What is still there when nothing is, or the time is over."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    pause = _FIRST_LOOK
    while True:
        found = await asyncio.to_thread(find, trail)
        rest = deadline - loop.time()
        if not found or rest <= 0 or hurry.is_set():
            return found
        with suppress(TimeoutError):
            await asyncio.wait_for(hurry.wait(), min(pause, rest))
        pause = min(pause * 2, _LAST_LOOK)


def _send(trail: Trail, found: Iterable[int], number: signal.Signals) -> None:
    """The group at once, so that no fork slips through, and the others one by one, by descriptors that pid reuse cannot mislead."""
    if trail.group > 1:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(trail.group, number)
    for pid in found:
        with suppress(ProcessLookupError, PermissionError):
            descriptor = os.pidfd_open(pid)
            try:
                if _is_of(pid, trail):  # looked at again, for the pid may have gone to somebody else
                    signal.pidfd_send_signal(descriptor, number)
            finally:
                os.close(descriptor)


def _is_of(pid: int, trail: Trail) -> bool:
    """Whether this process belongs to the run."""
    return _is_in_session(pid, trail.group) or (bool(trail.marker) and _has_marker(pid, trail.marker))


def _session_of(marker: str) -> int:
    """The session of the oldest process with this marker, which was started in one of its own; 0 when there is none."""
    found = (_stat(pid) for pid in find(Trail(group=0, marker=marker)))
    oldest = min(filter(None, found), key=lambda stat: stat.started_ticks, default=None)
    return 0 if oldest is None else oldest.session


def _is_in_session(pid: int, session: int) -> bool:
    """Zombies aside: they have ended."""
    stat = _stat(pid) if session > 1 else None
    return stat is not None and stat.session == session and stat.state not in "ZX"


def _has_marker(pid: int, marker: str) -> bool:
    """Of a process that is not ours to read, no. A zombie has no environment any more."""
    if pid == os.getpid():
        return False
    environ, looks = _read(f"/proc/{pid}/environ"), _EXECUTING
    while not environ and looks and _is_executing(pid):
        time.sleep(_MOMENT)
        environ, looks = _read(f"/proc/{pid}/environ"), looks - 1
    return f"\0PAIWATCH_RUN_ID={marker}\0".encode() in b"\0" + environ


def _is_executing(pid: int) -> bool:
    """Whether it is between one program and the next: for that moment nothing tells whose it is."""
    if _read(f"/proc/{pid}/cmdline"):
        return False
    stat = _stat(pid)
    return stat is not None and stat.state not in "ZX" and not stat.is_kernels


def _newest() -> int:
    """The pid given out last: the end of proc(5)'s loadavg."""
    return int((_PROC / "loadavg").read_text().split()[-1])


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir(_PROC) if name.isdigit())  # noqa: PTH208 (no path is needed for each)


def _stat(pid: int) -> _Stat | None:
    fields = (
        _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    )  # the name before may hold spaces and brackets
    return (
        _Stat(
            state=fields[0].decode(),
            session=int(fields[3]),
            started_ticks=int(fields[19]),
            is_kernels=bool(int(fields[6]) & _KERNELS),
        )
        if fields
        else None
    )


def _read(file: str) -> bytes:
    """A file of /proc, with as little around it as can be: it is done for every process; b"" when it cannot be read."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        content = b""
        while piece := os.read(descriptor, 1 << 20):
            content += piece
    except OSError:
        return b""
    finally:
        os.close(descriptor)
    return content


@cache
def _boot() -> str:
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
