"""Acts: what people did, as sentences, as rows of `history --acts` and as documents. Pure."""

from collections.abc import Sequence
from typing import Any

from paiwatch.domain.principal import Principal
from paiwatch.plan.applied import EVERYTHING
from paiwatch.record.event_rows import EventRow
from paiwatch.report import times

_MOST = 3  # services that are named in a line

#: What each verb made of the services, in the past tense; `retry` has words of its own for all.
_DONE = {
    "suspend": "suspended {}",
    "resume": "resumed {}",
    "retry": "had {} tried again",
    "adopt": "adopted {} as applied",
    "rollback": "rolled back {}",
    "approve": "approved the plan for {}",
    "accept-rewrite": "accepted the rewritten history of {}",
}


def by_whom(principal: Principal | None) -> dict[str, Any] | None:
    """A person in a document; None where nobody is known. `name` is what people are shown."""
    return None if principal is None else {"name": principal.name, **principal.to_json()}


def concerns(act: EventRow, service: str) -> bool:
    """Whether it was for this service, alone, among others, or as one of all."""
    is_for_all = not _services(act) and _verb(act) == "retry"
    return is_for_all or not {service, EVERYTHING}.isdisjoint(_services(act))


def sentence(act: EventRow) -> str:
    """`alice (as root) suspended web: upgrade of the disk`."""
    verb, operator = _verb(act), str(act.data.get("operator", ""))
    named = _named(act)
    done = f"asked for `service {operator}` of {named}" if operator else _DONE.get(verb, f"{verb} {{}}")
    reason = _reason(act)
    return f"{_who(act)} {done.format(named)}{f': {reason}' if reason else ''}"


def act_document(act: EventRow) -> dict[str, Any]:
    """An element of `history --acts -o json` (docs/cli.md)."""
    return {
        "act": {
            "event": act.number,
            "time": times.iso(act.at),
            "verb": _verb(act),
            "operator": str(act.data.get("operator", "")) or None,
            "services": [*_services(act)],
            **{name: act.data[name] for name in ("source", "commit") if name in act.data},
            "reason": str(act.data.get("reason", "")),
            "by": by_whom(act.principal),
        }
    }


def act_row(act: EventRow, *, now: float) -> tuple[str, ...]:
    """The cells of a run, as far as an act has them: for whom, what, when; and who did it, why."""
    operator = str(act.data.get("operator", ""))
    what = f"service {operator}" if operator else _verb(act)
    why = f"{_who(act)}: {_reason(act) or 'no reason given'}"
    return ("-", "", _named(act), what, "", "", times.ago(act.at, now), "", "", why)


def _verb(act: EventRow) -> str:
    return str(act.data.get("verb", ""))


def _services(act: EventRow) -> Sequence[str]:
    return [str(name) for name in act.data.get("services", ())]


def _named(act: EventRow) -> str:
    """Whom it was for, in so few words that a line holds them."""
    services = _services(act)
    if source := act.data.get("source"):
        return f"{source} at {str(act.data.get('commit'))[:8]}"
    if EVERYTHING in services:
        return "every service"
    if not services:
        return "everything that failed" if _verb(act) == "retry" else "no service"
    more = len(services) - _MOST
    if more <= 1:  # a name takes no more room than "1 more"
        return ", ".join(services)
    return f"{', '.join(services[:_MOST])} and {more} more"


def _who(act: EventRow) -> str:
    return act.principal.name if act.principal is not None else "somebody"


def _reason(act: EventRow) -> str:
    """On one line, whatever was typed."""
    return " ".join(str(act.data.get("reason", "")).split())
