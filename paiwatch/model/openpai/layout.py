"""The section `layout`, and what is wrong with a layout.yaml. PURE.

The section is paictl's. It checks next to nothing; what would silently leave a machine out is said here.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from paiwatch.documents import shape
from paiwatch.documents.document import Document, Path, problem_at
from paiwatch.model.doubts import Doubt
from paiwatch.problem import Problem, Severity

_MACHINES = "machine-list"
_SKUS = "machine-sku"
_MASTER = "pai-master"

#: Keys of a machine that templates, parsers and node labels know.
_KNOWN = frozenset(
    {"hostname", "hostip", "nodename", "machine-type", "k8s-role", _MASTER, "pai-worker", "pai-storage"}
    | {"no-drivers", "no-nodeexporter", "no-jobexporter", "no-logmanager", "username", "password", "sshport"}
)
_FLAGS = frozenset({_MASTER, "pai-worker", "pai-storage", "no-drivers", "no-nodeexporter"})


def check(document: Document) -> tuple[Problem, ...]:
    """All that is wrong with the layout. After an error it has no section."""
    layout = document.value
    if not isinstance(layout, dict):
        return (
            _problem(
                document,
                (),
                "says nothing" if layout is None else "is not a mapping",
                "describe the machines",
            ),
        )
    found = [*_shape_faults(document, layout)]
    if not found:
        found += [
            *_machine_faults(document, layout),
            *_repeated(document, layout),
            *_master_faults(document, layout),
        ]
    return tuple(sorted(found))


def section(layout: Mapping[str, Any]) -> dict[str, Any]:
    """The section that templates see, of a layout without faults; machines become a mapping by hostname."""
    machines = layout[_MACHINES]
    master = next(one["hostip"] for one in machines if one.get(_MASTER) == "true")
    addresses = {"api-servers-url": f"https://{master}:6443", "dashboard-url": f"https://{master}:9090"}
    return {
        _SKUS: layout[_SKUS],
        "kubernetes": layout.get("kubernetes", addresses),
        _MACHINES: {one["hostname"]: one for one in machines},
    }


def doubts(document: Document) -> tuple[Doubt, ...]:
    """Machines of a kind that is not described: wherever their kind matters they are silently left out."""
    skus = document.value[_SKUS]
    found = []
    for index, machine in enumerate(document.value[_MACHINES]):
        kind = machine.get("machine-type")
        if kind is None or (isinstance(kind, str) and kind in skus):
            continue
        where = (_MACHINES, index, "machine-type")
        remedy = shape.closest(str(kind), map(str, skus)) or "add it to machine-sku, or correct the name"
        problem = _problem(
            document, where, f"machine-type of '{machine['hostname']}' is not in machine-sku", remedy
        )
        found.append(Doubt(path=("layout", _MACHINES, machine["hostname"], "machine-type"), problem=problem))
    return tuple(found)


def _shape_faults(document: Document, layout: Mapping[str, Any]) -> Iterator[Problem]:
    """What must be there at all."""
    if not isinstance(layout.get(_MACHINES), list) or not layout[_MACHINES]:
        yield _problem(
            document, (_MACHINES,), f"'{_MACHINES}' is not a list of machines", "list the machines"
        )
        return
    if not isinstance(layout.get(_SKUS), dict):
        yield _problem(
            document, (_SKUS,), f"'{_SKUS}' is not a mapping of kinds of machines", "describe them"
        )
    for index, machine in enumerate(layout[_MACHINES]):
        if not isinstance(machine, dict):
            yield _problem(
                document, (_MACHINES, index), "a machine is not a mapping", "write its keys and values"
            )
            continue
        for key in ("hostname", "hostip"):
            if not isinstance(machine.get(key), str) or not machine[key]:
                name = machine.get("hostname", f"number {index + 1}")
                said = f"the machine {name} has no '{key}' that is text"
                yield _problem(document, (_MACHINES, index, key), said, f"write its {key}, quoted if need be")


def _machine_faults(document: Document, layout: Mapping[str, Any]) -> Iterator[Problem]:
    """Keys and values of single machines."""
    for index, machine in enumerate(layout[_MACHINES]):
        for key, value in machine.items():
            where = (_MACHINES, index, key)
            if key in _FLAGS and isinstance(value, bool):
                said = f"'{key}' of '{machine['hostname']}' is the boolean {str(value).lower()}, where text is compared"
                yield _problem(document, where, said, f'write "{str(value).lower()}" in quotes')
            elif key not in _KNOWN and (guess := shape.closest(str(key), _KNOWN)):
                said = f"unknown key '{key}' of machine '{machine['hostname']}'"
                yield _problem(document, where, said, guess, Severity.WARNING)


def _repeated(document: Document, layout: Mapping[str, Any]) -> Iterator[Problem]:
    """Names that two machines share are faults; addresses may be meant."""
    for key, severity in (("hostname", Severity.ERROR), ("hostip", Severity.WARNING)):
        first: dict[str, int] = {}
        for index, machine in enumerate(layout[_MACHINES]):
            before = first.setdefault(machine[key], index)
            if before != index:
                line = document.locate((_MACHINES, before, key)).line
                said = f"{key} '{machine[key]}' is given twice: first in line {line}"
                yield _problem(
                    document, (_MACHINES, index, key), said, f"give each machine its own {key}", severity
                )


def _master_faults(document: Document, layout: Mapping[str, Any]) -> Iterator[Problem]:
    masters = [index for index, one in enumerate(layout[_MACHINES]) if one.get(_MASTER) == "true"]
    if not masters:
        yield _problem(
            document, (_MACHINES,), "no machine is the master", f'write {_MASTER}: "true" at one of them'
        )
    for index in masters[1:]:
        said = f"machine '{layout[_MACHINES][index]['hostname']}' is a second master"
        yield _problem(document, (_MACHINES, index, _MASTER), said, f"leave {_MASTER} at one machine only")


def _problem(
    document: Document, where: Path, message: str, remedy: str, severity: Severity = Severity.ERROR
) -> Problem:
    return problem_at(severity, document, where, message, remedy)
