"""A daemon and its floor, side by side on one estate, and the pushes that are timed on them in turns."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import children
from bench.estate import Estate, Way
from bench.ground import CHECKOUT, LIMIT, NotMeasuredError
from bench.inotify import Sighting

_PATIENCE = 30.0  # seconds for one push to reach its script


@dataclass(frozen=True, slots=True)
class Reaction:
    """Milliseconds to the script's first line: from the moment the branch had moved, and from the end of `git push`."""

    from_visible: float
    from_pushed: float


@dataclass(frozen=True, slots=True)
class Lab:
    """Two running processes that follow the same commits."""

    estate: Estate
    way: Way
    daemon: "subprocess.Popen[bytes]"
    floor: "subprocess.Popen[bytes]"

    def ours(self) -> Reaction:
        """Push what is committed to paiwatch."""
        self._rest()
        return self._react(self.estate.config, self.estate.plot.trace, self.daemon)

    def raw(self) -> Reaction:
        """Push it to the floor."""
        self._rest()
        return self._react(self.estate.floor, self.estate.floor_trace, self.floor)

    def look(self) -> None:
        """Make the daemon look for news, and wait until it has."""
        before = children.cpu_ns(self.daemon.pid)
        self.daemon.send_signal(signal.SIGHUP)
        children.wait_until(lambda: children.cpu_ns(self.daemon.pid) > before, "SIGHUP taken")
        children.wait_until_quiet(self.daemon.pid, quiet=0.03)

    def _rest(self) -> None:
        """Neither side still works on what came before."""
        children.wait_until_quiet(self.daemon.pid)
        children.wait_until_quiet(self.floor.pid, quiet=0.02)

    def _react(self, repository: Path, trace: Path, follower: "subprocess.Popen[bytes]") -> Reaction:
        start = trace.stat().st_size
        with Sighting(repository, "main") as sighting:
            self.estate.push(repository)
            pushed = time.time()
            if self.way is Way.FETCH:
                follower.send_signal(signal.SIGHUP)
            children.wait_until(
                lambda: trace.read_bytes()[start:].endswith(b"\n"),
                "the script after a push",
                log=self.estate.log,
                limit=_PATIENCE,
            )
        first = float(trace.read_bytes()[start:].split()[0])
        visible = sighting.at if self.way is Way.PATH else pushed
        return Reaction((first - visible) * 1e3, (first - pushed) * 1e3)


@contextlib.contextmanager
def opened(estate: Estate, way: Way) -> Iterator[Lab]:
    """Both processes, ready and at rest; ended afterwards. Raises NotMeasuredError when the daemon does not get ready."""
    estate.write_settings(way)
    with contextlib.ExitStack() as stack:
        floor = stack.enter_context(_floor(estate, way))
        daemon = stack.enter_context(started(estate))
        children.wait_until_quiet(daemon.pid, quiet=0.5)
        if daemon.poll() is not None:
            raise NotMeasuredError(f"the daemon ended{children.log_tail(estate.log)}")
        yield Lab(estate, way, daemon, floor)


@contextlib.contextmanager
def started(estate: Estate) -> Iterator["subprocess.Popen[bytes]"]:
    """`paiwatch run` after it said READY=1, as systemd would wait for it."""
    address = estate.root / "notify"
    address.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(address))
        argv = (sys.executable, "-m", "paiwatch", "-c", str(estate.settings), "run")
        env = {**estate.ground.environment, "NOTIFY_SOCKET": str(address)}
        with children.running(argv, env=env, cwd=estate.root, log=estate.log) as daemon:
            _wait_ready(channel, daemon, estate.log)
            yield daemon


def _wait_ready(channel: socket.socket, daemon: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline and daemon.poll() is None:
        if select.select([channel], [], [], 0.1)[0] and b"READY=1" in channel.recv(65536).split(b"\n"):
            return
    raise NotMeasuredError(f"the daemon did not become ready (exit {daemon.poll()}){children.log_tail(log)}")


@contextlib.contextmanager
def _floor(estate: Estate, way: Way) -> Iterator["subprocess.Popen[bytes]"]:
    ready = estate.root / "floor.ready"
    ready.unlink(missing_ok=True)
    repository = estate.floor if way is Way.PATH else estate.root / "floor-mirror.git"
    remote = () if way is Way.PATH else (f"--remote={estate.floor.as_uri()}",)
    argv = (sys.executable, "-m", "bench.event_floor", repository, estate.root / "floor.sh", ready, *remote)
    words = [os.fspath(word) for word in argv]
    with children.running(
        words, env=estate.ground.environment, cwd=CHECKOUT, log=estate.root / "floor.log"
    ) as floor:
        children.wait_until(ready.exists, "the floor", log=estate.root / "floor.log", limit=20)
        yield floor
