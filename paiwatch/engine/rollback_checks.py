"""Objections: what speaks against a rollback, in words that a person can act on. Pure; `rollbacks` asks."""

from paiwatch.errors import ConfigError
from paiwatch.plan import pins, wording
from paiwatch.plan.applied import Former, Memory
from paiwatch.plan.plan import Step
from paiwatch.releases.release import Desired


def ran_well(step: Step) -> str:
    """Why a release that ran well before is not gone back from, and whose change may be behind its failure."""
    changed = sorted({reason.chain[-1] for reason in step.reasons if reason.chain})
    said = "no rollback: this release ran well before, so something else is wrong"
    if not changed:
        return said
    return (
        f"{said}; it was to follow {wording.join(changed)}: `paiwatch rollback {changed[0]}` takes that back"
    )


def wanted(service: str, desired: Desired, memory: Memory) -> str:
    """What the tree asks for now, and would run again; where that cannot be told, since it has errors: what the service leaves."""
    if service in desired.releases:
        return desired.releases[service].digest
    applied = memory.get(service)
    if not pins.exists(service, desired):
        if applied is None or not applied.archived:
            raise ConfigError(f"there is no service {service!r}; `paiwatch status` lists them")
        raise ConfigError(
            f"{service} is gone from the tree, so nothing is started for it; revert the commit that removed it"
        )
    if applied is None or not applied.archived:
        raise ConfigError(
            f"{service} has errors and never ran: there is nothing to roll back to; `paiwatch validate` lists them"
        )
    return applied.pin.instead_of if applied.pin is not None else applied.archived


def refuse_wanted(service: str, named: str, wanted: str, memory: Memory) -> str:
    """Why the release that the tree asks for is none to go back to."""
    applied = memory.get(service)
    if applied is not None and applied.digest == wanted and not applied.touched and applied.pin is None:
        return f"{service}: {named} is what it runs already"
    return f"{service}: {named} is what the tree asks for; `paiwatch retry {service}` runs it"


def refuse_again(service: str, target: Former, wanted: str, memory: Memory) -> None:
    """What is so already needs no rollback."""
    applied = memory.get(service)
    pin = applied.pin if applied is not None else None
    if applied is None or pin is None or pin.leader or pin.instead_of != wanted:
        return
    if pin.release.digest == target.release.digest == applied.digest and not applied.touched:
        raise ConfigError(
            f"{service} runs release {applied.digest[:8]} instead of what the tree asks for already; "
            f"`paiwatch retry {service}` ends that"
        )
