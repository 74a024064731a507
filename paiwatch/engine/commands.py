"""Commands: what people may ask for, as values. PURE. They are parsed at the door (`control.parsing`) and trusted from there on."""

from dataclasses import dataclass

from paiwatch.catalog.service import Operator


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Run one operator over these services (all when none is named) but those `without`; `only` leaves prerequisites alone."""

    operator: Operator
    names: tuple[str, ...] = ()
    without: frozenset[str] = frozenset()
    only: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """Run an earlier release of a service again; `to` is a run or a revision, empty for the last good release."""

    service: str
    to: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Forget failures and interruptions of these services, all when empty."""

    services: frozenset[str] = frozenset()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspend:
    """Begin nothing more for this service; "*" is every service."""

    service: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Take back the suspension of this service; "*" is the one of every service."""

    service: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """Record these services as applied, all of the tree when empty, and run nothing."""

    services: frozenset[str] = frozenset()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approve:
    """Let the plan that waits go ahead, if its digest begins so."""

    digest: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptRewrite:
    """Accept the rewritten history of config or src; empty is the one that waits for it."""

    source: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RewriteAccepted:
    """Tell that a person had this commit of config or src accepted. The source has done so: nothing else follows from it here."""

    source: str
    commit: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Nudge:
    """Look at the world again now."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Say what is under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow:
    """Tell news as it happens. `since` (the number of the last news read) and `service` are for readers that resume or choose."""

    since: int | None = None
    service: str = ""


_Change = Service | Rollback | Retry | Suspend | Resume | Adopt | Approve

#: What changes the state or is told for good, and so goes through the engine.
Act = _Change | RewriteAccepted

#: What can be asked for at a door.
Command = _Change | AcceptRewrite | Nudge | Progress | Follow
