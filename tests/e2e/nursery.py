"""A nursery: one interpreter that has loaded paiwatch and forks daemons, so that a test that starts ten of them loads it once.

`python -m tests.e2e.nursery` answers JSON lines: what to start, or whose end to look for. No threads: it must be safe to fork.
"""

import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

_LOADED = (
    "paiwatch.cli.root",
    "paiwatch.cli.run",
    "paiwatch.daemon.chronicle",
    "paiwatch.daemon.life",
    "paiwatch.record.loading",
    "paiwatch.record.writing",
    "paiwatch.settings.file",
    "paiwatch.sources.directory",
    "paiwatch.sources.filesystem",
    "paiwatch.sources.keep",
    "paiwatch.sources.repository",
    "asyncio.unix_events",
    "sqlalchemy.dialects.sqlite.pysqlite",
)


class Nursery:
    """The parent of daemons. Close it when they are gone."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.nursery"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def start(self, words: Sequence[str], *, environ: Mapping[str, str], log: Path) -> "Hatched":
        """A `paiwatch` process with these words; what it writes goes to `log`."""
        return Hatched(self, self.ask({"words": [*words], "environ": {**environ}, "log": str(log)}))

    def ask(self, request: Mapping[str, Any]) -> Any:
        """One line there, one back."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=30)


class Hatched:
    """A process of the nursery; as much of `Popen` as tests need."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._nursery = nursery

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        if self.returncode is None:
            self.returncode = self._nursery.ask({"poll": self.pid})
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Its exit code. Raises TimeoutExpired."""
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("paiwatch", timeout)
            time.sleep(0.005)  # a bounded poll of a process that is not our child
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Unless its end was seen already."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """TERM."""
        self.send_signal(signal.SIGTERM)


def _answer(request: Mapping[str, Any]) -> int | None:
    if "poll" in request:
        pid, status = os.waitpid(request["poll"], os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if pid else None
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        _become(request["words"], request["environ"], request["log"])
    return pid


def _become(words: Sequence[str], environ: Mapping[str, str], log: str) -> NoReturn:
    """Be the process that was asked for, to its end."""
    os.setsid()
    nothing, written = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for descriptor, standard in ((nothing, 0), (written, 1), (written, 2)):
        os.dup2(descriptor, standard)
    os.environ.clear()
    os.environ.update(environ)
    from paiwatch.cli import main

    sys.argv = ["paiwatch", *words]
    code = 1
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stderr.flush()
        os._exit(code)


def _tend() -> None:
    for name in _LOADED:
        import_module(name)
    gc.freeze()
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    _tend()
