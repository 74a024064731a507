"""News as log lines: one listener, one line for each piece of news, ids in fields."""

import os
from dataclasses import asdict

from paiwatch import logs
from paiwatch.domain.run import Outcome
from paiwatch.news import (
    CommandGiven,
    CommitRefused,
    DaemonMoved,
    GenerationAccepted,
    GenerationClosed,
    LookFailed,
    LookRecovered,
    News,
    Phase,
    PlanApproved,
    PlanHeld,
    ProblemsFound,
    PruneFailed,
    RefusalEnded,
    RollbackEnded,
    RunInterrupted,
    ServiceRolledBack,
    StateFailed,
    StateRecovered,
    StepBegan,
    StepDismissed,
    StepEnded,
    StepQuarantined,
)
from paiwatch.plan.plan import Step
from paiwatch.problem import Problem, Severity

log = logs.get_logger("paiwatch")

_DETACH = "a process that shall outlive its script needs: setsid env -u PAIWATCH_RUN_ID COMMAND … >FILE 2>&1 </dev/null &"

_PHASES = {
    Phase.STARTED: logs.DAEMON_STARTED,
    Phase.READY: logs.DAEMON_READY,
    Phase.STOPPING: logs.DAEMON_STOPPING,
    Phase.STOPPED: logs.DAEMON_STOPPED,
}


class Chronicle:
    """Writes the log. It remembers the problems it told, so that each is told once when it comes and once when it goes."""

    def __init__(self) -> None:
        self._problems: frozenset[Problem] = frozenset()

    def hear(self, news: News) -> None:
        """Write what there is to write of one piece of news."""
        match news:
            case GenerationAccepted():
                _accepted(news)
            case StepBegan():
                ids = _ids(news.step, news.generation)
                log.info(logs.STEP_STARTED, **ids, run=news.run, attempt=news.attempt, why=_why(news.step))
            case StepEnded():
                _ended(news)
            case StepDismissed():
                ids = _ids(news.step, news.generation)
                log.info(logs.STEP_DISMISSED, **ids, outcome=str(news.outcome), because=news.because)
            case StepQuarantined():
                ids = _ids(news.step, news.generation)
                remedy = f"push a fix, or run: paiwatch retry {news.step.id.service}"
                note = {"note": news.note} if news.note else {}
                log.error(logs.STEP_HELD, **ids, attempts=news.attempts, **note, remedy=remedy)
            case ProblemsFound():
                self._tell_problems(frozenset(news.problems))
            case ServiceRolledBack():
                remedy = f"push a fix, or run: paiwatch retry {news.service}"
                log.warning(logs.SERVICE_ROLLED_BACK, **asdict(news), remedy=remedy)
            case RollbackEnded(service=service, because=because):
                log.info(logs.ROLLBACK_ENDED, service=service, because=because)
            case _:
                _rest(news)

    def _tell_problems(self, problems: frozenset[Problem]) -> None:
        for problem in sorted(problems - self._problems):
            tell = log.error if problem.severity is Severity.ERROR else log.warning
            facts = {"place": problem.place, "message": problem.message, "remedy": problem.remedy}
            tell(logs.PROBLEM_FOUND, service=problem.service or None, **facts)
        for problem in sorted(self._problems - problems):
            log.info(logs.PROBLEM_GONE, place=problem.place, message=problem.message)
        self._problems = problems


def _rest(news: LookFailed | LookRecovered | RunInterrupted | GenerationClosed | News) -> None:
    match news:
        case GenerationClosed():
            tell = log.info if news.succeeded or news.replaced else log.error
            outcome = "succeeded" if news.succeeded else "replaced" if news.replaced else "failed"
            seconds = round(news.seconds, 3)
            tell(logs.GENERATION_CLOSED, generation=news.generation, outcome=outcome, seconds=seconds)
        case LookFailed() | LookRecovered() | CommitRefused() | RefusalEnded():
            _source(news)
        case StateFailed() | StateRecovered() | PruneFailed():
            _state(news)
        case DaemonMoved(phase=phase):
            log.info(_PHASES[phase], pid=os.getpid())
        case PlanHeld(plan=plan, steps=steps):
            facts = {"reasons": list(plan.reasons), "services": list(plan.services), "steps": steps}
            log.warning(
                logs.PLAN_HELD, digest=plan.digest, **facts, remedy=f"look at it, then: {plan.remedy[1:-1]}"
            )
        case CommandGiven():
            facts = {"operator": news.operator, "services": [*news.services], "reason": news.reason}
            facts |= {"source": news.source, "commit": news.commit}
            told = {name: value for name, value in facts.items() if value}
            log.info(logs.COMMAND_GIVEN, verb=news.verb, **told, **news.principal.to_json())
        case PlanApproved(digest=digest):
            log.info(logs.PLAN_APPROVED, digest=digest)
        case RunInterrupted(run=run, service=service, operator=operator, ended=ended, held=held):
            facts = {"run": run, "service": service, "operator": operator, "processes_ended": ended}
            told = {"remedy": f"look at: paiwatch logs {run}, then: paiwatch retry {service}"} if held else {}
            log.warning(logs.RUN_INTERRUPTED, **facts, held=held, **told)


def _source(news: LookFailed | LookRecovered | CommitRefused | RefusalEnded) -> None:
    match news:
        case LookFailed(message=message):
            log.error(
                logs.SOURCE_FAILED,
                message=message,
                remedy="the last good state stays; it is tried again by itself",
            )
        case LookRecovered():
            log.info(logs.SOURCE_RECOVERED)
        case CommitRefused(source=source, refusal=refusal):
            tip = refusal.tip
            facts = {"commit": tip.id, "author": tip.author, "subject": tip.subject, "in_force": refusal.kept}
            log.error(logs.COMMIT_REFUSED, source=source, **facts, because=refusal.why, remedy=refusal.remedy)
        case RefusalEnded(source=source):
            log.info(logs.REFUSAL_ENDED, source=source)


def _state(news: StateFailed | StateRecovered | PruneFailed) -> None:
    match news:
        case StateFailed(message=message):
            remedy = "nothing is begun until it can be written; it is tried again by itself"
            log.error(logs.STORE_FAILED, message=message, remedy=remedy)
        case StateRecovered():
            log.info(logs.STORE_RECOVERED)
        case PruneFailed(message=message):
            log.warning(
                logs.PRUNE_FAILED, message=message, remedy="it is tried again when the next generation closes"
            )


def _accepted(news: GenerationAccepted) -> None:
    log.info(
        logs.PLAN_ACCEPTED,
        generation=news.generation,
        config=news.config.short,
        src=news.src.short,
        subject=news.config.subject,
        steps=[str(step.id) for step in news.plan.steps],
        kept=list(news.plan.kept),
    )


def _ended(news: StepEnded) -> None:
    result = news.result
    facts = {"run": news.run, "attempt": news.attempt, "outcome": str(result.outcome), "exit": result.exit}
    facts["seconds"] = round(result.seconds, 3)
    ids = _ids(news.step, news.generation)
    if result.outcome is Outcome.SUCCEEDED and result.message:
        log.warning(logs.STEP_FINISHED, **ids, **facts, message=result.message, remedy=_DETACH)
        return
    if result.outcome is Outcome.SUCCEEDED:
        log.info(logs.STEP_FINISHED, **ids, **facts)
        return
    log.error(
        logs.STEP_FINISHED, **ids, **facts, message=result.message, remedy=f"read: paiwatch logs {news.run}"
    )
    if news.retry_in is not None:
        log.info(logs.STEP_RETRIED, **ids, seconds=round(news.retry_in, 1))


def _ids(step: Step, generation: int) -> dict[str, object]:
    return {"generation": generation, "service": step.id.service, "operator": str(step.id.operator)}


def _why(step: Step) -> list[str]:
    return [reason.detail for reason in step.reasons]
