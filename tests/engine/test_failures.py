"""Failures in a row: rests, tries, quarantine, and what forgives them."""

from dataclasses import replace

from paiwatch.domain.run import Outcome
from paiwatch.engine import commands
from paiwatch.engine.changes import Failure, RunIntended
from paiwatch.engine.events import RunEnded
from paiwatch.plan.plan import Kind
from tests.builders import a_desired, a_release, a_service, an_applied
from tests.engine.bench import Bench, a_result
from tests.engine.memory_store import MemoryStore
from tests.engine.steps import RETRIES, STOP, a_restart, a_step

FAILED, INTERRUPTED = Outcome.FAILED, Outcome.INTERRUPTED
QUARANTINED = Failure(service="a", digest="d1", attempts=2, quarantined=True)


def quarantined() -> Bench:
    """A bench on which release d1 of a is quarantined."""
    return Bench(store=MemoryStore(failures={("a", "d1"): QUARANTINED}))


def is_quarantined(bench: Bench, service: str, digest: str) -> bool:
    failure = bench.state.failures.get(service, {}).get(digest)
    return failure is not None and failure.quarantined


def wake(bench: Bench) -> float:
    assert bench.state.wake_at is not None
    return bench.state.wake_at


def test_a_failure_rests_is_tried_again_and_then_quarantined() -> None:
    bench = Bench()
    bench.accept(a_step("a"), a_step("b", after="a"), a_step("c", after="b"), a_step("z"))

    assert bench.end("a", FAILED, at=100) == []
    assert 105 <= wake(bench) <= 110
    assert bench.states["start a"] == "backing-off"
    assert bench.tick(wake(bench) - 0.1) == []
    assert bench.tick(wake(bench)) == ["begin a"]
    assert bench.began("a").attempt == 2
    assert bench.end("a", Outcome.TIMED_OUT, at=200) == [
        "quarantine a",
        "dismiss b of 1: blocked",
        "dismiss c of 1: blocked",
    ]
    assert bench.end("z", at=201) == ["close 1 False"]
    assert bench.states == {
        "start a": "failed",
        "start b": "blocked",
        "start c": "blocked",
        "start z": "succeeded",
    }


def test_an_unrelated_plan_does_not_retry_what_is_quarantined() -> None:
    assert quarantined().accept(a_step("a"), a_step("b", after="a"), a_step("c")) == [
        "dismiss a of 1: blocked",
        "dismiss b of 1: blocked",
        "begin c",
    ]


def test_the_fix_runs_at_once() -> None:
    assert quarantined().accept(a_step("a", digest="d2")) == ["begin a"]


def test_a_prerequisite_applied_anew_is_a_new_chance() -> None:
    bench = quarantined()

    assert bench.accept(a_step("p"), a_step("a", after="p")) == ["begin p"]
    assert bench.end("p", at=1) == ["begin a"]
    assert bench.began("a").attempt == 1


def test_what_a_person_asks_for_is_tried() -> None:
    assert quarantined().accept(a_step("a", kind=Kind.ASKED)) == ["begin a"]


def test_what_a_person_asks_for_is_forgotten_for_good_only_once_it_begins() -> None:
    bench = quarantined()
    bench.prepares = False
    bench.accept(a_step("a", kind=Kind.ASKED))
    assert is_quarantined(bench.another_life(), "a", "d1")

    assert bench.prepare("a") == ["begin a"]
    assert not is_quarantined(bench.another_life(), "a", "d1")


def test_a_success_ends_for_good_what_a_person_asked_to_overlook_while_it_ran() -> None:
    bench = Bench(store=MemoryStore(failures={("a", "d1"): Failure(service="a", digest="d1", attempts=1)}))
    bench.accept(a_step("a"))
    bench.accept(a_step("a", kind=Kind.ASKED))

    bench.end("a", at=1)

    assert bench.another_life().state.failures == {}


def a_removal() -> RunIntended:
    step = a_step("a", operator=STOP, kind=Kind.REMOVED)
    return RunIntended(run=1, generation=1, step=step, attempt=1, marker="1-a", at=0.0)


def test_a_removal_is_not_quarantined_by_failed_starts() -> None:
    assert quarantined().accept(a_removal().step) == ["begin a"]


def test_failures_of_a_removal_still_count_after_a_restart() -> None:
    store = MemoryStore(failures={("a", "d1"): QUARANTINED}, runs={1: a_removal()}, ended={1: "failed"})

    assert Bench(store=store).accept(a_removal().step) == ["dismiss a of 1: blocked", "close 1 False"]


def test_what_had_all_its_tries_before_a_death_is_quarantined_without_another() -> None:
    used_up = Failure(service="a", digest="d1", attempts=RETRIES.attempts, retry_at=99.0)
    bench = Bench(store=MemoryStore(failures={("a", "d1"): used_up}))

    assert bench.accept(a_step("a"), a_step("b", after="a")) == [
        "quarantine a",
        "dismiss b of 1: blocked",
        "close 1 False",
    ]
    assert bench.store.failures["a", "d1"].quarantined
    assert bench.store.failures["a", "d1"].attempts == RETRIES.attempts


def test_a_rest_outlives_a_death_but_is_never_longer_than_the_settings_say() -> None:
    longest = Bench().rules.policy.retries.max
    for retry_at, expected in ((99.0, 99.0), (1e9, longest)):
        failure = Failure(service="a", digest="d1", attempts=1, retry_at=retry_at)
        bench = Bench(store=MemoryStore(failures={("a", "d1"): failure}))

        assert bench.accept(a_step("a")) == []
        assert bench.state.wake_at == expected
        assert bench.tick(expected) == ["begin a"]


def test_a_retry_lets_the_next_plan_try_again() -> None:
    bench = quarantined()
    bench.accept(a_step("a"))

    number = bench.command(commands.Retry(), at=1)
    assert bench.words == []
    assert bench.is_planning
    assert bench.accept(a_step("a"), at=1) == ["begin a"]
    assert bench.answers[number] == {"services": ["a"], "rollbacks_ended": [], "remark": ""}


def test_a_retry_ends_a_rest() -> None:
    bench = Bench()
    bench.accept(a_step("a"), a_step("b"))
    bench.end("a", FAILED, at=1)
    bench.end("b", FAILED, at=1)

    bench.command(commands.Retry(services=frozenset({"a"})))
    assert bench.propose_again() == [
        "dismiss a of 1: superseded",
        "dismiss b of 1: superseded",
        "close 1 False",
        "begin a",
    ]
    assert bench.began("a").attempt == 1
    assert bench.state.wake_at is not None
    assert bench.states["start b"] == "backing-off"


def test_a_rest_goes_on_across_plans() -> None:
    bench = Bench()
    bench.accept(a_step("a"))
    bench.end("a", FAILED, at=1)
    until = wake(bench)

    assert bench.accept(a_step("a"), a_step("b"), at=2) == [
        "dismiss a of 1: superseded",
        "close 1 False",
        "begin b",
    ]
    assert wake(bench) == until


def test_an_interruption_does_not_count_but_rests_ever_longer() -> None:
    bench = Bench()
    bench.accept(a_step("a"))

    rests = []
    for moment in (100, 200, 300):
        bench.end("a", INTERRUPTED, at=moment)
        rests.append(wake(bench) - moment)
        assert bench.tick(wake(bench)) == ["begin a"]
        assert bench.began("a").attempt == 1

    assert [5 <= rests[0] <= 10, 10 <= rests[1] <= 20, 20 <= rests[2] <= 40] == [True] * 3


def test_a_failure_that_counts_makes_interruptions_rest_as_at_first() -> None:
    bench = Bench()
    bench.accept(a_step("a"))
    for moment, outcome in ((100, INTERRUPTED), (200, FAILED)):
        bench.end("a", outcome, at=moment)
        bench.tick(wake(bench))

    bench.end("a", INTERRUPTED, at=300)

    assert 5 <= wake(bench) - 300 <= 10


def test_only_the_start_of_a_restart_is_tried_again() -> None:
    bench = Bench()
    bench.accept(*a_restart("a"))
    bench.end("a", at=1)
    bench.end("a", FAILED, at=2)

    assert bench.tick(50) == ["begin a"]
    assert str(bench.began("a").step.id) == "start a"


def test_the_stop_of_a_restart_does_not_excuse_its_start() -> None:
    bench = Bench()
    bench.accept(*a_restart("a"))
    bench.end("a", at=1)
    bench.end("a", FAILED, at=2)
    bench.accept(*a_restart("a"), at=50)

    bench.end("a", at=51)
    assert bench.end("a", FAILED, at=52) == ["quarantine a", "close 2 False"]


# ── rollbacks ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_rollback_that_succeeds_leaves_the_release_it_replaces_quarantined() -> None:
    bench = quarantined()
    bench.accept(a_step("a", digest="d0", instead_of="d1"))
    bench.end("a", at=1)

    assert is_quarantined(bench, "a", "d1")
    assert bench.accept(a_step("a", digest="d2"), at=2) == ["begin a"]
    bench.end("a", at=3)
    assert not is_quarantined(bench, "a", "d1")


def test_a_person_who_rolls_back_quarantines_one_release_and_forgives_the_other() -> None:
    older, newer = a_release("a", {"start.sh": "older"}), a_release("a", {"start.sh": "newer"})
    known = replace(QUARANTINED, digest=older.digest)
    ran = a_step("a", digest=older.digest)
    store = MemoryStore(
        applied={"a": an_applied(older)},
        failures={("a", older.digest): known},
        runs={1: RunIntended(run=1, generation=1, step=ran, attempt=1, marker="1-a", at=0.0)},
        ended={1: "succeeded"},
    )
    bench = Bench(store=store, desired=a_desired(a_service("a"), releases=[newer]))
    bench.archive.add(older.digest)
    bench.look()
    bench.propose()  # it asks for the newer one
    bench.end("a", FAILED)

    bench.command(commands.Rollback(service="a", to="1"))
    assert bench.words == ["roll back a"]
    assert bench.accept(a_step("a", digest=newer.digest)) == [
        "dismiss a of 1: superseded",
        "dismiss a of 2: blocked",
        "close 1 False",
        "close 2 False",
    ]
    assert bench.accept(a_step("a", digest=older.digest)) == ["begin a"]


# ── what is quarantined while another release runs ──────────────────────────────────────────────────────────────────


def back_to_what_is_quarantined() -> Bench:
    """Release d1 of a is quarantined, d2 runs, and a newer plan asks for d1 again."""
    bench = quarantined()
    bench.accept(a_step("a", digest="d2"))
    assert bench.accept(a_step("a"), a_step("b", after="a"), at=1) == []
    return bench


def test_a_success_of_another_release_forgives_also_what_is_asked_for_meanwhile() -> None:
    assert back_to_what_is_quarantined().end("a", at=2) == ["close 1 True", "begin a"]


def test_what_is_quarantined_stays_so_when_the_run_before_it_fails() -> None:
    assert back_to_what_is_quarantined().end("a", FAILED, at=2) == [
        "dismiss a of 2: blocked",
        "dismiss b of 2: blocked",
        "close 1 False",
        "close 2 False",
    ]


def test_what_never_began_counts_no_attempt() -> None:
    bench = Bench()
    bench.accept(a_step("a"))
    run = bench.running.pop("a").run

    assert bench.feed(RunEnded(run=run, result=a_result(INTERRUPTED, begun=False)), at=1) == []
    assert bench.tick(wake(bench)) == ["begin a"]
    assert bench.began("a").attempt == 1
