"""`events` and `history --acts` over a real record, with no daemon."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

import pytest

from paiwatch.domain.principal import Principal
from paiwatch.engine.changes import EventRecorded
from paiwatch.news import CommandGiven, GenerationClosed, News, PlanHeld, RollbackEnded, RunInterrupted
from paiwatch.plan.guard import HeldPlan
from paiwatch.record.store import Store
from tests.cli.worlds import World, a_world

ALICE = Principal(uid=0, user="root", login="alice", door="control socket")
START = 1_700_000_000.0
SUSPENDED = CommandGiven(verb="suspend", services=("web",), reason="new disk", principal=ALICE)


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> World:
    return a_world(tmp_path)


def happened(world: World, *told: News, after: int = 0) -> None:
    """These, a second apart, the first with the number that follows `after`."""
    world.state.mkdir(exist_ok=True)
    with Store.open(world.state) as store:
        store.commit(
            EventRecorded(number=number, at=START + number, news=news)
            for number, news in enumerate(told, after + 1)
        )


def ended(number: int) -> GenerationClosed:
    return GenerationClosed(generation=number, succeeded=True, replaced=False, seconds=1.23456)


def numbers(output: str) -> list[int]:
    return [json.loads(line)["number"] for line in output.splitlines()]


def found(world: World, *words: str) -> list[int]:
    result = world.paiwatch("-o", "json", "events", *words)
    assert result.exit_code == 0, result.output
    return numbers(result.stdout)


# ── one look ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_event_is_one_object_on_one_line(world: World) -> None:
    happened(world, ended(7), SUSPENDED)

    first, second = map(json.loads, world.paiwatch("events", "-o", "json").stdout.splitlines())

    assert first == {
        "number": 1,
        "time": "2023-11-14T22:13:21.000Z",
        "kind": "generation.closed",
        "service": None,
        "run": None,
        "generation": 7,
        "by": None,
        "data": {"succeeded": True, "replaced": False, "seconds": 1.235},
    }
    assert second == {
        "number": 2,
        "time": "2023-11-14T22:13:22.000Z",
        "kind": "command.given",
        "service": "web",
        "run": None,
        "generation": None,
        "by": {
            "name": "alice (as root)",
            "uid": 0,
            "user": "root",
            "login": "alice",
            "door": "control socket",
        },
        "data": {"verb": "suspend", "services": ["web"], "reason": "new disk", "operator": ""},
    }


@pytest.mark.parametrize(
    ("news", "said"),
    [
        (SUSPENDED, "alice (as root) suspended web: new disk"),
        (replace(SUSPENDED, verb="resume", reason=""), "alice (as root) resumed web"),
        (replace(SUSPENDED, services=("*",)), "alice (as root) suspended every service: new disk"),
        (
            replace(SUSPENDED, verb="retry", services=()),
            "alice (as root) had everything that failed tried again: new disk",
        ),
        (
            replace(SUSPENDED, verb="service", operator="stop", services=tuple("abcde")),
            "alice (as root) asked for `service stop` of a, b, c and 2 more: new disk",
        ),
        (replace(SUSPENDED, reason="two\nlines \x1b[2J"), "alice (as root) suspended web: two lines �[2J"),
        (replace(SUSPENDED, verb="paint"), "alice (as root) paint web: new disk"),
        (
            RunInterrupted(run=9, service="web", operator="start", ended=2, held=True),
            "✘ run 9 (start web) was cut off; 2 of its processes were ended; it waits for `paiwatch retry web`",
        ),
        (
            RollbackEnded(service="web", because="a commit changed it"),
            "↷ the rollback of web has ended: a commit changed it",
        ),
        (replace(ended(7), succeeded=False), "generation 7 failed after 1.2 s"),
        (
            PlanHeld(
                plan=HeldPlan(
                    digest="d" * 64, services=("web",), reasons=("it stops everything",), since=1.0
                ),
                steps=2,
            ),
            "held: it stops everything; `paiwatch approve dddddddddddd` lets it run",
        ),
    ],
)
def test_people_read_what_happened_on_one_line(
    world: World, monkeypatch: pytest.MonkeyPatch, news: News, said: str
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    happened(world, news)

    assert world.paiwatch("events").stdout == f"2023-11-14T22:13:21+00:00  #1     {said}\n"


def test_the_last_fifty_are_shown_unless_somebody_says_since_when(world: World) -> None:
    happened(world, *map(ended, range(1, 61)))

    assert found(world) == [*range(11, 61)]
    assert found(world, "--since", "58") == [59, 60]
    assert found(world, "--since", "0") == [*range(1, 61)]
    assert found(world, "--since", "2023-11-14T22:14:19Z") == [59, 60]
    assert found(world, "--since", "1m") == []


def test_more_than_is_read_at_a_time_is_all_there(world: World) -> None:
    happened(world, *map(ended, range(1, 2502)))

    assert found(world, "--since", "0") == [*range(1, 2502)]


def test_of_one_service_is_also_what_was_done_to_several_or_to_all(world: World) -> None:
    happened(
        world,
        SUSPENDED,
        replace(SUSPENDED, services=("db",)),
        replace(SUSPENDED, services=("db", "web")),
        replace(SUSPENDED, services=("*",)),
        replace(SUSPENDED, verb="retry", services=()),
        replace(SUSPENDED, services=("webs", "a")),
        ended(1),
    )

    assert found(world, "--service", "web") == [1, 3, 4, 5]
    assert found(world, "--service", "db", "--since", "2") == [3, 4, 5]


@pytest.mark.parametrize("since", ["3", "2023-11-14T22:13:20Z"])
def test_what_is_not_kept_any_more_is_told_once(world: World, since: str) -> None:
    happened(world, *map(ended, range(8, 13)), after=7)

    result = world.paiwatch("events", "-o", "json", "--since", since)

    assert numbers(result.stdout) == [8, 9, 10, 11, 12]
    assert len(result.stderr.splitlines()) == 1
    assert "not kept any more (`retention.events`)" in result.stderr
    assert "events 4 to 7 are" in result.stderr or "before event 8" in result.stderr


def test_what_was_kept_is_no_gap(world: World) -> None:
    happened(world, *map(ended, range(8, 13)), after=7)

    assert world.paiwatch("events", "--since", "7").stderr == ""
    assert world.paiwatch("events").stderr == ""


def test_a_record_that_ends_before_the_number_is_told(world: World) -> None:
    happened(world, ended(1))

    assert "there is no event 900: the newest is 1" in world.paiwatch("events", "--since", "900").stderr


@pytest.mark.parametrize("since", ["soon", "2999-01-01", "9" * 30])
def test_a_time_that_is_none_is_bad_input(world: World, since: str) -> None:
    assert world.paiwatch("events", "--since", since).exit_code == 2


def test_without_a_record_there_is_nothing_and_nothing_is_made(world: World) -> None:
    result = world.paiwatch("events")

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "paiwatch: nothing happened yet\n"
    assert not world.state.exists()


# ── following ───────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def following(world: World, *words: str) -> Iterator["subprocess.Popen[str]"]:
    command = [
        *("env", "--default-signal=INT"),  # whoever runs these tests may ignore it
        sys.executable,
        "-m",
        "paiwatch",
        "-c",
        str(world.settings),
        "events",
        "-f",
        "-o",
        "json",
        *words,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def read(stream: IO[str] | None, wanted: Iterable[int]) -> None:
    assert stream is not None
    for number in wanted:
        assert json.loads(stream.readline())["number"] == number


def test_who_follows_gets_each_event_once_also_when_the_record_comes_later(world: World) -> None:
    with following(world, "--since", "0") as process:
        happened(world, ended(1), ended(2))
        read(process.stdout, [1, 2])
        happened(world, ended(3), after=2)
        read(process.stdout, [3])
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=30)

    assert (process.returncode, rest, errors.strip()) == (130, "", "")


def test_who_follows_one_service_hears_of_no_other(world: World) -> None:
    happened(world, SUSPENDED, ended(2))
    with following(world, "--service", "web") as process:
        read(process.stdout, [1])
        happened(world, ended(3), SUSPENDED, after=2)
        read(process.stdout, [4])


def test_following_ends_when_its_reader_goes_away_though_nothing_happens(world: World) -> None:
    happened(world, ended(1))
    with following(world) as process:
        read(process.stdout, [1])
        assert process.stdout is not None
        process.stdout.close()

        assert process.wait(timeout=30) == 1
        assert process.stderr is not None
        assert process.stderr.read() == ""


# ── history --acts ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_history_with_acts_says_who_did_what_for_whom_and_why(world: World) -> None:
    happened(
        world, SUSPENDED, replace(SUSPENDED, verb="service", operator="stop", services=("db",), reason="")
    )

    newest, oldest = world.paiwatch("history", "--acts").stdout.splitlines()[1:]

    assert oldest.split()[:3] == ["-", "web", "suspend"]
    assert oldest.endswith("alice (as root): new disk")
    assert newest.split()[:4] == ["-", "db", "service", "stop"]
    assert newest.endswith("alice (as root): no reason given")
    assert world.document("history", "--acts")[0] == {
        "act": {
            "event": 2,
            "time": "2023-11-14T22:13:22.000Z",
            "verb": "service",
            "operator": "stop",
            "services": ["db"],
            "reason": "",
            "by": {"name": "alice (as root)", **ALICE.to_json()},
        }
    }
    assert world.document("history") == []


def test_history_of_a_service_has_its_acts_and_those_for_all(world: World) -> None:
    happened(world, SUSPENDED, replace(SUSPENDED, services=("db",)), replace(SUSPENDED, services=("*",)))

    acts = [row["act"]["event"] for row in world.document("history", "--acts", "web")]

    assert acts == [3, 1]
    assert [row["act"]["event"] for row in world.document("history", "--acts", "-n", "1")] == [3]
