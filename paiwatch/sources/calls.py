"""Git processes: each with a group of its own, ended as a whole when its time is up. The only room that knows GitPython.

A group, because git leaves the talking to others (git-remote-http, ssh, upload-pack) that would outlive it.
"""

import logging
import os
import select
import signal
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, Protocol

from paiwatch.errors import ConfigError, TransientError

try:
    from git import Git
    from git.exc import GitCommandNotFound
except ImportError as fault:
    raise ConfigError(f"git does not run here: {fault}; install git and see that it is on PATH") from fault

PIPE = -1  # as in the standard library's subprocess, which nobody else here needs
_CHUNK = 1 << 16  # bytes
_MOST_OUT, _MOST_ERR = (
    512 << 20,
    64 << 10,
)  # bytes of one answer that are kept: nobody may fill our memory by talking

#: What an outer git, a hook or a person's shell may say and ours listens to: where certificates lie. Nothing else.
_HEARD = frozenset({"GIT_SSL_CAINFO", "GIT_SSL_CAPATH"})

logging.getLogger("git").setLevel(logging.WARNING)  # its debug lines hold whole environments


class Process(Protocol):
    """What is used of the standard library's Popen."""

    pid: int
    stdin: IO[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]

    def wait(self) -> int:
        """Wait for its end; gives its status."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How one git process ended, and what it said. A negative status is the signal that ended it."""

    status: int
    out: bytes
    err: str
    is_late: bool = False  # it was ended because it took too long


class Calls:
    """Starts git with one environment. Used by one thread; `abort` by any. No process outlives its call or `end`."""

    def __init__(self, environment: Mapping[str, str], *, timeout: float) -> None:
        self._git = Git()
        self._git.update_environment(**environment)
        self._unset = _forgetting(environment)
        self._timeout = timeout
        self._guard = threading.Lock()
        self._alive: set[int] = set()  # groups that may be signalled: their leaders are not yet waited for
        self._is_over = False

    def run(
        self, verb: str, *arguments: str, env: Mapping[str, str] | None = None, program: str = ""
    ) -> Answer:
        """One git process (or one of a program that serves git), ended after the timeout.

        Raises TransientError when it cannot be started, or says more than anybody could use.
        """
        process = self.start(verb, *arguments, env=env, program=program)
        said: dict[int, bytearray] = {
            process.stdout.fileno(): bytearray(),
            process.stderr.fileno(): bytearray(),
        }
        is_done = False
        out, err = said.values()
        try:
            is_done = _collect(said, until=time.monotonic() + self._timeout, talk=err)
        finally:
            status = self.end(process, kill=not is_done)
        if len(out) > _MOST_OUT:
            raise TransientError(f"git {verb} said more than {_MOST_OUT >> 20} MiB and was ended")
        return Answer(status, bytes(out), err.decode(errors="replace"), is_late=not is_done)

    def start(
        self,
        verb: str,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        talks: bool = False,
        program: str = "",
    ) -> Process:
        """A git process in a group of its own; with `talks` it reads what is written to its stdin. `end` it."""
        options: dict[str, Any] = {"env": dict(env)} if env else {}
        if talks:
            options["istream"] = PIPE
        with self._guard:
            if self._is_over:
                raise TransientError("git is not asked any more: paiwatch stops")
            try:
                wrapped = self._git.execute(
                    [*self._unset, program or self._git.GIT_PYTHON_GIT_EXECUTABLE, verb, *arguments],
                    as_process=True,
                    start_new_session=True,
                    umask=0o077,  # what it writes of other people's configuration is for us alone
                    **options,
                )
            except (GitCommandNotFound, OSError) as fault:
                raise TransientError(f"git cannot be started: {fault}") from fault
            process: Process = wrapped.proc
            wrapped.proc = None  # else it would be ended as soon as nobody names its wrapper
            self._alive.add(process.pid)
        return process

    def end(self, process: Process, *, kill: bool = True) -> int:
        """End all that it started, and itself unless it may end by itself; gives its status."""
        if not kill:
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        self._kill(process.pid)
        with self._guard:
            self._alive.discard(process.pid)  # once it is waited for, the number may become somebody else's
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        return process.wait()

    def abort(self) -> None:
        """End everything that runs, and start nothing more; from any thread."""
        with self._guard:
            self._is_over = True
            alive = tuple(self._alive)
        for pid in alive:
            self._kill(pid)

    def _kill(self, pid: int) -> None:
        with self._guard, suppress(ProcessLookupError):
            if pid in self._alive:
                os.killpg(pid, signal.SIGKILL)


def _forgetting(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The words that start a program without those variables of a git around us that `environment` does not set itself."""
    foreign = {name for name in os.environ if name.startswith("GIT_")} - environment.keys() - _HEARD
    return ("env", *(word for name in sorted(foreign) for word in ("-u", name))) if foreign else ()


def _collect(said: Mapping[int, bytearray], *, until: float, talk: bytearray) -> bool:
    """Read these descriptors to their ends; False when there was no time for it, or too much. Of `talk`, the beginning is kept."""
    waiting = select.poll()
    for descriptor in said:
        waiting.register(descriptor, select.POLLIN)
    open_ends = len(said)
    while open_ends:
        ready = waiting.poll(max(0.0, until - time.monotonic()) * 1000)
        if not ready:
            return False
        for descriptor, _ in ready:
            chunk = os.read(descriptor, _CHUNK)
            said[descriptor] += chunk
            del talk[_MOST_ERR:]
            if len(said[descriptor]) > _MOST_OUT:
                return False
            if not chunk:
                waiting.unregister(descriptor)
                open_ends -= 1
    return True
