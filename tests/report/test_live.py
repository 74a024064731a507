"""What happens now, told by the daemon or by what the last one left."""

from typing import Any

from paiwatch.catalog.service import Operator
from paiwatch.domain.run import Outcome
from paiwatch.plan.applied import Applied, HeldBy, Hold
from paiwatch.plan.plan import Kind
from paiwatch.record.rows import StepRow
from paiwatch.report import live
from paiwatch.report.status import Daemon, LiveStep
from tests.report.builders import a_run

REPLY: dict[str, Any] = {
    "ok": True,
    "pid": 7,
    "since": 900.0,
    "generation": 2,
    "settled": False,
    "snapshot": {"config": "c", "src": "s"},
    "steps": [
        {
            "service": "web",
            "operator": "refresh",
            "state": "waiting",
            "waiting_for": ["db"],
            "attempt": 1,
            "not_before": 0.0,
        }
    ],
    "invalid": ["broken"],
    "faults": {"config": "no answer"},
}


def a_row(service: str, outcome: Outcome | None) -> StepRow:
    return StepRow(
        generation=2,
        service=service,
        operator=Operator.REFRESH,
        kind=Kind.CHANGED,
        digest="d" * 64,
        level=0,
        reasons=(),
        outcome=outcome,
        because="",
    )


def test_the_daemons_reply_becomes_values() -> None:
    assert live.daemon(REPLY) == Daemon(pid=7, since=900.0, settled=False, faults={"config": "no answer"})
    assert live.steps(REPLY) == (
        LiveStep(service="web", operator="refresh", state="waiting", waiting_for=("db",), attempt=1),
    )
    assert live.names(REPLY, "invalid") == {"broken"}
    assert live.names(REPLY, "kept") == frozenset()


def test_without_a_daemon_open_steps_wait_for_one() -> None:
    rows = [
        a_row("web", None),
        a_row("done", Outcome.SUCCEEDED),
        a_row("stuck", Outcome.BLOCKED),
        a_row("cut", None),
        a_row("paused", None),
    ]
    hold = Hold(service="paused", by=HeldBy.SUSPENDED, reason="", since=1.0)

    steps = live.left_over(
        rows, last_runs={"cut": a_run(None, service="cut")}, holds={"paused": hold}, memory={}
    )

    assert [(step.service, step.state) for step in steps] == [
        ("web", "waiting"),
        ("stuck", "blocked"),
        ("paused", "held"),
    ]


def test_what_was_put_off_when_paiwatch_stopped_still_waits_unless_it_was_done_meanwhile() -> None:
    rows = [a_row("web", Outcome.SUPERSEDED), a_row("done", Outcome.SUPERSEDED)]
    memory = {"done": Applied(service="done", digest=rows[1].digest)}

    steps = live.left_over(rows, last_runs={}, holds={}, memory=memory)

    assert [(step.service, step.state) for step in steps] == [("web", "waiting")]
