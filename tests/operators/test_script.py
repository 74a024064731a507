"""Scripts of every manner of behaviour end with the right result, and leave nothing behind."""

import asyncio
import errno
import os
import signal
import time
from pathlib import Path

import pytest

from paiwatch.domain.run import Identity, Outcome
from paiwatch.errors import StoreError
from paiwatch.operators import leftovers, script
from tests.operators.scripts import an_order, is_running, run


async def until(file: Path, text: str = "\n") -> str:
    """The first line of this file, once the text is in it."""
    async with asyncio.timeout(20):
        while True:
            if file.exists() and text in (found := file.read_text()):
                return found.splitlines()[0]
            await asyncio.sleep(0.005)


async def test_output_of_both_kinds_lies_in_a_private_file(tmp_path: Path) -> None:
    order = an_order(tmp_path, 'echo out; echo err >&2; pwd; echo "$0"')

    result = await run(order)

    assert (result.outcome, result.exit, result.signal, result.reaped) == (Outcome.SUCCEEDED, 0, None, 0)
    assert (result.message, result.seconds > 0) == ("", True)
    assert order.log.read_text() == f"out\nerr\n{order.stage}\nscript.sh\n"
    assert order.log.stat().st_mode & 0o777 == 0o600
    assert order.log.parent.stat().st_mode & 0o777 == 0o700


async def test_nothing_is_inherited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_DAEMON", "x")
    order = an_order(tmp_path, "env | cut -d= -f1 | sort; ls /proc/self/fd")

    await run(order)

    words = set(order.log.read_text().split())
    assert words == {
        "PATH",
        "PAIWATCH_RUN_ID",
        "PWD",
        "SHLVL",
        "_",
        "0",
        "1",
        "2",
        "3",
    }  # 3: ls itself reading


@pytest.mark.parametrize(
    ("text", "exit_code", "number", "message"),
    [
        ("exit 3", 3, None, "exit code 3"),
        ("kill -KILL $$", None, 9, "ended by signal SIGKILL"),
        ("if then", 2, None, "exit code 2"),
        ("nosuchcommand", 127, None, "exit code 127"),
    ],
)
async def test_failures_say_how(
    tmp_path: Path, text: str, exit_code: int | None, number: int | None, message: str
) -> None:
    result = await run(an_order(tmp_path, text))

    assert (result.outcome, result.exit, result.signal) == (Outcome.FAILED, exit_code, number)
    assert result.message == message


async def test_who_reads_stdin_gets_its_end_at_once(tmp_path: Path) -> None:
    order = an_order(tmp_path, "read line; echo got:$line:$?; cat")

    result = await run(order)

    assert (result.outcome, order.log.read_text()) == (Outcome.SUCCEEDED, "got::1\n")


async def test_closed_stdio_is_no_trouble(tmp_path: Path) -> None:
    assert (await run(an_order(tmp_path, "exec 0<&- 1>&- 2>&-; exit 4"))).exit == 4


@pytest.mark.parametrize(
    "spoil", ["no stage", "no folder for the log", "bad environment"], ids=lambda name: name.replace(" ", "-")
)
async def test_what_cannot_be_started_is_a_failure(tmp_path: Path, spoil: str) -> None:
    order = an_order(tmp_path, "true")
    match spoil:
        case "no stage":
            order = an_order(tmp_path, "true", stage=tmp_path / "nowhere")
        case "no folder for the log":
            (tmp_path / "file").write_text("")
            order = an_order(tmp_path, "true", log=tmp_path / "file" / "x" / "7.log")
        case _:
            order = an_order(tmp_path, "true", env={"A": "b\0c"})

    result = await run(order)

    assert (result.outcome, result.exit, result.signal) == (Outcome.FAILED, None, None)
    assert "could not be started" in result.message


async def test_its_identity_is_told_while_it_runs(tmp_path: Path) -> None:
    told: list[Identity] = []

    async def on_start(identity: Identity) -> None:
        told.append(identity)
        assert leftovers.is_alive(identity)
        (tmp_path / "stage" / "go").write_text("")

    order = an_order(tmp_path, "until [ -e go ]; do sleep 0.01; done; echo $$")
    result = await script.run(order, on_start=on_start)

    assert result.outcome is Outcome.SUCCEEDED
    assert order.log.read_text() == f"{told[0].pid}\n"
    assert not leftovers.is_alive(told[0])


async def test_a_record_that_fails_ends_the_script(tmp_path: Path) -> None:
    pids: list[int] = []

    async def on_start(identity: Identity) -> None:
        pids.append(identity.pid)
        raise StoreError("the disk is full")

    with pytest.raises(StoreError, match="the disk is full"):
        await script.run(an_order(tmp_path, "sleep 60"), on_start=on_start)

    assert not is_running(pids[0])


async def test_script_that_cannot_be_looked_after_is_ended_and_is_not_to_blame(tmp_path: Path) -> None:
    pids: list[int] = []

    async def on_start(identity: Identity) -> None:
        pids.append(identity.pid)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    result = await script.run(an_order(tmp_path, "sleep 60"), on_start=on_start)

    assert result.outcome is Outcome.INTERRUPTED
    assert result.message == "ended because it could not be looked after: Too many open files"
    assert not is_running(pids[0])


async def test_a_script_that_takes_too_long_is_asked_to_end(tmp_path: Path) -> None:
    order = an_order(
        tmp_path, "trap 'echo bye; exit 0' TERM; echo hi; while :; do sleep 0.01; done", timeout=0.3
    )

    result = await run(order)

    assert (result.outcome, result.exit, result.message) == (Outcome.TIMED_OUT, 0, "not done after 0.3 s")
    assert order.log.read_text().splitlines()[-1] == "bye"


@pytest.mark.parametrize(
    "text",
    [
        "trap '' TERM; while :; do sleep 1; done",
        "trap '' TERM; kill -STOP $$; while :; do sleep 1; done",
        "trap '' TERM; (trap '' TERM; setsid sleep 60) & setsid setsid sleep 60 & wait; sleep 60",
    ],
    ids=["ignores TERM", "stopped", "tree with its own sessions"],
)
async def test_whoever_ignores_term_is_killed(tmp_path: Path, text: str) -> None:
    order = an_order(tmp_path, text, timeout=0.3, grace=0.2)

    result = await run(order)

    assert (result.outcome, result.exit, result.signal) == (Outcome.TIMED_OUT, None, signal.SIGKILL)
    assert result.seconds < 10
    assert not leftovers.find(leftovers.Trail(group=0, marker=order.env["PAIWATCH_RUN_ID"]))


async def test_a_stopped_script_still_gets_term(tmp_path: Path) -> None:
    order = an_order(tmp_path, "trap 'exit 5' TERM; kill -STOP $$; sleep 60", timeout=0.3)

    assert (await run(order)).exit == 5


@pytest.mark.parametrize(
    "text",
    [
        "sleep 61 & echo $!",
        "nohup sleep 61 >/dev/null 2>&1 & echo $!",
        "setsid sleep 61 & echo $!",
        "env -u PAIWATCH_RUN_ID sleep 61 & echo $!",
        "set -m; env -i /bin/sleep 61 & echo $!",
        "(setsid bash -c 'sleep 61 & echo $! > pid' &) ; until [ -s pid ]; do sleep 0.01; done; cat pid",
        "bash -c \"trap '' TERM; echo up > up; sleep 61; sleep 61\" & until [ -e up ]; do sleep 0.01; done; echo $!",
    ],
    ids=[
        "keeps the log open",
        "nohup",
        "own session",
        "without marker",
        "own group without marker",
        "double fork",
        "ignores TERM",
    ],
)
async def test_leftovers_of_a_finished_script_are_ended(tmp_path: Path, text: str) -> None:
    order = an_order(tmp_path, text, grace=0.3)

    result = await run(order)

    assert (result.outcome, result.exit) == (Outcome.SUCCEEDED, 0)
    assert result.reaped >= 1
    assert "left behind" in result.message
    assert not is_running(int(order.log.read_text()))
    assert result.seconds < 10


async def test_leftovers_that_are_about_to_become_another_program_are_found(tmp_path: Path) -> None:
    text = "setsid sleep 76 >/dev/null 2>&1 </dev/null & exit 0"
    places = [tmp_path / str(number) for number in range(20)]
    for place in places:
        place.mkdir()

    results = await asyncio.gather(*(run(an_order(place, text)) for place in places))

    assert [result.reaped for result in results] == [1] * 20


async def test_a_service_that_is_detached_on_purpose_survives(tmp_path: Path) -> None:
    text = "setsid env -u PAIWATCH_RUN_ID sh -c 'echo $$ > pid; exec sleep 60' >/dev/null 2>&1 &"
    order = an_order(tmp_path, text)

    result = await run(order)

    pid = int(await until(order.stage / "pid"))
    try:
        assert (result.outcome, result.reaped) == (Outcome.SUCCEEDED, 0)
        assert is_running(pid)
    finally:
        os.kill(pid, signal.SIGKILL)


async def test_a_service_that_keeps_the_output_open_adds_nothing_to_it(tmp_path: Path) -> None:
    late = "echo $$ > pid; until [ -e go ]; do sleep 0.01; done; echo late; echo > done; exec sleep 60"
    order = an_order(
        tmp_path,
        f"echo early; setsid env -u PAIWATCH_RUN_ID sh -c '{late}' & until [ -s pid ]; do sleep 0.01; done",
    )

    result = await run(order)

    try:
        assert "still has the output open" in result.message
        (order.stage / "go").touch()
        await until(order.stage / "done")
        assert order.log.read_text() == "early\n"
        assert order.log.stat().st_mode & 0o777 == 0o600
    finally:
        os.kill(int((order.stage / "pid").read_text()), signal.SIGKILL)


@pytest.mark.parametrize(
    "instead",
    [
        ":",
        "mkfifo $log",
        "mkdir $log; touch $log/x",
        "ln -s /etc/passwd $log",
        "cp /etc/passwd $log",
        "rm -r ${log%/*}",
    ],
    ids=["nothing", "pipe", "folder", "link", "file", "no-folder"],
)
async def test_output_is_kept_whatever_a_script_puts_in_its_place(tmp_path: Path, instead: str) -> None:
    text = f"log=$(readlink /proc/$$/fd/1); echo one hush; rm $log; {instead}; echo two; exit 3"
    order = an_order(tmp_path, text)

    result = await run(order, lambda piece: piece.replace(b"hush", b"***"))

    assert (result.outcome, result.exit) == (Outcome.FAILED, 3)
    assert "took its output file away" in result.message
    assert not order.log.is_symlink()
    assert order.log.read_text() == "one ***\ntwo\n"
    assert order.log.stat().st_mode & 0o777 == 0o600


async def test_what_a_script_leaves_behind_cannot_fill_the_disk_while_it_is_ended(tmp_path: Path) -> None:
    order = an_order(tmp_path, "(trap '' TERM; exec yes) & exit 0", log_limit=65_536, grace=0.3)
    sizes: list[int] = []

    async def look() -> None:
        while True:
            await asyncio.sleep(0.01)
            sizes.append(order.log.stat().st_blocks * 512 if order.log.exists() else 0)

    looking = asyncio.create_task(look())
    result = await run(order)
    looking.cancel()

    assert result.reaped == 1
    assert order.log.stat().st_size < 66_000
    assert max(sizes) < 500 << 20


async def test_a_finished_script_is_not_waited_for_when_nothing_is_left(tmp_path: Path) -> None:
    began = time.monotonic()

    await run(an_order(tmp_path, "true", timeout=600, grace=600))

    assert time.monotonic() - began < 2


async def test_cancelling_interrupts_and_still_gives_the_result(tmp_path: Path) -> None:
    order = an_order(tmp_path, "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done")
    task = asyncio.create_task(run(order))
    await until(order.log)

    task.cancel()
    result = await task

    assert (result.outcome, result.exit) == (Outcome.INTERRUPTED, 0)
    assert order.log.read_text().splitlines()[-1] == "bye"


async def test_cancelling_twice_kills_at_once(tmp_path: Path) -> None:
    order = an_order(tmp_path, "trap 'echo term' TERM; echo up; while :; do sleep 0.01; done", grace=600.0)
    task = asyncio.create_task(run(order))
    await until(order.log)
    task.cancel()
    await until(order.log, "term")

    task.cancel()
    result = await asyncio.wait_for(task, 20)

    assert (result.outcome, result.signal) == (Outcome.INTERRUPTED, signal.SIGKILL)


async def test_many_at_once_do_not_mix(tmp_path: Path) -> None:
    orders = []
    for number in range(12):
        (tmp_path / str(number)).mkdir()
        orders.append(an_order(tmp_path / str(number), f"echo {number}; exit {number}"))

    results = await asyncio.gather(*map(run, orders))

    assert [result.exit for result in results] == list(range(12))
    assert [order.log.read_text() for order in orders] == [f"{number}\n" for number in range(12)]


async def test_secrets_are_masked_when_it_ended(tmp_path: Path) -> None:
    order = an_order(tmp_path, "echo the password is hunter2")

    await run(order, lambda piece: piece.replace(b"hunter2", b"***"))

    assert order.log.read_text() == "the password is ***\n"
    assert order.log.stat().st_mode & 0o777 == 0o600


async def test_endless_output_stays_within_a_small_multiple_of_the_limit(tmp_path: Path) -> None:
    limit = 1024**2
    text = "echo first; head -c 512M /dev/zero | tr '\\0' x; echo; echo last"
    order = an_order(tmp_path, text, log_limit=limit)
    most = 0

    task = asyncio.create_task(run(order))
    while not task.done():
        if order.log.exists():
            most = max(most, order.log.stat().st_blocks * 512)
        await asyncio.wait({task}, timeout=0.01)
    result = task.result()

    assert result.outcome is Outcome.SUCCEEDED
    assert most < 256 * limit  # how much exactly is a matter of how often the loop gets its turn
    kept = order.log.read_bytes()
    assert len(kept) < limit + 200
    assert kept.startswith(b"first\nxxx")
    assert kept.endswith(b"xxx\nlast\n")
    line = next(line for line in kept.split(b"\n") if b"were cut here" in line)
    assert int(line.split()[1]) == 512 * 1024**2 + 12 - (len(kept) - len(line) - 2)
