"""What runs and people make of a service's failures in a row. Pure; `store` writes what is decided here."""

from collections.abc import Mapping

from paiwatch.convergence.events import Outcome
from paiwatch.operators.run import RunResult
from paiwatch.plan.plan import Kind, Step
from paiwatch.record.rows import FailureRow


def failed(
    known: FailureRow | None, step: Step, result: RunResult, *, retry_at: float, at: float
) -> FailureRow | None:
    """After a run that did not succeed. An interruption is nobody's fault: it counts no attempt.

    What a person asks for is tried as if nothing had failed before, and no rollback follows from it: so that is quarantined at once.
    """
    counts = result.outcome is not Outcome.INTERRUPTED
    if known is None and not counts:
        return None
    if step.kind is Kind.ASKED and counts and step.spec.retries.attempts == 1:
        return quarantined(known, step.id.service, step.digest, at=at, because=result.message, attempts=1)
    return FailureRow(
        service=step.id.service,
        digest=step.digest,
        attempts=(known.attempts if known else 0) + counts,
        retry_at=max(retry_at, known.retry_at) if known else retry_at,
        quarantined=known.quarantined if known else False,
        since=known.since if known else 0.0,
        because=result.message if counts or known is None else known.because,
    )


def quarantined(
    known: FailureRow | None,
    service: str,
    digest: str,
    *,
    at: float,
    because: str,
    attempts: int | None = None,
) -> FailureRow:
    """The release waits for a person. `attempts` None leaves those that are known."""
    had = known.attempts if known else 0
    return FailureRow(
        service=service,
        digest=digest,
        attempts=had if attempts is None else attempts,
        retry_at=known.retry_at if known else 0.0,
        quarantined=True,
        since=at,
        because=because,
    )


def cleared(failures: Mapping[tuple[str, str], FailureRow], step: Step) -> frozenset[str]:
    """Releases of the service whose failures this success ends: a rollback proves nothing of the one it replaces."""
    known = frozenset(digest for service, digest in failures if service == step.id.service)
    return known & {step.digest} if step.instead_of else known
