"""Comparing two snapshots gives the very plan that a daemon would make which had applied the first."""

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from paiwatch.catalog.service import Dependents, Operator, Prerequisite, Removal, Service
from paiwatch.engine import remembering
from paiwatch.engine.state import Run
from paiwatch.plan.applied import Applied, Memory
from paiwatch.plan.policy import Policy
from paiwatch.plan.supposed import suppose
from paiwatch.releases.release import Desired
from tests.builders import a_desired, a_service, a_snapshot, scripts
from tests.planning import build

NAMES = ("a", "b", "c", "d", "e")
SCRIPTS = ((), (Operator.START,), (Operator.START, Operator.STOP), (Operator.START, Operator.REFRESH))


@st.composite
def services(draw: st.DrawFn, name: str) -> Service:
    needs = draw(st.lists(st.sampled_from([*NAMES, "absent"]), unique=True, max_size=2))
    edges = [
        Prerequisite(service=need, dependents=draw(st.sampled_from([None, *Dependents])))
        for need in needs
        if need != name
    ]
    return a_service(name, needs=edges, scripts=scripts(*draw(st.sampled_from(SCRIPTS))))


@st.composite
def snapshots(draw: st.DrawFn) -> Desired:
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    texts = {name: draw(st.sampled_from(["first", "second"])) for name in names}
    made = [draw(services(name)) for name in names]
    invalid = draw(st.lists(st.sampled_from(names), unique=True, max_size=1)) if names else []
    revision = hashlib.sha1(repr((made, texts, invalid)).encode()).hexdigest()
    return a_desired(*made, texts=texts, invalid=invalid, snapshot=a_snapshot(revision, revision))


def apply_all(desired: Desired, policy: Policy) -> Memory:
    """What the record makes of all steps for this snapshot, one after the other, each a success."""
    memory: dict[str, Applied] = {}
    for number, step in enumerate(build(desired, {}, policy).steps, 1):
        if step.held_by:
            continue
        name = step.id.service
        versions = remembering.versions_of(memory, step.prerequisites)
        before = memory.get(name)
        touched = remembering.touch(before, step)
        run = Run(ticket=number, number=number, step=step, generation=1, before=before, versions=versions)
        after = remembering.settle(
            touched, run, step, desired.releases[name], revisions=desired.snapshot.ids, at=1.0
        )
        assert after is not None
        memory[name] = after
    return memory


@settings(max_examples=150, deadline=None)
@given(snapshots(), snapshots(), st.sampled_from(Dependents), st.sampled_from(Removal))
def test_supposing_equals_applying(
    first: Desired, second: Desired, dependents: Dependents, removed: Removal
) -> None:
    policy = Policy(dependents=dependents, removed=removed)

    assert build(second, suppose(first, policy), policy) == build(second, apply_all(first, policy), policy)


@settings(max_examples=50, deadline=None)
@given(snapshots())
def test_a_snapshot_compared_with_itself_leaves_only_what_could_not_run(desired: Desired) -> None:
    policy = Policy()
    plan = build(desired, suppose(desired, policy), policy)

    assert all(step.held_by for step in plan.steps)


def test_what_could_not_run_is_not_supposed_to_be_applied() -> None:
    desired = a_desired(
        a_service("good"),
        a_service("mute", scripts=scripts()),
        a_service("waits", needs=("bad",)),
        a_service("bad"),
        invalid=("bad",),
    )

    assert suppose(desired, Policy()).keys() == {"good"}
