"""Real bash scripts in real folders, and orders to run them."""

import os
from pathlib import Path
from typing import Any

from paiwatch.domain.run import Identity, RunResult
from paiwatch.operators import script
from paiwatch.operators.output import Scrub
from paiwatch.operators.run import RunOrder


def an_order(tmp_path: Path, text: str, **fields: Any) -> RunOrder:
    """An order to run this text as a script, with limits a test can wait for."""
    stage = tmp_path / "stage"
    stage.mkdir(exist_ok=True)
    (stage / "script.sh").write_text(text)
    env = {"PATH": os.environ["PATH"], "PAIWATCH_RUN_ID": f"7-{tmp_path.name}-{os.getpid()}"}
    defaults: dict[str, Any] = {
        "run": 7,
        "service": "grafana",
        "operator": "start",
        "stage": stage,
        "script": "script.sh",
        "env": env,
        "log": tmp_path / "state" / "runs" / "grafana" / "7.log",
        "log_limit": 100_000,
        "timeout": 30.0,
        "grace": 5.0,
    }
    return RunOrder(**(defaults | fields))


async def run(order: RunOrder, scrub: Scrub | None = None) -> RunResult:
    """Run it; nobody wants to know of the start."""

    async def on_start(identity: Identity) -> None:
        pass

    return await script.run(order, on_start=on_start, scrub=scrub)


def is_running(pid: int) -> bool:
    """Whether a process of this pid runs (a zombie does not)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"
