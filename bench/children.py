"""Processes that are measured: started, timed, watched from outside through /proc, and always ended."""

import contextlib
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from bench.ground import LIMIT, NotMeasuredError

_TICK = os.sysconf("SC_CLK_TCK")
_GLANCE = 0.01  # seconds between two looks at whether a process rests


def wall(argv: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> float:
    """Milliseconds from start to end of a command that must succeed. Raises NotMeasuredError when it does not."""
    began = time.perf_counter()
    output(argv, env=env, cwd=cwd)
    return (time.perf_counter() - began) * 1e3


def output(argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, stdin: bytes = b"") -> str:
    """What a command prints. Raises NotMeasuredError when it fails or takes too long."""
    command = " ".join(argv[:6])
    try:
        done = subprocess.run(
            argv, env=dict(env), cwd=cwd, input=stdin, capture_output=True, timeout=LIMIT, check=False
        )
    except subprocess.TimeoutExpired as fault:
        raise NotMeasuredError(f"{command}: not done in {LIMIT:g} s") from fault
    if done.returncode:
        raise NotMeasuredError(f"{command}: exit {done.returncode}: {_tail(done.stderr)}")
    return done.stdout.decode()


def cpu_of(argv: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> float:
    """Milliseconds of CPU that a command and its children take."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output(argv, env=env, cwd=cwd)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3


@contextlib.contextmanager
def running(
    argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process in a session of its own; afterwards neither it nor anything of its session is left."""
    with log.open("ab") as sink:
        child = subprocess.Popen(
            argv,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    try:
        yield child
    finally:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(20)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def cpu_ns(pid: int) -> int:
    """Nanoseconds of CPU that a living process has used, all threads, without its children."""
    return time.clock_gettime_ns((~pid << 3) | 2)  # the kernel's name for another process's CPU clock


def reaped_ms(pid: int) -> float:
    """Milliseconds of CPU of the children that a process has waited for, in steps of the kernel's tick (10 ms)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) * 1000 / _TICK


def rss_mb(pid: int) -> float:
    """Resident memory in MB (10^6 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise NotMeasuredError(f"process {pid} has no VmRSS; it ended")


def family(pid: int) -> tuple[frozenset[int], int]:
    """The children a process has now, and the nanoseconds of CPU used by it and them."""
    tasks = Path(f"/proc/{pid}/task")
    listed = " ".join(
        (task / "children").read_text() for task in tasks.iterdir() if (task / "children").exists()
    )
    found = {}
    for child in map(int, listed.split()):
        with contextlib.suppress(OSError):  # it has just ended
            found[child] = cpu_ns(child)
    return frozenset(found), cpu_ns(pid) + sum(found.values())


def wait_until_quiet(pid: int, *, quiet: float = 0.1, limit: float = LIMIT) -> None:
    """Wait until for `quiet` seconds a process and its children have used less than 1 % of a CPU and no child came or went."""
    deadline = time.monotonic() + limit
    rested, before = 0.0, family(pid)
    while rested < quiet:
        time.sleep(_GLANCE)
        now = family(pid)
        is_busy = now[0] != before[0] or now[1] - before[1] > _GLANCE * 1e9 / 100
        rested = 0.0 if is_busy else rested + _GLANCE
        before = now
        if time.monotonic() > deadline:
            raise NotMeasuredError(f"process {pid} never came to rest in {limit:g} s")


def wait_until(
    claim: Callable[[], bool],
    what: str,
    *,
    log: Path | None = None,
    limit: float = LIMIT,
    pause: float = 0.002,
) -> None:
    """Wait for a claim to hold. Raises NotMeasuredError, with the end of the log, when it does not in time."""
    deadline = time.monotonic() + limit
    while not claim():
        if time.monotonic() > deadline:
            raise NotMeasuredError(f"{what}: not in {limit:g} s{log_tail(log)}")
        time.sleep(pause)


def log_tail(log: Path | None) -> str:
    """The last lines of a log, as the end of a sentence."""
    lines = log.read_text(errors="replace").splitlines()[-3:] if log is not None and log.exists() else []
    return f"; the log ends: {' / '.join(lines)[-600:]}" if lines else ""


def _tail(text: bytes) -> str:
    return " / ".join(text.decode(errors="replace").strip().splitlines()[-4:])
