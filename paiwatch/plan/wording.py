"""Wording: the sentences about prerequisites and about services that cannot go on. PURE."""

from collections.abc import Collection, Mapping

from paiwatch.catalog.service import Service
from paiwatch.plan.impact import Impact
from paiwatch.plan.plan import Kind, Reason
from paiwatch.problem import Problem, Severity

#: Reasons that say what happened, in the order they are given.
_TELLING = frozenset({"rollback", "key", "file"})


def prerequisites(hit: Impact, roots: Mapping[str, tuple[Reason, ...]]) -> dict[str, Reason]:
    """For each prerequisite that somebody follows into the plan: the reason that gives, with the chain to the root."""
    told: dict[str, Reason] = {}
    for sources in hit.causes.values():
        for source in sources:
            if source not in told:
                chain = hit.chain(source)
                told[source] = Reason(kind="prerequisite", detail=_follow(hit, roots, chain), chain=chain)
    return told


def _follow(hit: Impact, roots: Mapping[str, tuple[Reason, ...]], chain: tuple[str, ...]) -> str:
    """`its prerequisite 'b' is refreshed (through 'c') because 'a' changed: grafana.port: 3000 → 3001`."""
    root = _root(hit, roots, chain[-1])
    if len(chain) == 1:
        return f"its prerequisite {root}"
    through = f" (through {join(chain[1:-1])})" if len(chain) > 2 else ""
    return f"its prerequisite '{chain[0]}' is refreshed{through} because {root}"


def _root(hit: Impact, roots: Mapping[str, tuple[Reason, ...]], name: str) -> str:
    """What happened at the far end of a chain."""
    kind = hit.kinds.get(name)
    if kind is Kind.NEW:
        return f"'{name}' is new"
    if kind is Kind.CHANGED:
        own = roots[name]
        telling = next((reason for reason in own if reason.kind in _TELLING), own[0])
        return f"'{name}' changed: {telling.detail}"
    return f"'{name}' was applied since, and this refresh is still owed"


def tell(reason: Reason) -> str:
    """The reason with all that was found to explain it: `…, read by env.template:3 (set in cluster.yaml:2; 3f2a1b9c Ana: Move)`."""
    text = reason.detail
    found = []
    if reason.line and reason.template == reason.file:
        text = f"{text}:{reason.line}"
    elif reason.line:
        found.append(f"in {reason.template}:{reason.line}")
    if reason.origin:
        found.append(f"set in {reason.origin}")
    if reason.commit:
        found.append(f"{reason.commit[:8]} {reason.author}: {reason.subject}")
    return f"{text} ({'; '.join(found)})" if found else text


def join(names: Collection[str]) -> str:
    """`'a', 'b' and 'c'`."""
    quoted = [f"'{name}'" for name in names]
    return f"{', '.join(quoted[:-1])} and {quoted[-1]}" if len(quoted) > 1 else "".join(quoted)


def waits(service: Service, holders: Collection[str]) -> Problem:
    """A step that cannot run, because something it stands on has errors."""
    names = sorted(holders)
    which = "prerequisite" if len(names) == 1 else "prerequisites"
    verb = "has" if len(names) == 1 else "have"
    return Problem(
        file=service.file,
        severity=Severity.WARNING,
        message=f"'{service.name}' waits: its {which} {join(names)} {verb} errors",
        service=service.name,
    )


def inert(service: Service) -> Problem:
    """A service that differs from what was applied, with no script to bring that in."""
    return Problem(
        file=service.file,
        severity=Severity.WARNING,
        message=f"nothing can bring '{service.name}' up: it has no start-script",
        remedy="add start-script",
        service=service.name,
    )
