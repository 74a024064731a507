"""`history`, `logs` and `status` over a real record, with no daemon."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from paiwatch.catalog.service import Operator
from paiwatch.cli import logs
from paiwatch.errors import ConfigError
from paiwatch.plan.applied import HeldBy, Hold
from paiwatch.record.history import History
from tests.builders import a_release
from tests.cli.worlds import World, a_world
from tests.record.runs import FAILED, SUCCEEDED, Records, a_step, accept, carry, hold


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> World:
    return a_world(tmp_path)


def remember(world: World) -> None:
    """Db was started; web's start failed; cache was begun and its paiwatch died; log waits and is suspended."""
    world.state.mkdir()
    with Records.open(world.state) as record:
        db, web = a_release("db"), a_release("web")
        carry(record, a_step("db", db.digest), SUCCEEDED, release=db)
        carry(record, a_step("web", web.digest), FAILED)
        steps = [a_step("cache", "c" * 64), a_step("log", "1" * 64)]
        accept(record, steps, at=110.0)
        record.begin(steps[0], at=111.0)
        hold(record, Hold(service="log", by=HeldBy.SUSPENDED, reason="disk is full", since=112.0))


def test_history_as_json(world: World, snapshot: SnapshotAssertion) -> None:
    remember(world)

    assert world.document("history") == snapshot


def test_history_of_one_service_and_at_most_so_many(world: World) -> None:
    remember(world)

    assert [row["service"] for row in world.document("history", "db")] == ["db"]
    assert [row["service"] for row in world.document("history", "-n", "1")] == ["cache"]


def test_history_as_a_table_is_newest_first(world: World) -> None:
    remember(world)

    lines = world.paiwatch("history").stdout.splitlines()

    assert [line.split()[2] for line in lines] == ["service", "cache", "web", "db"]


def test_status_as_json(world: World, snapshot: SnapshotAssertion) -> None:
    remember(world)

    document: dict[str, Any] = world.document("status")

    assert [(each["name"], each["state"]) for each in document["services"]] == [
        ("cache", "interrupted"),
        ("db", "up-to-date"),
        ("log", "suspended"),
        ("web", "failed"),
    ]
    assert document == snapshot


def test_status_tells_people_what_is_unsettled_and_why_something_is_held(world: World) -> None:
    remember(world)

    text = world.paiwatch("status").stdout

    assert text.startswith("no daemon is running\ngeneration 3\n  config  cccccccc  port\n")
    assert "not settled: cache (interrupted), web (failed)\n" in text
    assert "disk is full" in text


def test_without_a_record_all_is_empty_and_nothing_is_made(world: World) -> None:
    assert world.document("history") == []
    assert world.document("status") == {
        "generation": 0,
        "snapshot": {"config": None, "src": None},
        "settled": False,
        "held_plan": None,
        "faults": {},
        "services": [],
    }
    assert world.paiwatch("history").stdout == "nothing has run yet\n"
    assert "nothing was planned yet" in world.paiwatch("status").stdout
    assert not world.state.exists()


def written(world: World, which: str, text: str) -> None:
    with History.open(world.state) as past:
        log = logs.find(past, which).log
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(text)


@pytest.mark.parametrize("which", ["web", "2"])
def test_logs_are_found_by_service_and_by_run(world: World, which: str) -> None:
    remember(world)
    written(world, "web", "no such port\n")

    result = world.paiwatch("logs", which)

    assert result.stdout == "no such port\n"
    assert result.stderr == "run 2: start web, failed: exit code 3\n"


@pytest.mark.parametrize("which", ["nobody", "99", "²"])
def test_logs_of_what_never_ran_is_bad_input(world: World, which: str) -> None:
    remember(world)

    result = world.paiwatch("logs", which)

    assert result.exit_code == 2
    assert f"no run of '{which}' is recorded" in result.stderr


def script(*texts: str | None) -> Callable[[Path], Callable[[], bool]]:
    """A run that at each look has written more (None: replaced its file, as the end of a run does), and is over at the last."""

    def begin(log: Path) -> Callable[[], bool]:
        left = list(texts)

        def is_over() -> bool:
            text = left.pop(0)
            if text is None:
                masked = log.with_name("masked")
                masked.write_text("short")
                masked.replace(log)
            else:
                with log.open("a") as file:
                    file.write(text)
            return not left

        return is_over

    return begin


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        pytest.param(script("first\n", "second\n"), b"first\nsecond\n", id="grows"),
        pytest.param(script("first\n", "fir", "st\nno end", ""), b"first\nfirst\nno end", id="half-lines"),
        pytest.param(script("first\n", "last\n", None), b"first\nlast\n", id="replaced-at-the-end"),
        pytest.param(script("", ""), b"", id="silent"),
    ],
)
def test_logs_follow_a_run_to_its_end(
    tmp_path: Path, looks: Callable[[Path], Callable[[], bool]], expected: bytes
) -> None:
    log = tmp_path / "1.log"

    assert b"".join(logs.read(log, looks(log))) == expected


def test_a_service_named_like_a_number_is_meant_before_the_run(world: World) -> None:
    world.state.mkdir()
    with Records.open(world.state) as record:
        for name in ("db", "1"):
            release = a_release(name)
            carry(record, a_step(name, release.digest, Operator.START), SUCCEEDED, release=release)

    with History.open(world.state) as past:
        assert logs.find(past, "1").service == "1"
        assert logs.find(past, "2").id == 2
        with pytest.raises(ConfigError):
            logs.find(past, "3")
