"""A plan is shown as it is: in its order, with every reason, and nothing added."""

from paiwatch.catalog.service import Operator
from paiwatch.plan.plan import Kind, Reason
from paiwatch.problem import Problem, Severity
from paiwatch.report import plans
from tests.report.builders import a_plan, a_step

KEY = Reason(
    kind="key",
    detail="grafana.port: 3000 → 3001 (start.sh)",
    file="start.sh",
    key="grafana.port",
    before="3000",
    after="3001",
)
CHAIN = Reason(kind="prerequisite", detail="grafana is refreshed", chain=("grafana", "prometheus"))


def test_the_document_has_the_agreed_shape() -> None:
    problem = Problem(
        file="src/x/deploy/service.yaml",
        line=4,
        column=2,
        severity=Severity.WARNING,
        message="'y' does not exist",
        remedy="remove it",
    )
    plan = a_plan(
        a_step("grafana", reasons=(KEY,)),
        a_step("web", kind=Kind.DEPENDENT, level=1, reasons=(CHAIN,)),
        problems=(problem,),
    )

    assert plans.plan_document(plan) == {
        "digest": plan.digest,
        "snapshot": {"config": plan.config, "src": plan.src},
        "summary": {"new": 0, "changed": 1, "removed": 0, "dependents": 1},
        "steps": [
            {
                "service": "grafana",
                "operator": "refresh",
                "kind": "changed",
                "level": 0,
                "reasons": [
                    {
                        "kind": "key",
                        "detail": "grafana.port: 3000 → 3001 (start.sh)",
                        "file": "start.sh",
                        "key": "grafana.port",
                        "before": "3000",
                        "after": "3001",
                    }
                ],
            },
            {
                "service": "web",
                "operator": "refresh",
                "kind": "dependent",
                "level": 1,
                "reasons": [
                    {
                        "kind": "prerequisite",
                        "detail": "grafana is refreshed",
                        "chain": ["grafana", "prometheus"],
                    }
                ],
            },
        ],
        "problems": [
            {
                "file": "src/x/deploy/service.yaml",
                "line": 4,
                "severity": "warning",
                "message": "'y' does not exist; remove it",
            }
        ],
    }


def test_rows_keep_the_plans_order_and_number_it() -> None:
    plan = a_plan(
        a_step("b", Operator.STOP, kind=Kind.REMOVED),
        a_step("a", Operator.START, kind=Kind.NEW, reasons=(KEY, CHAIN)),
    )

    assert plans.plan_rows(plan) == [
        ("1", "0", "stop", "b", "removed", "start.sh changed"),
        ("2", "0", "start", "a", "new", f"{KEY.detail}\n{CHAIN.detail}"),
    ]


def test_a_step_that_cannot_run_says_for_whom_it_waits() -> None:
    (row,) = plans.plan_rows(a_plan(a_step("web", held_by=("db", "cache"))))

    assert row[-1].startswith("held: waits for db, cache\n")


def test_services_are_counted_not_steps_and_dependents_apart() -> None:
    plan = a_plan(
        a_step("a", Operator.STOP),
        a_step("a", Operator.START),
        a_step("b", kind=Kind.NEW),
        a_step("c", kind=Kind.DEPENDENT),
        a_step("d", kind=Kind.DEPENDENT),
    )

    numbers = plans.counts(plan)

    assert (numbers.own, numbers.dependents) == (2, 2)
    assert numbers.sentence == "4 services: 1 new, 1 changed, 2 pulled in as dependents"
    assert plans.counts(a_plan()).sentence == "0 services: none changed, 0 pulled in as dependents"
