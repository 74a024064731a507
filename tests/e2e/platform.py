"""A platform for end-to-end tests: real git, real daemon, real bash; scripts that write down when they ran and what they saw."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paiwatch.control import client
from tests.e2e.nursery import Hatched, Nursery

_WHO = ("AUTHOR", "COMMITTER")
LIMIT = 30.0  # seconds any wait may take

_SCRIPT = """\
#!/bin/bash
# ${{EPOCHREALTIME}} is bash's own clock: no process is spent on the trace.
echo "$EPOCHREALTIME begin $PAIWATCH_SERVICE $PAIWATCH_OPERATOR $PAIWATCH_RUN_ID" >> {trace}
cd "$(dirname "$0")"
{work}
echo "$EPOCHREALTIME end $PAIWATCH_SERVICE $PAIWATCH_OPERATOR $PAIWATCH_RUN_ID" >> {trace}
"""


@dataclass(frozen=True, slots=True)
class Trace:
    """One line that a script wrote."""

    at: float
    what: str  # begin | end
    service: str
    operator: str
    run: str


@dataclass(slots=True)
class Platform:
    """`root` holds config.git, work (its clone), tree/src, state, out (what scripts wrote) and config.yaml."""

    root: Path
    repo: str = ""  # what config.yaml says; default: the path of config.git
    operators: str = "{parallel: 4, timeout: 30s, grace: 1s, retries: {attempts: 3, first: 100ms, max: 1s}}"
    environment: Mapping[str, str] = field(default_factory=dict)
    source_options: str = ""
    process: "subprocess.Popen[bytes] | Hatched | None" = None
    nursery: Nursery | None = None  # where daemons come from; None: each loads paiwatch itself

    # ── laying out ──────────────────────────────────────────────────────────────────────────────────────────────────

    def build(self, services: Mapping[str, Iterable[str]]) -> None:
        """Components with these prerequisites; each reads its own section and the shared key `site.motto`."""
        (self.root / "out").mkdir(parents=True)
        self.trace_file.touch()
        for name, needs in services.items():
            self.add(name, needs)
        self.git(self.root, "init", "--quiet", "--bare", "--initial-branch=main", "config.git")
        self.git(self.root, "clone", "--quiet", "config.git", "work")
        self.git(self.work, "checkout", "--quiet", "-B", "main")
        self.write_config(dict.fromkeys(services, 0))
        self.push("first")
        self.write_settings()

    def add(self, name: str, needs: Iterable[str] = (), *, work: str = "", **scripts: str) -> None:
        """One component; `work` is bash run by every operator, `start=`… replaces one script's work."""
        deploy = self.root / "tree" / "src" / name / "deploy"
        deploy.mkdir(parents=True, exist_ok=True)
        lines = [f"  - {need}" for need in needs]
        prerequisites = "\n".join(["prerequisite:", *lines]) if lines else ""
        (deploy / "service.yaml").write_text(
            f"{prerequisites}\ntemplate-list: [value.txt]\n"
            "start-script: start.sh\nstop-script: stop.sh\ndelete-script: delete.sh\nrefresh-script: refresh.sh\n"
        )
        (deploy / "value.txt.template").write_text(
            "{{ cluster_cfg['NAME'].value }} {{ cluster_cfg.site.motto }}".replace("NAME", name)
        )
        done = {"start": f"cp value.txt {self.out(name)}", "refresh": f"cp value.txt {self.out(name)}"}
        done |= {"stop": f"rm -f {self.out(name)}", "delete": f"rm -f {self.out(name)}"}
        for operator, last in (done | scripts).items():
            text = _SCRIPT.format(trace=self.trace_file, work=f"{work}\n{last}")
            (deploy / f"{operator}.sh").write_text(text)

    def write_config(self, values: Mapping[str, int], *, motto: str = "steady", comment: str = "") -> None:
        """services-configuration.yaml with one value for each service."""
        sections = [f"{name}: {{value: {value}}}" for name, value in values.items()]
        (self.work / "services-configuration.yaml").write_text(
            "\n".join([f"# {comment}", f"site: {{motto: {motto}}}", *sections]) + "\n"
        )

    def write_settings(self, *, source: str = "") -> None:
        """config.yaml."""
        repo = self.repo or str(self.root / "config.git")
        config = source or f"{{repo: '{repo}', branch: main, folder: ., poll: 200ms{self.source_options}}}"
        (self.root / "config.yaml").write_text(
            f"config: {config}\nsrc: {{directory: {self.root / 'tree'}, folder: src, settle: 50ms}}\n"
            f"state: {self.root / 'state'}\noperators: {self.operators}\n"
        )

    def push(self, subject: str) -> str:
        """Commit and push everything; gives the commit."""
        self.git(self.work, "add", "--all")
        self.git(self.work, "commit", "--quiet", "--allow-empty", "--message", subject)
        self.git(self.work, "push", "--quiet", "origin", "HEAD:main")
        return self.git(self.work, "rev-parse", "HEAD").strip()

    # ── running ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Start the daemon."""
        environ = {**os.environ, **self.environment}
        if self.nursery is not None:
            words = ("-c", str(self.root / "config.yaml"), "run")
            self.process = self.nursery.start(words, environ=environ, log=self.root / "daemon.log")
            return
        with (self.root / "daemon.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "paiwatch", "-c", self.root / "config.yaml", "run"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environ,
                start_new_session=True,
            )

    def stop(self) -> int:
        """TERM the daemon; gives its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(LIMIT)

    def kill(self) -> None:
        """SIGKILL the daemon, nothing else."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(LIMIT)

    def cli(self, *words: str, code: int = 0) -> str:
        """Run a paiwatch command that must exit with this code; gives what it printed (when it fails, its errors)."""
        done = subprocess.run(
            [sys.executable, "-m", "paiwatch", "-c", self.root / "config.yaml", *words],
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
            env={**os.environ, **self.environment},
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout if code == 0 else done.stdout + done.stderr

    def json(self, *words: str) -> Any:
        """A command's JSON."""
        return json.loads(self.cli("-o", "json", *words))

    def wait_until(self, claim: Callable[[], bool], what: str) -> None:
        """Wait for a claim to hold; fails with the daemon's log when it does not in time."""
        deadline = time.monotonic() + LIMIT
        while not claim():
            if time.monotonic() > deadline or (
                self.process is not None and self.process.poll() not in {None, 0, -9}
            ):
                raise AssertionError(f"not reached: {what}\n{self.log()[-6000:]}")
            time.sleep(0.02)  # a bounded poll of real processes; nothing signals us

    def wait_settled(self, commit: str) -> Any:
        """Wait until the daemon has settled on this commit; gives its status."""

        def settled() -> bool:
            progress = client.ask(self.root / "state", {"verb": "progress"}) or {}
            return bool(progress.get("settled")) and (progress.get("snapshot") or {}).get("config") == commit

        self.wait_until(settled, f"settled on {commit[:8]}")
        return self.json("status")

    # ── looking ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def work(self) -> Path:
        """The clone in which commits are made."""
        return self.root / "work"

    @property
    def trace_file(self) -> Path:
        """Where scripts write when they ran."""
        return self.root / "out" / "trace"

    def out(self, service: str) -> Path:
        """What the service runs with now."""
        return self.root / "out" / f"{service}.value"

    def value(self, service: str) -> str:
        """The content of `out`, "" while there is none."""
        return self.out(service).read_text() if self.out(service).exists() else ""

    def trace(self) -> list[Trace]:
        """Everything scripts wrote, in order."""
        lines = (line.split() for line in self.trace_file.read_text().splitlines())
        return [Trace(float(at), what, service, operator, run) for at, what, service, operator, run in lines]

    def log(self) -> str:
        """What the daemon wrote."""
        return (self.root / "daemon.log").read_text() if (self.root / "daemon.log").exists() else ""

    @staticmethod
    def git(folder: Path, *words: str) -> str:
        """Run git, as somebody whose name it knows."""
        identity = {f"GIT_{who}_{what}": "ana@example.com" for who in _WHO for what in ("NAME", "EMAIL")}
        return subprocess.run(
            ["git", *words],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
            env={**identity, "GIT_CONFIG_GLOBAL": "/dev/null", **os.environ},
        ).stdout


def overlaps(trace: Iterable[Trace]) -> list[str]:
    """Services of which an operator began while another one of the same service still ran."""
    running: dict[str, str] = {}
    found = []
    for line in trace:
        if line.what == "begin":
            if line.service in running:
                found.append(f"{line.service}: {line.operator} began during {running[line.service]}")
            running[line.service] = line.operator
        else:
            running.pop(line.service, None)
    return found
