"""One child process from start to end: its own session, a time limit, nothing inherited, nothing left behind.

For a thread that may wait; the operators' scripts, which the event loop must not wait for, are run elsewhere.
"""

import os
import select
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from paiwatch.errors import TransientError

_GRACE = 1.0  # seconds between TERM and KILL


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended: `status` is the exit code, or minus the number of the signal."""

    status: int
    timed_out: bool


def run(argv: tuple[str, ...], env: Mapping[str, str], errors: Path, *, seconds: float) -> Ended:
    """Run to the end or to the limit; standard error goes to a file, the other streams nowhere.

    Raises TransientError when it cannot be started.
    """
    streams = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, str(errors), os.O_WRONLY | os.O_CREAT, 0o600),
    ]
    try:
        child = os.posix_spawn(
            argv[0],
            argv,
            env,
            file_actions=streams,
            setsid=True,
            setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
            setsigmask=(),
        )
    except OSError as error:
        raise TransientError(f"the parsers' process cannot be started: {error.strerror}") from error
    return _watched(child, seconds)


def _watched(child: int, seconds: float) -> Ended:
    descriptor = os.pidfd_open(child)
    try:
        timed_out = not _has_ended(descriptor, seconds)
        if timed_out:
            _end(child, signal.SIGTERM)
            _has_ended(descriptor, _GRACE)
    finally:
        os.close(descriptor)
        _end(
            child, signal.SIGKILL
        )  # before the child is reaped, so that its group cannot be another's by now
        _, status = os.waitpid(child, 0)
    return Ended(status=os.waitstatus_to_exitcode(status), timed_out=timed_out)


def _has_ended(descriptor: int, seconds: float) -> bool:
    """Wait for the end, at most so long."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    until = time.monotonic() + seconds
    while (rest := until - time.monotonic()) > 0:
        if poll.poll(rest * 1000):
            return True
    return False


def _end(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
