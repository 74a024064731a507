"""One word for every service, from the record and, when there is one, the daemon."""

from dataclasses import replace
from typing import Any

import pytest

from paiwatch.catalog.service import Operator
from paiwatch.domain.run import Outcome
from paiwatch.plan.applied import Applied, HeldBy, Hold, Pin, PinnedBy
from paiwatch.plan.guard import HeldPlan
from paiwatch.record.rows import RunRow
from paiwatch.report import status as report
from paiwatch.report.status import Daemon, Facts, LiveStep, State
from paiwatch.report.status_shapes import status_document, status_rows
from paiwatch.snapshot import Revision
from tests.report.builders import a_run

APPLIED = Applied(service="web", digest="d" * 64, version=1, config="c" * 40, src="5" * 40, at=1000.0)
TOUCHED = replace(APPLIED, touched="e" * 64)
DAEMON = Daemon(pid=7, since=900.0, settled=True)


def a_step(state: str, **fields: Any) -> LiveStep:
    return LiveStep(service="web", operator="refresh", state=state, **fields)


def a_hold(by: HeldBy, service: str = "web", digest: str = "") -> Hold:
    return Hold(service=service, by=by, reason="because", since=950.0, digest=digest)


PIN = Pin(
    instead_of="e" * 64, release=APPLIED, since=940.0, by=PinnedBy.PERSON, because="slow", origin="run 7"
)
PINNED = replace(APPLIED, pin=PIN)


HELD = HeldPlan(digest="h" * 64, services=("web",), reasons=("it touches 9 services",), since=900.0)


def facts(
    memory: Applied | None = None, run: RunRow | None = None, hold: Hold | None = None, **fields: Any
) -> Facts:
    defaults: dict[str, Any] = {
        "generation": 2,
        "config": Revision(id="c" * 40),
        "src": Revision(id="5" * 40),
    }
    known: dict[str, Any] = {
        "memory": {"web": memory} if memory else {},
        "last_runs": {"web": run} if run else {},
        "holds": {hold.service: hold} if hold else {},
    }
    return Facts(**(defaults | known | fields))


@pytest.mark.parametrize(
    ("known", "state"),
    [
        pytest.param(facts(APPLIED, a_run()), State.UP_TO_DATE, id="applied"),
        pytest.param(facts(TOUCHED, a_run(Outcome.FAILED)), State.FAILED, id="last-run-failed"),
        pytest.param(facts(TOUCHED, a_run(Outcome.TIMED_OUT)), State.FAILED, id="last-run-timed-out"),
        pytest.param(
            facts(TOUCHED, a_run(Outcome.INTERRUPTED)), State.INTERRUPTED, id="last-run-interrupted"
        ),
        pytest.param(facts(TOUCHED, a_run(None)), State.RUNNING, id="a-run-without-end"),
        pytest.param(facts(run=a_run(Outcome.SUPERSEDED)), State.NEVER_STARTED, id="never-applied"),
        pytest.param(facts(APPLIED, steps=(a_step("running"),), daemon=DAEMON), State.RUNNING, id="running"),
        pytest.param(facts(APPLIED, steps=(a_step("waiting"),)), State.WAITING, id="waiting"),
        pytest.param(
            facts(TOUCHED, a_run(Outcome.FAILED), steps=(a_step("backing-off"),)),
            State.BACKING_OFF,
            id="backing-off",
        ),
        pytest.param(facts(APPLIED, steps=(a_step("blocked"),)), State.BLOCKED, id="blocked"),
        pytest.param(
            facts(APPLIED, steps=(a_step("held"),)), State.BLOCKED, id="held-by-an-invalid-prerequisite"
        ),
        pytest.param(facts(APPLIED, steps=(a_step("succeeded"),)), State.UP_TO_DATE, id="succeeded"),
        pytest.param(facts(APPLIED, hold=a_hold(HeldBy.SUSPENDED)), State.SUSPENDED, id="suspended"),
        pytest.param(facts(APPLIED, hold=a_hold(HeldBy.SUSPENDED, "*")), State.SUSPENDED, id="all-suspended"),
        pytest.param(facts(APPLIED, hold=a_hold(HeldBy.STOPPED)), State.STOPPED, id="stopped"),
        pytest.param(facts(hold=a_hold(HeldBy.DELETED)), State.DELETED, id="deleted"),
        pytest.param(
            facts(TOUCHED, hold=a_hold(HeldBy.QUARANTINED, digest=TOUCHED.touched)),
            State.QUARANTINED,
            id="quarantined",
        ),
        pytest.param(
            facts(APPLIED, hold=a_hold(HeldBy.QUARANTINED, digest="f" * 64)),
            State.UP_TO_DATE,
            id="old-quarantine",
        ),
        pytest.param(facts(PINNED), State.ROLLED_BACK, id="rolled-back"),
        pytest.param(
            facts(PINNED, hold=a_hold(HeldBy.QUARANTINED, digest="e" * 64)),
            State.ROLLED_BACK,
            id="rolled-back-from-what-is-quarantined",
        ),
        pytest.param(facts(replace(PINNED, digest="e" * 64)), State.WAITING, id="to-be-rolled-back"),
        pytest.param(
            facts(replace(PINNED, touched=APPLIED.digest), a_run(Outcome.FAILED)),
            State.FAILED,
            id="rollback-failed",
        ),
        pytest.param(
            facts(APPLIED, hold=a_hold(HeldBy.QUARANTINED), steps=(a_step("blocked"),)),
            State.QUARANTINED,
            id="asked-for-once-more-after-a-person-went-back-from-it",
        ),
        pytest.param(
            facts(PINNED, hold=a_hold(HeldBy.SUSPENDED)), State.SUSPENDED, id="rolled-back-and-suspended"
        ),
        pytest.param(
            facts(PINNED, invalid=frozenset({"web"})), State.ROLLED_BACK, id="rolled-back-and-invalid"
        ),
        pytest.param(facts(APPLIED, invalid=frozenset({"web"})), State.INVALID, id="invalid"),
        pytest.param(facts(APPLIED, kept=frozenset({"web"})), State.KEPT, id="kept"),
        pytest.param(facts(APPLIED, held_plan=HELD), State.HELD, id="in-a-plan-that-waits"),
        pytest.param(facts(held_plan=HELD), State.HELD, id="new-in-a-plan-that-waits"),
        pytest.param(
            facts(APPLIED, held_plan=replace(HELD, approved=True)),
            State.WAITING,
            id="in-a-plan-that-is-approved",
        ),
        pytest.param(
            facts(APPLIED, hold=replace(a_hold(HeldBy.STOPPED), done=False)),
            State.UNFINISHED,
            id="a-stop-that-was-cut-off",
        ),
        pytest.param(
            facts(APPLIED, hold=a_hold(HeldBy.STOPPED), held_plan=HELD),
            State.STOPPED,
            id="stopped-and-in-a-plan",
        ),
        pytest.param(
            facts(APPLIED, steps=(a_step("running"),), daemon=DAEMON, held_plan=HELD),
            State.RUNNING,
            id="running-while-a-plan-waits",
        ),
        pytest.param(
            facts(APPLIED, hold=a_hold(HeldBy.STOPPED), steps=(a_step("running"),)),
            State.RUNNING,
            id="running-wins",
        ),
        pytest.param(
            facts(TOUCHED, a_run(None), steps=(a_step("blocked"),)),
            State.RUNNING,
            id="a-step-of-an-earlier-plan-still-runs",
        ),
    ],
)
def test_the_state_of_a_service_is_one_word(known: Facts, state: State) -> None:
    (line,) = report.status(known).services

    assert line.state is state


@pytest.mark.parametrize("operator", [Operator.STOP, Operator.DELETE])
def test_what_is_gone_and_was_taken_down_is_no_service_any_more(operator: Operator) -> None:
    gone = facts(run=replace(a_run(), operator=operator), steps=(a_step("succeeded"),))

    assert report.status(gone).services == ()
    assert report.status(gone).settled


@pytest.mark.parametrize(
    ("known", "settled"),
    [
        pytest.param(facts(APPLIED), True, id="all-up-to-date"),
        pytest.param(facts(APPLIED, hold=a_hold(HeldBy.STOPPED)), True, id="a-person-said-so"),
        pytest.param(facts(APPLIED, daemon=replace(DAEMON, settled=False)), False, id="the-daemon-works"),
        pytest.param(facts(TOUCHED, a_run(Outcome.FAILED)), False, id="failed"),
        pytest.param(facts(APPLIED, generation=0), False, id="nothing-planned-yet"),
        pytest.param(facts(APPLIED, invalid=frozenset({"broken"})), False, id="something-invalid"),
    ],
)
def test_settled_means_nothing_is_owed(known: Facts, *, settled: bool) -> None:
    assert report.status(known).settled is settled


def test_the_document_has_the_agreed_shape() -> None:
    known = facts(APPLIED, a_run(), a_hold(HeldBy.SUSPENDED), steps=(a_step("waiting", waiting_for=("db",)),))

    assert status_document(report.status(known)) == {
        "generation": 2,
        "snapshot": {"config": "c" * 40, "src": "5" * 40},
        "settled": False,
        "faults": {},
        "held_plan": None,
        "services": [
            {
                "name": "web",
                "state": "waiting",
                "applied": {
                    "digest": "d" * 64,
                    "config": "c" * 40,
                    "src": "5" * 40,
                    "at": "1970-01-01T00:16:40.000Z",
                },
                "waiting_for": ["db"],
                "last_run": {
                    "run": 3,
                    "generation": 2,
                    "service": "web",
                    "operator": "refresh",
                    "outcome": "succeeded",
                    "exit": 0,
                    "signal": None,
                    "message": "",
                    "started": "1970-01-01T00:16:30.000Z",
                    "ended": "1970-01-01T00:16:40.000Z",
                    "config": "c" * 40,
                    "src": "5" * 40,
                    "newest": {},
                    "reasons": [],
                },
                "held": {
                    "by": "suspended",
                    "reason": "because",
                    "since": "1970-01-01T00:15:50.000Z",
                    "done": True,
                },
                "rolled_back": None,
            }
        ],
    }


def test_a_row_says_what_a_person_wants_to_know_next() -> None:
    known = facts(
        TOUCHED,
        a_run(Outcome.FAILED, exit=3),
        steps=(a_step("backing-off", waiting_for=("db",), not_before=1030.0),),
        daemon=DAEMON,
    )

    assert status_rows(report.status(known).services, now=1010.0) == [
        (
            "web",
            "backing-off",
            "cccccccc@55555555 10 s ago",
            "#3 refresh failed 10 s ago",
            "waits for db\nnext try in 20 s",
        )
    ]


def test_a_plan_that_waits_is_told_with_its_digest_and_reason() -> None:
    seen = report.status(facts(APPLIED, held_plan=HELD))

    assert status_document(seen)["held_plan"] == {
        "digest": "h" * 64,
        "reasons": ["it touches 9 services"],
        "services": ["web"],
        "approved": False,
        "since": "1970-01-01T00:15:00.000Z",
    }
    assert not seen.settled
    assert status_rows(seen.services, now=1000.0)[0][-1] == "awaiting approval of plan hhhhhhhhhhhh"


def test_what_is_rolled_back_is_told_in_the_document_and_in_the_note() -> None:
    found = report.status(facts(PINNED))

    assert not found.settled
    assert status_document(found)["services"][0]["rolled_back"] == {
        "release": "d" * 64,
        "instead_of": "e" * 64,
        "origin": "run 7",
        "by": "person",
        "because": "slow",
        "leader": None,
        "since": "1970-01-01T00:15:40.000Z",
    }
    ((*_, note),) = status_rows(found.services, now=1000.0)
    assert note == (
        "rolled back 1 min ago: release dddddddd (run 7) runs instead of eeeeeeee, which the tree asks for: slow"
    )
