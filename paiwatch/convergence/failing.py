"""Failing: what is known of failures, by service and release digest. PURE state; it outlives plans."""

from collections.abc import Iterable
from dataclasses import replace

from paiwatch.convergence import backoff
from paiwatch.convergence.events import FailureBook, Failures, RolledBack
from paiwatch.plan.plan import Kind, Step

_NONE = Failures(attempts=0, not_before=0.0)


class Failing:
    """Counts failures in a row of one input. Quarantine ends with another digest, a success or a person's retry."""

    def __init__(self, book: FailureBook, removing: Iterable[str] = ()) -> None:
        """`removing`: services whose failures are those of their removal."""
        self._removing = set(removing)
        self._inherited = set(
            book
        )  # from before this start, which may have died between a failure and what follows from it
        self._rests: dict[tuple[str, str], int] = {}  # runs in a row that did not count
        self._book: dict[str, dict[str, Failures]] = {}
        for (service, digest), failures in book.items():
            self._book.setdefault(service, {})[digest] = failures

    @property
    def book(self) -> FailureBook:
        """Everything that is known, to be written down or shown."""
        return {
            (service, digest): failures
            for service, known in self._book.items()
            for digest, failures in known.items()
        }

    def look_up(self, step: Step) -> Failures:
        """What failed before; no failures when nothing is known."""
        return self._book.get(step.id.service, {}).get(step.digest, _NONE)

    def meet(self, steps: Iterable[Step]) -> None:
        """Old failures do not count against what a person asks for, nor those of running against those of removing."""
        for step in steps:
            service = step.id.service
            is_removal = step.kind is Kind.REMOVED
            if is_removal is not (service in self._removing):
                (self._removing.add if is_removal else self._removing.discard)(service)
                self.forgive(step)
            if step.kind is Kind.ASKED:
                self.forgive(step)

    def is_used_up(self, step: Step) -> bool:
        """Whether earlier starts had every try that this step gets, and died before they said so."""
        known = self.look_up(step)
        inherited = (step.id.service, step.digest) in self._inherited
        return inherited and not known.quarantined and known.attempts >= step.spec.retries.attempts

    def give_up(self, step: Step) -> Failures:
        """Quarantine it without another try."""
        return self._put(step, replace(self.look_up(step), quarantined=True))

    def count(self, step: Step, now: float) -> Failures:
        """One more failure: rest a while, or quarantine when the retries are used up."""
        known = self.look_up(step)
        attempts = known.attempts + 1
        rest = backoff.delay(step.id.service, step.digest, attempts, step.spec.retries)
        return self._put(
            step,
            Failures(
                attempts=attempts,
                not_before=now + rest,
                quarantined=known.quarantined or attempts >= step.spec.retries.attempts,
            ),
        )

    def rest(self, step: Step, now: float) -> Failures:
        """An interrupted run does not count, but rests ever longer, so that it cannot spin."""
        key = (step.id.service, step.digest)
        rests = self._rests.get(key, 0) + 1
        pause = backoff.delay(*key, rests, step.spec.retries)
        known = self._put(step, replace(self.look_up(step), not_before=now + pause))
        self._rests[key] = rests
        return known

    def turn_back(self, rolled_back: RolledBack) -> None:
        """Quarantine the release that a person went back from without another try; the other one may be tried."""
        known = self._book.setdefault(rolled_back.service, {})
        failed = known.get(rolled_back.instead_of, _NONE)
        known[rolled_back.instead_of] = replace(failed, quarantined=True)
        known.pop(rolled_back.release, None)

    def clear(self, step: Step) -> None:
        """It succeeded. A rollback proves nothing of the release that it replaces: that stays quarantined."""
        if step.instead_of:
            self.forgive(step)
        else:
            self.forgive_service(step.id.service)

    def forgive(self, step: Step) -> None:
        """Forget the failures of this input."""
        self._book.get(step.id.service, {}).pop(step.digest, None)

    def forgive_inputs(self, inputs: Iterable[tuple[str, str]]) -> None:
        """Forget the failures of these services' releases."""
        for service, digest in inputs:
            self._book.get(service, {}).pop(digest, None)

    def forgive_service(self, service: str) -> None:
        """Forget all failures of a service."""
        self._book.pop(service, None)

    def forgive_services(self, services: Iterable[str]) -> None:
        """Forget all failures of these, of all when there are none."""
        for service in frozenset(services) or frozenset(self._book):
            self.forgive_service(service)

    def _put(self, step: Step, failures: Failures) -> Failures:
        self._book.setdefault(step.id.service, {})[step.digest] = failures
        self._inherited.discard((step.id.service, step.digest))
        self._rests.pop((step.id.service, step.digest), None)
        return failures
