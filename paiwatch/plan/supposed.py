"""Supposed: the memory there would be if everything that a snapshot asks for had been applied. PURE; for comparing snapshots."""

from collections.abc import Mapping

from paiwatch.plan.applied import Applied, Memory
from paiwatch.plan.build import build
from paiwatch.plan.plan import Step
from paiwatch.plan.policy import Policy
from paiwatch.plan.target import make_target
from paiwatch.releases.release import Desired


def suppose(desired: Desired, policy: Policy) -> Memory:
    """What a daemon with an empty record would remember after all steps for this snapshot succeeded.

    Services that could not have run (errors, no start-script, a prerequisite with errors) are not remembered.
    """
    plan = build(make_target(desired, {}), {}, policy)
    done = {step.id.service: step for step in plan.steps if step.last and not step.held_by}
    return {name: _applied(step, desired, done) for name, step in done.items()}


def _applied(step: Step, desired: Desired, done: Mapping[str, Step]) -> Applied:
    """One service's memory; every version is 1."""
    name = step.id.service
    release = desired.releases[name]
    return Applied(
        service=name,
        digest=release.digest,
        version=1,
        prerequisites={other: int(other in done) for other in step.prerequisites},
        config=desired.snapshot.config.revision.id,
        src=desired.snapshot.src.revision.id,
        files=release.files,
        reads=release.reads,
        watched=release.watched,
        spec=step.spec,
    )
