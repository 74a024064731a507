"""People: what each command makes of the state, and what it is answered."""

import difflib

from paiwatch.engine import changes, remembering
from paiwatch.engine.commands import (
    Adopt,
    Approve,
    Resume,
    Retry,
    RewriteAccepted,
    Rollback,
    Service,
    Suspend,
)
from paiwatch.engine.draft import Draft
from paiwatch.engine.effects import Archive
from paiwatch.engine.events import Archived, Commanded
from paiwatch.engine.transitions import acts, asking, failures, rollbacks, scheduling
from paiwatch.errors import ConfigError
from paiwatch.plan import pins
from paiwatch.plan.applied import DOWN, EVERYTHING, HeldBy, Hold
from paiwatch.releases.release import Desired

_UNREAD = "the tree has not been read yet, or cannot be used; `paiwatch validate` says why"
_ENDING = "paiwatch is ending; nothing was done"


def obey(draft: Draft, event: Commanded) -> None:
    """Do what a person asks, or refuse it: then nothing has changed. Raises ConfigError for what cannot be done."""
    draft.asked_by = event.number
    match event.command:
        case Service() | Approve():
            _plan_for(draft, event)
        case Rollback():
            _roll_back(draft, event, event.command)
        case Retry():
            _retry(draft, event, event.command)
        case Suspend():
            _suspend(draft, event, event.command)
        case Resume():
            _resume(draft, event, event.command)
        case Adopt():
            _archive(draft, event, event.command)
        case RewriteAccepted():
            acts.tell(draft, event, ())
            draft.answer(event.number, {})


def _desired(draft: Draft) -> Desired:
    if draft.desired is None:
        raise ConfigError(_UNREAD)
    return draft.desired


# ── what needs a plan ───────────────────────────────────────────────────────────────────────────────────────────────


def _plan_for(draft: Draft, event: Commanded) -> None:
    _desired(draft)
    if draft.is_draining:
        raise ConfigError(_ENDING)
    asking.ask(draft, by=event)


def _roll_back(draft: Draft, event: Commanded, command: Rollback) -> None:
    """Choose, pin, and quarantine what is left; then run it, once and at once."""
    desired = _desired(draft)
    if not command.service:
        raise ConfigError("a rollback needs the name of a service")
    turn = rollbacks.by_person(draft, command.service, command.to, command.reason, desired)
    acts.tell(draft, event, turn.pins)
    rollbacks.leave(draft, turn)
    rollbacks.go_back(draft, turn)
    scheduling.rouse(draft, {turn.service})
    reply = {
        "service": turn.service,
        "release": turn.release,
        "instead_of": turn.leaves,
        "followers": [*turn.followers],
    }
    if draft.is_draining:
        note = "paiwatch is ending; the next start does it"
        draft.answer(event.number, {**reply, "succeeded": None, "note": note})
        return
    asking.ask(draft, back=frozenset(turn.pins), by=event, reply=reply)


# ── what is done at once ────────────────────────────────────────────────────────────────────────────────────────────


def _retry(draft: Draft, event: Commanded, command: Retry) -> None:
    """Forget failures and interruptions of these services (all when empty), so that they are tried again at once.

    A service that is named is no longer rolled back either.
    """
    services = frozenset(command.services)
    remark = "; ".join(said for service in sorted(services) if (said := _unheard_of(draft, service)))
    acts.tell(draft, event, services)
    failed = failures.known(draft)
    interrupted = {name for name, hold in draft.holds.items() if hold.by is HeldBy.INTERRUPTED}
    freed = interrupted & services if services else interrupted
    for service in sorted(freed):
        draft.drop_hold(service, asked=True)
    failures.forgive(draft, sorted(services or failed))
    pinned = pins.pinned(draft.applied.value)
    ended = {name: "a person asked for it" for name, pin in pinned.items() if {name, pin.leader} & services}
    asking.end_rollbacks(draft, ended)
    if freed:
        scheduling.unpark_all(draft)
    scheduling.rouse(draft, services)
    told = failed | freed
    reply = {
        "services": sorted(told & services if services else told),
        "rollbacks_ended": sorted(ended),
        "remark": remark,
    }
    asking.ask(draft, anew=True, answer=(event.number, reply))


def _suspend(draft: Draft, event: Commanded, command: Suspend) -> None:
    service = command.service
    remark = _unheard_of(draft, service)
    present = draft.all_holds.get(service)
    if present is not None and present.by in DOWN:  # else `resume` would take it for one that runs
        raise ConfigError(
            f"{service} is {present.by} by a person, so nothing begins for it before `paiwatch service start -n {service}`"
        )
    acts.tell(draft, event, (service,))
    hold = Hold(
        service=service,
        by=HeldBy.SUSPENDED,
        reason=command.reason,
        since=draft.now.wall,
        principal=event.principal,
    )
    draft.put_hold(hold, asked=True)
    scheduling.unpark_all(draft)
    draft.answer(event.number, {"remark": remark})


def _resume(draft: Draft, event: Commanded, command: Resume) -> None:
    service = command.service
    hold = draft.holds.get(service)
    if hold is None or hold.by not in {HeldBy.SUSPENDED, HeldBy.INTERRUPTED}:
        draft.answer(event.number, {"resumed": False})
        return
    acts.tell(draft, event, (service,))
    draft.drop_hold(service, asked=True)
    scheduling.unpark_all(draft)
    asking.ask(draft, answer=(event.number, {"resumed": True}))


def _unheard_of(draft: Draft, service: str) -> str:
    """A remark on a service of which nobody knows, while the tree was not looked at. Raises ConfigError once it was."""
    desired = draft.desired
    known = {*draft.applied}
    if desired is not None:
        known |= desired.services.keys() | desired.invalid
    if service == EVERYTHING or service in known:
        return ""
    close = difflib.get_close_matches(service, sorted(known), n=1)
    remedy = f"did you mean {close[0]!r}?" if close else "`paiwatch status` lists them"
    if desired is None:
        return f"no service {service!r} was ever applied; {remedy}"
    raise ConfigError(f"there is no service {service!r}; {remedy}")


# ── adoption: the releases are archived first ───────────────────────────────────────────────────────────────────────


def _archive(draft: Draft, event: Commanded, command: Adopt) -> None:
    chosen, _ = _adoptable(draft, command)
    draft.do(Archive(asked=event, desired=_desired(draft), services=chosen))


def adopt(draft: Draft, event: Archived) -> None:
    """Record these services (all of the tree when empty) as applied at the present tree, running nothing.

    Of one that is gone from the tree nothing is remembered any more: that is what the tree asks for.
    """
    command = event.asked.command
    assert isinstance(command, Adopt)
    draft.asked_by = event.asked.number
    if event.desired is not draft.desired:  # it moved on while they were archived
        _archive(draft, event.asked, command)
        return
    chosen, gone = _adoptable(draft, command)
    acts.tell(draft, event.asked, (*chosen, *gone))
    version = draft.last_run + 1
    fresh = remembering.adopt(draft.applied.value, event.desired, chosen, version=version, at=draft.now.wall)
    for left in remembering.left_for(fresh, draft.applied.value):
        draft.note(changes.FormerKept(applied=left, generation=draft.generation))
    for name, applied in fresh.items():
        if (known := draft.applied.get(name)) is not None and known.pin is not None:
            draft.unpin(name)
        draft.put_applied(applied)
    for name in gone:
        draft.drop_applied(name)
        draft.drop_hold(name)
    failures.forgive(draft, (*fresh, *gone))
    if fresh or gone:  # nobody named would be everybody
        scheduling.rouse(draft, (*fresh, *gone))
    for name in (*fresh, *gone):
        draft.note(changes.ServiceAdopted(service=name))
    if gone:
        scheduling.unpark_all(draft)
    reply = {"services": [*chosen], "forgotten": [*gone]}
    asking.ask(draft, answer=(event.asked.number, reply))


def _adoptable(draft: Draft, command: Adopt) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Which are taken for applied, and which are forgotten. Raises ConfigError for what can be neither."""
    desired, names = _desired(draft), frozenset(command.services)
    gone = tuple(sorted(name for name in names if name in draft.applied and not pins.exists(name, desired)))
    if unknown := sorted(names - desired.releases.keys() - set(gone)):
        raise ConfigError(f"no release to adopt for: {', '.join(unknown)}; `paiwatch validate` says why")
    chosen = tuple(sorted((names or desired.releases.keys()) - set(gone)))
    begun = {name for name, run in draft.running.items() if run.number}
    if busy := sorted(begun & {*chosen, *gone}):  # what its end leaves is not known yet
        raise ConfigError(f"{', '.join(busy)}: a script of it runs now; wait for its end")
    return chosen, gone
