"""Processes that nobody can end: status shows them, nothing of their service overlaps with them, and all goes on once they are gone."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.platform import Platform

#: Of somebody else, in the script's session; whoever may not kill everybody cannot end it.
_STRAY = "[ -e {pid} ] || {{ setpriv --reuid=65534 --clear-groups sleep 300 & echo $! > {pid}; }}"


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """`web` leaves such a process at its first run; nothing of it is there afterwards."""
    if os.geteuid() != 0:
        pytest.skip("only root may start processes that it cannot end")
    lab = Platform(tmp_path)
    lab.build({"other": ()})
    lab.add("web", work=_STRAY.format(pid=tmp_path / "stray"))
    lab.write_config({"other": 0, "web": 0})
    lab.push("with web")
    yield lab
    if lab.process is not None and lab.process.poll() is None:
        lab.kill()
    end_stray(lab)


def end_stray(lab: Platform) -> None:
    if (pid := stray(lab)) and Path(f"/proc/{pid}").exists():
        os.kill(pid, signal.SIGKILL)


def stray(lab: Platform) -> int:
    file = lab.root / "stray"
    return int(file.read_text() or 0) if file.exists() else 0


def start(lab: Platform) -> None:
    """A daemon of root's that may end no process of others."""
    command = (sys.executable, "-m", "paiwatch", "-c", lab.root / "config.yaml", "run")
    with (lab.root / "daemon.log").open("ab") as log:
        lab.process = subprocess.Popen(
            ("setpriv", "--bounding-set=-kill", *command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def state_of(lab: Platform) -> str:
    lines = lab.json("status")["services"]
    return next((str(row["state"]) for row in lines if row["name"] == "web"), "")


def test_what_nobody_can_end_is_shown_and_never_overlapped_with(platform: Platform) -> None:
    start(platform)
    platform.wait_until(lambda: state_of(platform) == "lingering", "the process is told of")
    shown = platform.json("status")["services"][1]["held"]
    assert (
        f"processes of run {platform.json('history', 'web')[0]['run']} (start) cannot be ended"
        in shown["reason"]
    )
    assert f"-p {stray(platform)}`" in shown["reason"]

    platform.write_config({"other": 1, "web": 1})
    platform.push("raise both")
    platform.wait_until(lambda: platform.value("other") == "1 steady", "other goes on")
    assert "cannot stop web: processes of run" in platform.cli("service", "stop", "-n", "web", code=2)
    platform.kill()
    start(platform)
    platform.wait_until(lambda: platform.log().count('"daemon.ready"') == 2, "ready again")
    assert (state_of(platform), platform.value("web")) == ("lingering", "0 steady")

    end_stray(platform)
    platform.wait_until(lambda: platform.value("web") == "1 steady", "web goes on by itself")
    platform.wait_until(lambda: state_of(platform) == "up-to-date", "nothing lingers")
