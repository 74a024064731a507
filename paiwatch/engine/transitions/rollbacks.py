"""Rollbacks: the release that a service goes back to is chosen, and what it leaves is quarantined with that."""

from collections.abc import Mapping
from dataclasses import dataclass

from paiwatch.engine import rollback_checks
from paiwatch.engine.draft import Draft
from paiwatch.engine.events import Past
from paiwatch.engine.transitions import failures
from paiwatch.errors import ConfigError
from paiwatch.news import ServiceRolledBack
from paiwatch.plan import rollback
from paiwatch.plan.applied import Former, Pin, PinnedBy
from paiwatch.plan.rollback import Grounds
from paiwatch.releases.release import Desired

SHORTEST = 4  # characters of a revision, as for git
LONGEST = 18  # digits of a run's number
NOTHING = "there is no earlier good release to roll back to"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A rollback that was chosen: the service, the release that it leaves, and all pins (its own first)."""

    service: str
    leaves: str
    pins: Mapping[str, Pin]

    @property
    def release(self) -> str:
        """Digest of the release that it goes back to."""
        return self.pins[self.service].release.digest

    @property
    def followers(self) -> tuple[str, ...]:
        """The other services that go back with it."""
        return tuple(sorted(self.pins.keys() - {self.service}))


def by_policy(draft: Draft, service: str, leaves: str, because: str, desired: Desired) -> Turn | None:
    """The rollback after used-up retries; None when there is nothing to go back to."""
    past = draft.past(service, leaves=leaves)
    target = _last_good(draft, service, leaves, past)
    if target is None:
        return None
    grounds = Grounds(by=PinnedBy.POLICY, since=draft.now.wall, because=because)
    return _turn(draft, service, target, grounds, desired, leaves=leaves, past=past)


def by_person(draft: Draft, service: str, to: str, reason: str, desired: Desired) -> Turn:
    """The rollback that a person asks for. `to` is a run or a revision, "" the last good release. Raises ConfigError."""
    memory = draft.applied.value
    wanted = rollback_checks.wanted(service, desired, memory)
    past = draft.past(service, leaves=wanted, to=to)
    if to:
        digest, origin = _named(service, to, past)
        target = _exactly(draft, service, digest, origin, wanted=wanted, past=past)
    else:
        origin, found = "", _last_good(draft, service, wanted, past)
        if found is None:
            raise ConfigError(f"{service}: {NOTHING} (`retention.releases` says how many are kept)")
        target = found
    rollback_checks.refuse_again(service, target, wanted, memory)
    because = reason or "a person asked for it"
    grounds = Grounds(by=PinnedBy.PERSON, since=draft.now.wall, because=because, origin=origin)
    return _turn(draft, service, target, grounds, desired, leaves=wanted, past=past)


def go_back(draft: Draft, turn: Turn) -> None:
    """Pin what was chosen, and tell. What it leaves is quarantined by the caller."""
    for name, pin in turn.pins.items():
        draft.pin(name, pin)
    pin = turn.pins[turn.service]
    draft.tell(
        ServiceRolledBack(
            service=turn.service,
            release=turn.release,
            instead_of=turn.leaves,
            by=str(pin.by),
            because=pin.because,
            followers=turn.followers,
        )
    )


def leave(draft: Draft, turn: Turn) -> None:
    """A person leaves a release: it counts as quarantined, and failures of the other one are forgotten."""
    because = turn.pins[turn.service].because
    run = draft.past(turn.service).last_run
    failures.condemn(draft, turn.service, turn.leaves, because=because, run=run)
    draft.drop_failure(turn.service, turn.release)


# ── choosing ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _turn(
    draft: Draft, service: str, target: Former, grounds: Grounds, desired: Desired, *, leaves: str, past: Past
) -> Turn:
    found = rollback.pins(
        service,
        target,
        grounds,
        wanted=leaves,
        desired=desired,
        memory=draft.applied.value,
        past=past.formers,
        changed=past.changed.get(target.left, frozenset()),
    )
    kept = {
        name: pin for name, pin in found.items() if name == service or pin.release.digest in past.archived
    }
    return Turn(service=service, leaves=leaves, pins=kept)


def _good(draft: Draft, service: str, past: Past) -> tuple[Former, ...]:
    good = rollback.good_releases(
        draft.applied.get(service), past.formers.get(service, ()), generation=draft.before.generation
    )
    return tuple(former for former in good if former.release.digest in past.archived)


def _last_good(draft: Draft, service: str, leaves: str, past: Past) -> Former | None:
    return rollback.last_good(service, leaves, _good(draft, service, past), failures.quarantined(draft))


def _exactly(draft: Draft, service: str, digest: str, origin: str, *, wanted: str, past: Past) -> Former:
    named = f"release {digest[:8]} ({origin})"
    if digest == wanted:
        raise ConfigError(rollback_checks.refuse_wanted(service, named, wanted, draft.applied.value))
    for former in _good(draft, service, past):
        if former.release.digest == digest:
            return former
    raise ConfigError(
        f"{service}: {named} is no longer kept (`retention.releases` says how many are); revert the commit instead"
    )


def _named(service: str, to: str, past: Past) -> tuple[str, str]:
    """The release that a run or a revision means, and what to call that."""
    if past.run is not None:
        if past.run.service != service:
            raise ConfigError(f"run {to} is one of '{past.run.service}', not of '{service}'")
        if not past.run.brought_up:
            raise ConfigError(f"run {to} brought nothing up; `paiwatch history {service}` shows which did")
        return past.run.digest, f"run {to}"
    if len(to) < SHORTEST:
        raise ConfigError(f"there is no run {to!r}; `paiwatch history {service}` lists them")
    return _only(service, to, past.revisions)


def _only(service: str, to: str, found: Mapping[str, str]) -> tuple[str, str]:
    if not found:
        raise ConfigError(
            f"no generation knows a run or revision {to!r}; `paiwatch history {service}` lists both"
        )
    if len(found) > 1:
        names = ", ".join(sorted(revision[:12] for revision in found))
        raise ConfigError(f"{to!r} begins several revisions: {names}; give more characters")
    ((revision, digest),) = found.items()
    if not digest:
        raise ConfigError(f"{service} ran successfully only after revision {revision[:8]}")
    return digest, f"revision {revision[:8]}"
