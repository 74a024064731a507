"""Excerpt: the part of a plan that goes ahead by itself, while the rest waits for something else. PURE."""

from collections.abc import Callable
from dataclasses import replace

from paiwatch.plan import task
from paiwatch.plan.plan import Plan, Step


def excerpt(plan: Plan, belongs: Callable[[Step], bool]) -> Plan:
    """These steps only. They wait for each other as before, and for nobody else: what goes back ran beside the others once."""
    chosen = [step for step in plan.steps if belongs(step)]
    ids = {step.id for step in chosen}
    steps = tuple(
        replace(
            step,
            waits=tuple(other for other in step.waits if other in ids),
            held_by=() if step.instead_of else step.held_by,
        )
        for step in chosen
    )
    services = {step.id.service for step in steps}
    releases = {name: release for name, release in plan.releases.items() if name in services}
    return replace(plan, digest=task.digest(steps), steps=steps, releases=releases)


def once(plan: Plan) -> Plan:
    """Tried once: a person waits, sees what went wrong, and asks again."""
    return replace(plan, steps=tuple(replace(step, spec=step.spec.tried_once()) for step in plan.steps))
