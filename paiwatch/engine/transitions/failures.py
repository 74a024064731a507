"""Failures in a row of one release: counted, rested after, quarantined, forgiven.

Quarantine ends with another digest, a success, a person's word, or a prerequisite that was applied anew.
"""

from collections.abc import Iterable
from dataclasses import replace

from paiwatch.domain.run import Outcome, RunResult
from paiwatch.engine import backoff, changes
from paiwatch.engine.changes import Failure
from paiwatch.engine.draft import Draft
from paiwatch.plan import chances
from paiwatch.plan.plan import Kind, Step
from paiwatch.plan.target import make_target


def look_up(draft: Draft, step: Step) -> Failure:
    """What failed before; no failures when nothing is known."""
    service, digest = step.id.service, step.digest
    known = (draft.failures.get(service) or {}).get(digest)
    return known or Failure(service=service, digest=digest)


def inherit(draft: Draft) -> None:
    """What an earlier paiwatch left rests on, by this one's clock. A clock that was set back (power loss) makes nobody rest longer than the settings say."""
    longest = draft.rules.policy.retries.max
    for service, found in [*draft.failures.items()]:
        kept = {
            digest: replace(
                failure,
                inherited=True,
                not_before=draft.now.steady + min(longest, failure.retry_at - draft.now.wall),
            )
            for digest, failure in found.items()
        }
        draft.failures.put(service, kept)


def meet(draft: Draft, steps: Iterable[Step]) -> None:
    """Old failures do not count against what a person asks for, nor those of running against those of removing.

    A person's word counts for good once the step begins: cut off before that, all is as it was.
    """
    for step in steps:
        service = step.id.service
        is_removal = step.kind is Kind.REMOVED
        if is_removal is not (service in draft.removing):
            draft.removing = draft.removing | {service} if is_removal else draft.removing - {service}
            draft.drop_failure(service, step.digest)
        if step.kind is Kind.ASKED:
            if look_up(draft, step).is_durable:
                draft.forgiven |= {(service, step.digest)}
            draft.overlook(service, step.digest)


def is_used_up(failure: Failure, step: Step) -> bool:
    """Whether earlier starts had every try that this step gets, and died before they said so."""
    return failure.inherited and not failure.quarantined and failure.attempts >= step.spec.retries.attempts


def begun(draft: Draft, step: Step, run: int) -> None:
    """A run of this release is written down: what a person wants forgotten is, and what is known belongs to this run."""
    if (step.id.service, step.digest) in draft.forgiven:
        draft.drop_failure(step.id.service, step.digest)
    known = look_up(draft, step)
    if known.is_durable:
        draft.put_failure(replace(known, run=run))


def count(draft: Draft, step: Step, result: RunResult, run: int) -> Failure:
    """A run did not succeed: rest a while, or quarantine when the retries are used up.

    An interruption is nobody's fault and no attempt, but rests ever longer, so that it cannot spin.
    """
    known = look_up(draft, step)
    counts = result.outcome is not Outcome.INTERRUPTED
    attempts = known.attempts + counts
    rests = 0 if counts else known.rests + 1
    pause = backoff.delay(step.id.service, step.digest, attempts if counts else rests, step.spec.retries)
    failure = replace(
        known,
        attempts=attempts,
        rests=rests,
        inherited=False,
        not_before=draft.now.steady + pause,
        because=result.message if counts or not known.because else known.because,
        run=run,
    )
    if counts and attempts >= step.spec.retries.attempts and not known.quarantined:
        failure = replace(failure, quarantined=True, since=draft.now.wall)
    if counts:
        rest = 0.0 if retry_in(step, failure) is None else pause
        failure = replace(failure, retry_at=max(known.retry_at, draft.now.wall + rest))
    draft.put_failure(failure)
    return failure


def retry_in(step: Step, failure: Failure) -> float | None:
    """Seconds until what just failed is tried again; None when it will not be."""
    if failure.attempts >= step.spec.retries.attempts or step.kind is Kind.ASKED:
        return None
    return backoff.delay(step.id.service, step.digest, failure.attempts, step.spec.retries)


def give_up(draft: Draft, step: Step) -> Failure:
    """Quarantine it without another try."""
    failure = replace(look_up(draft, step), quarantined=True, since=draft.now.wall, inherited=False)
    draft.put_failure(failure)
    return failure


def condemn(draft: Draft, service: str, digest: str, *, because: str, run: int) -> None:
    """A person went back from this release: it is quarantined without another try."""
    known = (draft.failures.get(service) or {}).get(digest) or Failure(
        service=service, digest=digest, run=run
    )
    said = known.because or because
    draft.put_failure(replace(known, quarantined=True, since=draft.now.wall, because=said, inherited=False))


def clear(draft: Draft, step: Step) -> None:
    """It succeeded. A rollback proves nothing of the release that it replaces: that stays quarantined."""
    service = step.id.service
    overlooked = [digest for name, digest in sorted(draft.forgiven) if name == service]
    known = [step.digest] if step.instead_of else [*(draft.failures.get(service) or {}), *overlooked]
    for digest in known:
        draft.drop_failure(service, digest)


def forgive(draft: Draft, services: Iterable[str]) -> None:
    """Forget all failures of these services."""
    draft.note(changes.FailuresForgiven())
    for service in services:
        for digest in [*(draft.failures.get(service) or {})]:
            draft.drop_failure(service, digest)
    forgotten = {key for key in draft.forgiven if key[0] in set(services)}
    for service, digest in sorted(forgotten):
        draft.drop_failure(service, digest)


def known(draft: Draft) -> set[str]:
    """Services of which the store remembers a failure."""
    found = {
        name for name, each in draft.failures.items() if any(failure.is_durable for failure in each.values())
    }
    return found | {service for service, _ in draft.forgiven}


def quarantined(draft: Draft) -> frozenset[tuple[str, str]]:
    """Services and release digests that wait for a person or another release."""
    return frozenset(
        (service, digest)
        for service, known in draft.failures.items()
        for digest, failure in known.items()
        if failure.quarantined
    )


def give_new_chances(draft: Draft) -> None:
    """Forgive what used up its retries before something that it stands on was applied anew."""
    if draft.desired is None or not (found := quarantined(draft)):
        return
    target = make_target(draft.desired, draft.applied.value)
    wanted = chances.candidates(found, target)
    tried = {key: run for key in wanted if (run := draft.failures[key[0]][key[1]].run)}
    forgiven = sorted(chances.new(tried, target, draft.applied.value))
    if forgiven:
        draft.note(changes.FailuresForgiven())
    for service, digest in forgiven:
        draft.drop_failure(service, digest)
