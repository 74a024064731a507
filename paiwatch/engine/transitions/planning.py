"""Planning: what was seen, which plan comes of it, and what that replaces."""

from dataclasses import replace

from paiwatch import news
from paiwatch.engine import adoption, approvals
from paiwatch.engine.changes import GenerationClosed, GenerationOpened
from paiwatch.engine.commands import Approve, Rollback, Service
from paiwatch.engine.draft import Draft
from paiwatch.engine.effects import CloseScene, OpenScene, Prune, Scene, Tell
from paiwatch.engine.events import Commanded, Looked, Proposed
from paiwatch.engine.proposal import Proposal
from paiwatch.engine.state import Ask, OpenGeneration, Request, Run
from paiwatch.engine.step_table import Standing, StepTable
from paiwatch.engine.transitions import acts, asking, failures, requests, scheduling
from paiwatch.plan.applied import Hold
from paiwatch.plan.plan import Plan


def look(draft: Draft, event: Looked) -> None:
    """Ask for the plan of what was seen, unless that is known already. From what is broken nothing can be planned: the last good state stays."""
    if event.desired is draft.seen:
        return
    draft.seen = event.desired
    draft.do(Tell(news=news.ProblemsFound(problems=event.desired.problems)))
    if event.desired.is_broken:
        draft.has_planned = True
        return
    draft.desired = event.desired
    if draft.rules.converges:
        asking.ask(draft)


def take(draft: Draft, event: Proposed) -> None:
    """Accept what is proposed, unless it is known, has to wait, or was made from what has changed since: then ask again."""
    if draft.asked is None:
        return
    if event.proposal.version != draft.before.version:
        draft.needs_plan = True
        return
    ask, draft.asked = draft.asked, None
    proposal = event.proposal
    draft.asked_by = ask.by.number if ask.by is not None else 0
    _approve(draft, ask, proposal)
    if draft.rules.converges:
        _retain(draft, proposal)
        approvals.enter(draft, proposal.plan, proposal.judged)
    if ask.by is not None and not isinstance(ask.by.command, Approve):
        _fulfil(draft, ask, ask.by, proposal)
    else:
        _follow_trees(draft, ask, proposal)
    if draft.is_planning:
        return
    draft.has_planned = True
    for number, reply in ask.answers:
        draft.answer(number, reply)


def _retain(draft: Draft, proposal: Proposal) -> None:
    """Only the plan that meets a renamed service as new can tell: written down, so that a restart knows it too."""
    known, plan = draft.retained, proposal.plan
    draft.retain({name: plan.renamed.get(name) or known.get(name, "") for name in plan.kept})


def _approve(draft: Draft, ask: Ask, proposal: Proposal) -> None:
    if ask.by is None or not isinstance(ask.by.command, Approve):
        return
    if why := approvals.approve(draft, ask.by.command.digest, proposal.judged):
        draft.refuse(ask.by.number, why)
        return
    assert proposal.judged is not None
    acts.tell(draft, ask.by, proposal.judged.services)
    draft.answer(ask.by.number, {"digest": proposal.judged.digest})


def _follow_trees(draft: Draft, ask: Ask, proposal: Proposal) -> None:
    """Do what the trees ask for now, beside what is left of the newest request."""
    plan = proposal.chosen
    if proposal.wanted is not None and draft.requests:
        requests.extend(draft, proposal.wanted)
    if plan is not None and not _is_known(draft, plan, anew=ask.anew):
        _accept(draft, proposal, plan)


def _fulfil(draft: Draft, ask: Ask, by: Commanded, proposal: Proposal) -> None:
    """Do what a person asks, beside what the trees ask of services that have nothing to do with it."""
    if proposal.refusal:
        draft.refuse(by.number, proposal.refusal, proposal.problems)
        draft.asked = replace(ask, by=None, reply={})  # whoever else needs a plan gets one without it
        draft.needs_plan = True
    elif proposal.note or proposal.wanted is None or proposal.chosen is None:
        _follow_trees(draft, ask, proposal)
        draft.answer(by.number, {**ask.reply, "succeeded": None, "note": proposal.note})
    else:
        _add_request(draft, ask, by, proposal, proposal.wanted)
        _accept(draft, proposal, proposal.chosen, holds=proposal.holds)


def _add_request(draft: Draft, ask: Ask, by: Commanded, proposal: Proposal, wanted: Plan) -> None:
    command = by.command
    assert isinstance(command, Service | Rollback), "nobody waits for the steps of any other command"
    told: dict[str, object] = {"note": ""}
    left_out: tuple[str, ...] = ()
    if isinstance(command, Service):
        left_out = proposal.left_out if command.names else ()
        told = {"steps": len(wanted.steps), "left_out": [*left_out]}
        acts.tell(draft, by, {step.id.service for step in wanted.steps})
    requests.add(
        draft,
        Request(
            number=by.number,
            command=command,
            pending=frozenset(step.id for step in wanted.steps),
            steps=len(wanted.steps),
            left_out=left_out,
            reply={**ask.reply, **told},
        ),
    )


def _is_known(draft: Draft, plan: Plan, *, anew: bool) -> bool:
    """Whether this plan is what already happens, or says that nothing is to happen for a snapshot already seen."""
    if (anew and plan.steps) or draft.snapshot != (plan.config, plan.src):
        return False
    in_force = draft.open.get(draft.generation)
    return in_force.plan.digest == plan.digest if in_force else not plan.steps


def _accept(draft: Draft, proposal: Proposal, plan: Plan, *, holds: tuple[Hold, ...] = ()) -> None:
    """Make this plan the generation in force: replace what has not started, adopt what runs already, queue what waits for nothing."""
    snapshot = proposal.target.snapshot
    config, src = snapshot.config.revision, snapshot.src.revision
    draft.generation += 1
    draft.snapshot = snapshot.ids
    generation = draft.generation
    draft.note(GenerationOpened(generation=generation, plan=plan, config=config, src=src, at=draft.now.wall))
    for hold in holds:
        draft.put_hold(replace(hold, since=draft.now.wall))
    approvals.accepted(draft, plan)
    draft.open.put(generation, OpenGeneration(plan=plan, began=draft.now.steady, missing=len(plan.steps)))
    archived = {name: release for name, release in plan.releases.items() if release.instead_of}
    scene = Scene(target=proposal.target, rendered=proposal.rendered, archived=archived)
    draft.do(OpenScene(generation=generation, scene=scene))
    draft.accepted = news.GenerationAccepted(generation=generation, config=config, src=src, plan=plan)
    draft.tell(draft.accepted)
    scheduling.supersede(draft, f"generation {generation} replaced it")
    draft.table = StepTable(plan, generation)
    failures.meet(draft, plan.steps)
    for service, run in [*draft.running.items()]:
        draft.running.put(service, _adopt(draft, run))
    for step in plan.steps:
        if draft.table.standing[step.id] is Standing.WAITING:
            scheduling.admit(draft, step)


def _adopt(draft: Draft, run: Run) -> Run:
    """Let a run count for the new plan, if that asks for the same work."""
    adopters = adoption.find_adopter(run.step, draft.table.steps)
    if run.is_stale or not adopters:
        return run
    for stop in adopters[:-1]:
        scheduling.skip(draft, stop, f"generation {run.generation} did it, and its start is running")
    draft.table.standing[adopters[-1].id] = Standing.RUNNING
    return replace(run, counts=True)


def close_what_is_done(draft: Draft) -> bool:
    """Close each generation of which every step has its outcome, once; whether there was one."""
    over = sorted(number for number, entry in draft.open.items() if not entry.missing)
    for number in over:
        _close(draft, number, draft.open[number])
    return bool(over)


def _close(draft: Draft, number: int, entry: OpenGeneration) -> None:
    draft.open.drop(number)
    draft.note(GenerationClosed(generation=number, succeeded=entry.succeeded, at=draft.now.wall))
    approvals.closed(draft, entry.plan)
    draft.do(CloseScene(generation=number))
    draft.tell(
        news.GenerationClosed(
            generation=number,
            succeeded=entry.succeeded,
            replaced=number != draft.generation,
            seconds=draft.now.steady - entry.began,
        )
    )
    draft.do(Prune())
