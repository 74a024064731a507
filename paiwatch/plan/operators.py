"""Which operators a service takes to bring in what happened to it. PURE."""

from paiwatch.catalog.service import OnChange, Operator, Service
from paiwatch.plan.applied import Applied
from paiwatch.plan.plan import Kind

#: Operators of one service, in the order they run; none when it has no script for the purpose.
Operators = tuple[Operator, ...]

_RESTART: Operators = (Operator.STOP, Operator.START)

#: After these the service may be down, and only a start brings it up.
_MAY_BE_DOWN = frozenset({Operator.START, Operator.STOP, Operator.DELETE})


def choose(service: Service, kind: Kind, applied: Applied | None) -> Operators:
    """What runs for this kind of step: start for what never ran, else as `on-change` says and the scripts allow."""
    if kind is Kind.NEW:
        return (Operator.START,) if Operator.START in service.scripts else ()
    if kind is Kind.DEPENDENT:
        return refresh(service, applied)
    wanted = service.on_change or OnChange.REFRESH
    if wanted is OnChange.REFRESH and _may_be_down(applied):
        wanted = OnChange.RESTART
    return _change(service, wanted)


def refresh(service: Service, applied: Applied | None) -> Operators:
    """Refresh what runs; without a refresh-script, what a change of the service itself would run."""
    if Operator.REFRESH not in service.scripts:
        return _change(service, service.on_change or OnChange.REFRESH)
    return _change(service, OnChange.RESTART if _may_be_down(applied) else OnChange.REFRESH)


def _may_be_down(applied: Applied | None) -> bool:
    return applied is not None and applied.touched_by in _MAY_BE_DOWN


def _change(service: Service, wanted: OnChange) -> Operators:
    """From what is wanted to what there are scripts for: refresh, else stop and start, else start, else refresh."""
    scripts = service.scripts
    if wanted is OnChange.REFRESH and Operator.REFRESH in scripts:
        return (Operator.REFRESH,)
    if wanted is not OnChange.START and all(operator in scripts for operator in _RESTART):
        return _RESTART
    if Operator.START in scripts:
        return (Operator.START,)
    return (Operator.REFRESH,) if Operator.REFRESH in scripts else ()
