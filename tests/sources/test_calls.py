import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from paiwatch.errors import TransientError
from paiwatch.sources import calls as module
from paiwatch.sources.calls import Calls
from tests.sources.origins import assert_gone, children, descriptors


@pytest.fixture(autouse=True)
def _nothing_stays_behind() -> Iterator[None]:
    processes, files = children(), descriptors()
    yield
    assert children() == processes
    assert descriptors() == files


@pytest.fixture
def nap(request: pytest.FixtureRequest) -> str:
    """A long sleep that no other test has, in whichever process."""
    return f"sleep 617.{os.getpid()}{abs(hash(request.node.name)):d}"


def an_upload_pack(folder: Path, text: str) -> str:
    """A program that git starts for the other side of a path."""
    program = folder / "upload-pack"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return f"--upload-pack={program}"


def a_talker(folder: Path, nap: str) -> str:
    """A program that says a lot and then stays."""
    program = folder / "talker"
    program.write_text(f"#!/bin/sh\nyes | head -c 300000\n{nap}\n")
    program.chmod(0o755)
    return str(program)


def test_what_git_said_and_how_it_ended_is_told_apart() -> None:
    calls = Calls({}, timeout=30)

    version, nonsense = calls.run("version"), calls.run("no-such-verb")

    assert (version.status, version.err, version.is_late) == (0, "", False)
    assert version.out.startswith(b"git version ")
    assert nonsense.status == 1
    assert "no-such-verb" in nonsense.err


def test_more_output_than_pipes_hold_comes_through(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(os.urandom(3_000_000))
    calls = Calls({}, timeout=30)

    answer = calls.run("diff", "--no-index", "--text", "--", "/dev/null", str(tmp_path / "big"))

    assert len(answer.out) > 3_000_000


@pytest.mark.parametrize("stubborn", ["{nap}", "trap '' TERM; {nap} & {nap}", "exec 2>&- 1>&-; {nap}"])
def test_a_call_that_takes_too_long_is_ended_with_all_it_started(
    tmp_path: Path, stubborn: str, nap: str
) -> None:
    calls = Calls({}, timeout=0.3)
    started = time.monotonic()

    answer = calls.run(
        "ls-remote", an_upload_pack(tmp_path, f"# {tmp_path}\n{stubborn.format(nap=nap)}"), str(tmp_path)
    )

    assert answer.is_late or answer.status > 0
    assert time.monotonic() - started < 20
    assert_gone(nap)
    assert_gone(str(tmp_path))


def test_what_a_call_leaves_running_ends_with_it(tmp_path: Path, nap: str) -> None:
    background = an_upload_pack(tmp_path, f"{nap} >/dev/null 2>&1 &")
    calls = Calls({}, timeout=20)

    answer = calls.run("ls-remote", background, str(tmp_path))

    assert not answer.is_late
    assert_gone(nap)


def test_abort_ends_the_call_and_forbids_others(tmp_path: Path, nap: str) -> None:
    calls = Calls({}, timeout=60)
    reached = tmp_path / "reached"
    hanging = an_upload_pack(tmp_path, f"touch {reached}; {nap}")
    thread = threading.Thread(target=calls.run, args=("ls-remote", hanging, str(tmp_path)))
    thread.start()
    deadline = time.monotonic() + 20
    while not reached.exists() and time.monotonic() < deadline:
        thread.join(0.01)

    calls.abort()
    thread.join(20)

    assert not thread.is_alive()
    assert_gone(nap)
    with pytest.raises(TransientError, match="paiwatch stops"):
        calls.run("version")


def test_who_never_stops_complaining_is_heard_in_part(tmp_path: Path) -> None:
    calls = Calls({}, timeout=30)

    answer = calls.run(
        "ls-remote", an_upload_pack(tmp_path, "yes nonsense | head -c 3000000 >&2"), str(tmp_path)
    )

    assert answer.status > 0
    assert answer.err.startswith("nonsense\n")
    assert len(answer.err) <= module._MOST_ERR


def test_who_says_more_than_anybody_could_use_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nap: str
) -> None:
    monkeypatch.setattr(module, "_MOST_OUT", 100_000)
    calls = Calls({}, timeout=30)

    with pytest.raises(TransientError, match="git cat-file said more than"):
        calls.run("cat-file", "--batch-all-objects", "--batch", program=a_talker(tmp_path, nap))

    assert_gone(nap)


def test_variables_of_a_git_around_us_are_not_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_TRACE", "GIT_TRACE2_EVENT", "GIT_TRACE_PACKET"):
        monkeypatch.setenv(name, str(tmp_path / "trace"))
    monkeypatch.setenv("GIT_EXEC_PATH", str(tmp_path))
    monkeypatch.setenv("GIT_SSL_NO_VERIFY", "1")
    monkeypatch.setenv("GIT_SSL_CAINFO", "/ca")
    calls = Calls({"GIT_DIR": str(tmp_path)}, timeout=30)

    said = calls.run("-c", "env", program="sh").out.decode()

    assert sorted(line for line in said.splitlines() if line.startswith("GIT_")) == [
        f"GIT_DIR={tmp_path}",
        "GIT_SSL_CAINFO=/ca",
    ]
    assert not (tmp_path / "trace").exists()


def test_a_machine_without_git_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    calls = Calls({"PATH": "/nowhere"}, timeout=1)

    with pytest.raises(TransientError, match="git cannot be started"):
        calls.run("version")
