"""Why: what a person is told about a step, or about a service that has none. PURE; sentences, most telling first."""

from collections.abc import Iterator

from paiwatch.plan import changes, operators, pins
from paiwatch.plan.applied import Memory
from paiwatch.plan.changes import Wanted
from paiwatch.plan.plan import Kind, Plan, Step
from paiwatch.plan.target import Target
from paiwatch.plan.wording import join, tell
from paiwatch.problem import errors


def explain(step: Step) -> tuple[str, ...]:
    """What the step does, all its reasons, and what it waits for."""
    sentences = [
        f"{step.id} ({step.kind}), release {step.digest[:8]}: runs {step.spec.folder}/deploy/{step.script}"
    ]
    sentences.extend(tell(reason) for reason in step.reasons)
    if step.waits:
        sentences.append(f"runs after {', '.join(str(other) for other in step.waits)}")
    if step.held_by:
        verb = "has" if len(step.held_by) == 1 else "have"
        sentences.append(f"cannot run yet: {join(step.held_by)} {verb} errors")
    return tuple(sentences)


def why_not(service: str, target: Target, memory: Memory, plan: Plan) -> tuple[str, ...]:
    """Why a service has no step in this plan. Empty when it has one: `explain` tells about that."""
    if any(step.id.service == service for step in plan.steps):
        return ()
    if target.is_broken:
        config, src = target.snapshot.ids
        return (f"config {config[:8]} with src {src[:8]} cannot be used, so the last good state stays",)
    wanted = changes.split(target)
    if service in wanted.broken:
        return tuple(_tell_errors(service, target, memory))
    if not wanted.exists(service):
        return (_tell_absent(service, memory, plan),)
    applied = memory.get(service)
    kind = changes.compare(wanted.releases[service], applied)
    if kind is not None:
        return (_tell_left_out(service, kind, wanted, memory),)
    is_rolled_back = bool(wanted.releases[service].instead_of)
    has_errors = any(problem.service == service for problem in errors(target.problems))
    told = _tell_current(service, memory, is_rolled_back=is_rolled_back, has_errors=has_errors)
    return (told, *_tell_ignored(service, wanted, plan))


def _tell_errors(service: str, target: Target, memory: Memory) -> Iterator[str]:
    yield f"'{service}' has errors, so nothing can be run for it"
    yield from (str(problem) for problem in target.problems if problem.service == service)
    if service in memory and memory[service].digest:
        yield f"its last good release {memory[service].digest[:8]} stays as it is"


def _tell_absent(service: str, memory: Memory, plan: Plan) -> str:
    if service in plan.kept:
        became = f", renamed to '{plan.renamed[service]}'," if service in plan.renamed else ""
        return f"'{service}' is gone from the tree{became} and kept: release {memory[service].archived[:8]} stays as it is"
    return f"'{service}' is not in the tree, and nothing of it is applied"


def _tell_left_out(service: str, kind: Kind, wanted: Wanted, memory: Memory) -> str:
    if not operators.choose(wanted.services[service], kind, memory.get(service)):
        return f"'{service}' is {kind}, but it has no start-script, so nothing can bring it up"
    return f"'{service}' is {kind}, but this plan was made for something else"


def _tell_current(service: str, memory: Memory, *, is_rolled_back: bool, has_errors: bool) -> str:
    applied = memory[service]
    if is_rolled_back and applied.pin is not None:
        told = pins.tell(applied.pin, has_errors=has_errors)
        return f"'{service}' is rolled back: {told}; {applied.pin.remedy}"
    at = f", applied from config {applied.config[:8]} and src {applied.src[:8]}" if applied.config else ""
    return f"'{service}' is up to date: its release is still {applied.digest[:8]}{at}"


def _tell_ignored(service: str, wanted: Wanted, plan: Plan) -> Iterator[str]:
    """Prerequisites that do have steps, which it does not follow."""
    planned = {step.id.service for step in plan.steps}
    for edge in wanted.services[service].prerequisites:
        if edge.service in planned:
            yield f"its prerequisite '{edge.service}' is in the plan, but '{service}' does not follow it (dependents: ignore)"
