"""Full and failing disks under a running daemon: it waits, says what it waits for, and goes on by itself with nothing lost."""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from paiwatch.control import client
from tests.e2e.platform import Platform, overlaps

SERVICES = {"base": (), "middle": ("base",), "top": ("middle",), "alone": ()}
SIZE = 24 << 20


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Platform]:
    """A platform whose state folder is a small disk of its own; the daemon is gone afterwards."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "paiwatch-test", str(state)]
    made = subprocess.run(mount, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {made.stderr.strip()}")
    lab = Platform(tmp_path)
    try:
        lab.build(SERVICES)
        yield lab
        if lab.process is not None and lab.process.poll() is None:
            lab.kill()
    finally:
        subprocess.run(["umount", "--lazy", str(state)], check=True)


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """The same on the disk of the tests."""
    lab = Platform(tmp_path)
    lab.build(SERVICES)
    yield lab
    if lab.process is not None and lab.process.poll() is None:
        lab.kill()


def fill(platform: Platform) -> Path:
    """Leave no byte of the state folder's disk free; gives the file to be removed."""
    file = platform.root / "state" / "fill"
    with file.open("wb", buffering=0) as opened:
        for size in (1 << 20, 4096, 1):
            try:
                while opened.write(b"\0" * size):
                    pass
            except OSError:
                continue
    return file


def faults(platform: Platform) -> dict[str, str]:
    reply = client.ask(platform.root / "state", {"verb": "progress"}) or {}
    found: dict[str, str] = reply.get("faults", {})
    return found


def head(platform: Platform) -> str:
    return platform.git(platform.work, "rev-parse", "HEAD").strip()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """The folder as on a disk that the kernel made read-only."""
    folder.mkdir(mode=0o700, exist_ok=True)
    mount = ["mount", "--bind", str(folder), str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a folder read-only")
    subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def manager(platform: Platform) -> Iterator[list[str]]:
    """A service manager for the daemon; the states that it is told."""
    heard: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("")  # the kernel chooses an abstract name
        platform.environment = {"NOTIFY_SOCKET": "@" + listener.getsockname()[1:].decode()}

        def listen() -> None:
            while message := listener.recv(4096).decode():
                heard.extend(message.splitlines())

        thread = threading.Thread(target=listen, name="service manager")
        thread.start()
        try:
            yield heard
        finally:
            listener.connect(listener.getsockname())
            listener.send(b"")
            thread.join()


@contextmanager
def locked(record: Path) -> Iterator[None]:
    """The record while some back-up tool keeps it for itself."""
    with closing(sqlite3.connect(record, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def hold_up(platform: Platform) -> Path:
    """Let the script of base begin and not end before the file that this gives is there."""
    gate = platform.root / "gate"
    platform.add("base", work=f"while [ ! -e {gate} ]; do sleep 0.02; done")
    platform.wait_until(lambda: platform.trace()[-1].what == "begin", "a script runs")
    return gate


def lines(platform: Platform, event: str) -> list[dict[str, Any]]:
    read = [json.loads(line) for line in platform.log().splitlines() if line.startswith("{")]
    return [line for line in read if line["event"] == event]


def check_record(platform: Platform) -> None:
    """The record is whole and tells what happened: every run once, with an end, in no other's way."""
    with closing(sqlite3.connect(platform.root / "state" / "record.db")) as record:
        assert record.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert record.execute("SELECT count(*) FROM runs WHERE ended IS NULL").fetchone() == (0,)
        assert record.execute("SELECT count(*) FROM generations WHERE closed IS NULL").fetchone() == (0,)
    assert overlaps(platform.trace()) == []
    ended = sorted(int(line.run.split("-")[0]) for line in platform.trace() if line.what == "end")
    history = platform.json("history", "-n", "1000")
    assert ended == sorted(run["run"] for run in history if run["outcome"] == "succeeded")


def test_full_disk_is_waited_for_and_nothing_is_lost(small: Platform) -> None:
    small.start()
    small.wait_settled(head(small))
    gate = hold_up(small)

    full = fill(small)
    gate.touch()
    small.write_config(dict.fromkeys(SERVICES, 2))
    newest = small.push("two")
    small.wait_until(lambda: "state" in faults(small), "the outage is told")
    told, shown = faults(small)["state"], small.cli("status")
    full.unlink()
    small.wait_settled(newest)

    assert "state/" in told
    assert "No space left on device; free space there" in told
    assert told in " ".join(shown.split())
    assert {name: small.value(name) for name in SERVICES} == dict.fromkeys(SERVICES, "2 steady")
    assert faults(small) == {}
    failed = [line["message"] for line in lines(small, "store.failed")]
    assert 1 <= len(failed) == len(set(failed)), "each room of the state is told once"
    assert len(lines(small, "store.recovered")) == 1
    assert small.stop() == 0
    check_record(small)


def test_each_read_only_room_of_the_state_is_waited_for(small: Platform) -> None:
    small.start()
    small.wait_settled(head(small))

    for number, room in enumerate(("archive", "stages", "runs", "surroundings"), start=1):
        (small.root / "tree" / "src" / "common.txt").write_text(str(number))  # new surroundings each time
        with read_only(small.root / "state" / room):
            small.write_config(dict.fromkeys(SERVICES, number))
            newest = small.push(room)
            small.wait_until(lambda: "state" in faults(small), f"the outage of {room} is told")
            told = faults(small)["state"]
            if room == "archive":
                small.cli("suspend", "top", "--reason", "an archive that cannot be written delays no command")
                small.cli("resume", "top")
        small.wait_settled(newest)

        assert "Read-only file system; mount it for writing" in told
        assert small.value("top") == f"{number} steady"
    check_record(small)


def test_record_that_is_locked_holds_up_nothing_but_writing(platform: Platform) -> None:
    with manager(platform) as heard:
        platform.environment = {**platform.environment, "WATCHDOG_USEC": "1000000"}
        platform.start()
        platform.wait_settled(head(platform))
        gate = hold_up(platform)

        with locked(platform.root / "state" / "record.db"):
            gate.touch()
            platform.wait_until(lambda: "is locked" in " ".join(heard), "the outage is told to systemd")
            before = heard.count("WATCHDOG=1")
            platform.wait_until(lambda: heard.count("WATCHDOG=1") > before, "it is no hang")
            assert "record.db: database is locked; another program keeps it" in faults(platform)["state"]
            refused = platform.cli("suspend", "top", "--reason", "a test", code=1)
        platform.wait_until(lambda: not faults(platform), "the outage is over")
        platform.wait_until(
            lambda: [one for one in heard if one.startswith("STATUS=")][-1] == "STATUS=following the trees",
            "systemd is told so",
        )

    assert "database is locked" in refused
    platform.wait_settled(head(platform))
    check_record(platform)


def test_daemon_that_must_end_during_an_outage_says_so_and_the_next_one_makes_up_for_it(
    platform: Platform,
) -> None:
    platform.start()
    platform.wait_settled(head(platform))
    gate = hold_up(platform)

    with locked(platform.root / "state" / "record.db"):
        gate.touch()
        platform.wait_until(lambda: "state" in faults(platform), "the outage is told")
        assert platform.stop() == 1, platform.log()[-4000:]
    assert "not everything could be written down" in platform.log()
    platform.start()
    platform.wait_settled(head(platform))

    last, before, *_ = [run["outcome"] for run in platform.json("history", "base")]
    assert (last, before) == ("succeeded", "interrupted")
    assert overlaps(platform.trace()) == []


def test_once_ends_with_an_error_where_the_record_cannot_be_written(platform: Platform) -> None:
    platform.cli("once")
    platform.write_config(dict.fromkeys(SERVICES, 1))
    platform.push("one")

    for room in ("archive", "stages"):
        with read_only(platform.root / "state" / room):
            said = platform.cli("once", code=1)
        assert f"{room}: cannot be written: Read-only file system" in said
    platform.cli("once")

    assert platform.value("top") == "1 steady"


def damage(platform: Platform, service: str) -> None:
    """Change a file of what is archived of this service."""
    digest = next(
        row["applied"]["digest"] for row in platform.json("status")["services"] if row["name"] == service
    )
    (platform.root / "state" / "archive" / digest / "files" / "stop.sh").write_text("rm -rf /\n")


def test_damaged_archive_is_mended_while_the_component_is_there_and_told_once_it_is_gone(
    platform: Platform,
) -> None:
    platform.operators = platform.operators.replace("{parallel", "{removed: stop, parallel")
    platform.write_settings()
    platform.cli("once")

    damage(platform, "alone")
    platform.cli("service", "refresh", "-n", "alone")
    assert [line.operator for line in platform.trace() if line.service == "alone"][-1] == "refresh"

    damage(platform, "alone")
    shutil.rmtree(platform.root / "tree" / "src" / "alone")
    said = platform.cli("once", code=1)
    assert "stop.sh is damaged; restore that folder from a back-up, or bring the component back" in said
    assert "then run: paiwatch retry alone" in said


def test_commit_that_does_not_fit_beside_the_others_is_told_and_the_next_one_is_taken(
    small: Platform,
) -> None:
    small.repo = f"file://{small.root}/config.git"  # a path would be read where it lies
    small.write_settings()
    small.start()
    before = head(small)
    small.wait_settled(before)

    large = small.work / "large"
    large.write_bytes(os.urandom(SIZE + (4 << 20)))
    small.write_config(dict.fromkeys(SERVICES, 7))
    small.push("too large")
    small.wait_until(lambda: "sources" in faults(small), "it is told")
    told = faults(small)["sources"]
    large.unlink()
    small.git(small.work, "reset", "--quiet", "--soft", before)
    small.write_config(dict.fromkeys(SERVICES, 8))
    small.git(small.work, "add", "--all")
    small.git(small.work, "commit", "--quiet", "--message", "without it")
    small.git(small.work, "push", "--quiet", "--force", "origin", "HEAD:main")
    small.wait_settled(head(small))

    assert "no space left for the copy" in told
    assert "free space in the state folder" in told
    assert {name: small.value(name) for name in SERVICES} == dict.fromkeys(SERVICES, "8 steady")
    check_record(small)
