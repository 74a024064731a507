"""Parts that both the daemon and look-only commands make from the settings. Plain constructor calls, nothing else."""

from paiwatch.catalog.service import Retries
from paiwatch.engine.state import Rules
from paiwatch.plan.policy import Guard, Policy
from paiwatch.problem import Severity
from paiwatch.settings.sections import ClusterModel, Prerequisites, Settings, Undefined
from paiwatch.survey import Survey


def policy_of(settings: Settings) -> Policy:
    """What planning needs of the settings."""
    operators, retries = settings.operators, settings.operators.retries
    return Policy(
        dependents=operators.dependents,
        removed=operators.removed,
        timeout=operators.timeout,
        retries=Retries(attempts=retries.attempts, first=retries.first, max=retries.max),
        on_failure=operators.on_failure,
        interrupted=operators.interrupted,
        guard=Guard(max_services=settings.guard.max_services, max_stops=settings.guard.max_stops),
    )


def rules_of(settings: Settings, *, converges: bool) -> Rules:
    """What the engine needs of the settings. `converges` is False for who only carries out one command."""
    return Rules(policy=policy_of(settings), parallel=settings.operators.parallel, converges=converges)


def survey_of(settings: Settings) -> Survey:
    """The survey as the settings want it."""
    undefined, model = settings.templates.undefined, settings.cluster.model
    return Survey(
        strict=None if undefined is Undefined.AUTO else undefined is Undefined.STRICT,
        secret_keys=settings.log.secret_keys,
        openpai=None if model is ClusterModel.AUTO else model is ClusterModel.OPENPAI,
        parser_timeout=settings.cluster.parser_timeout,
        dangling=Severity.ERROR
        if settings.operators.prerequisites is Prerequisites.STRICT
        else Severity.WARNING,
    )
