"""Leftovers of a paiwatch that died are recognised, and nobody else's processes are touched."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from paiwatch.operators import leftovers
from paiwatch.operators.leftovers import Trail
from tests.operators.scripts import is_running


@pytest.fixture
def orphan(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """Marker and pid of a script whose paiwatch was killed."""
    marker = f"1-{tmp_path.name}-{os.getpid()}"
    code = (
        "import subprocess, sys, os;"
        "p = subprocess.Popen(['bash', '-c', 'sleep 62 & sleep 62'], start_new_session=True,"
        " env={'PAIWATCH_RUN_ID': sys.argv[1], 'PATH': os.environ['PATH']}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL);"
        "print(p.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    ran = subprocess.run([sys.executable, "-c", code, marker], capture_output=True, text=True, check=False)
    pid = int(ran.stdout)
    yield marker, pid
    for left in leftovers.find(Trail(group=pid, marker=marker)):
        os.kill(left, 9)


async def test_a_dead_paiwatchs_script_is_found_by_identity_and_ended(orphan: tuple[str, int]) -> None:
    marker, pid = orphan
    identity = leftovers.identify(pid)
    assert identity is not None

    swept = await leftovers.end(
        leftovers.trail_of("", identity), patience=0.0, grace=5.0, hurry=asyncio.Event()
    )

    assert not swept.left
    assert not is_running(pid)
    assert not leftovers.find(Trail(group=pid, marker=marker))


async def test_it_is_found_by_its_marker_alone(orphan: tuple[str, int]) -> None:
    marker, pid = orphan

    await leftovers.end(leftovers.trail_of(marker, None), patience=0.0, grace=5.0, hurry=asyncio.Event())

    assert not is_running(pid)


async def test_its_marker_leads_to_children_that_lost_it(tmp_path: Path) -> None:
    marker = f"2-{tmp_path.name}-{os.getpid()}"
    script = await asyncio.create_subprocess_exec(
        "bash", "-c", "env -i sleep 63 & echo $!; sleep 64", stdout=asyncio.subprocess.PIPE,
        start_new_session=True, env={"PAIWATCH_RUN_ID": marker, "PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert script.stdout is not None
    child = int(await script.stdout.readline())

    swept = await leftovers.end(
        leftovers.trail_of(marker, None), patience=0.0, grace=5.0, hurry=asyncio.Event()
    )
    await script.wait()

    assert not swept.left
    assert not is_running(child)


def test_a_reused_pid_is_somebody_else(orphan: tuple[str, int]) -> None:
    _, pid = orphan
    identity = leftovers.identify(pid)
    assert identity is not None
    earlier = replace(identity, started_ticks=identity.started_ticks - 1)
    other_boot = replace(identity, boot="another")

    assert leftovers.is_alive(identity)
    assert not leftovers.is_alive(earlier)
    assert not leftovers.is_alive(other_boot)
    assert leftovers.trail_of("m", earlier) == Trail(group=0, marker="m")
    assert leftovers.trail_of("m", other_boot) == Trail(group=0, marker="m")


def test_a_marker_that_only_begins_alike_is_another_run(orphan: tuple[str, int]) -> None:
    marker, pid = orphan

    assert pid in leftovers.find(Trail(group=0, marker=marker))
    assert not leftovers.find(Trail(group=0, marker=marker[:-1]))
    assert not leftovers.find(Trail(group=0, marker=""))


def test_paiwatch_itself_is_never_a_leftover(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "from paiwatch.operators.leftovers import Trail, find; print(sorted(find(Trail(group=0, marker='9-own'))))"
    env = {**os.environ, "PAIWATCH_RUN_ID": "9-own"}
    ran = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_nobody_has_no_identity() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert leftovers.identify(gone.pid) is None
