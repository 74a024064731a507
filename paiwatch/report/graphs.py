"""The prerequisites as text, Graphviz dot, Mermaid or JSON. Order-only edges (no refresh follows) are dashed."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from paiwatch.catalog.service import Dependents, Service


class Edge(NamedTuple):
    """`service` names `prerequisite`; a change of it also refreshes the service when `follows`."""

    service: str
    prerequisite: str
    follows: bool
    exists: bool


def edges(services: Mapping[str, Service], *, default: Dependents) -> list[Edge]:
    """Every prerequisite entry, by service, then by prerequisite. `default` is the settings' `operators.dependents`."""
    found = {
        (name, entry.service): (entry.dependents or default) is Dependents.REFRESH
        for name, service in services.items()
        for entry in service.prerequisites
    }
    return [
        Edge(name, needed, follows, needed in services) for (name, needed), follows in sorted(found.items())
    ]


def text(names: Iterable[str], edges: Iterable[Edge]) -> str:
    """One line to a service: `grafana <- prometheus, node-exporter (order only)`."""
    needs: dict[str, list[str]] = {name: [] for name in sorted(names)}
    for edge in edges:
        needs[edge.service].append(edge.prerequisite + _remark(edge))
    return "".join(
        f"{name} <- {', '.join(needed)}\n" if needed else f"{name}\n" for name, needed in needs.items()
    )


def dot(names: Iterable[str], edges: Iterable[Edge]) -> str:
    """For `dot -Tsvg`: arrows run from prerequisite to dependent, the way that changes travel."""
    lines = [f"  {_quoted(name)};" for name in sorted(names)]
    for edge in edges:
        style = "" if edge.follows else " [style=dashed]"
        lines.append(f"  {_quoted(edge.prerequisite)} -> {_quoted(edge.service)}{style};")
    return "\n".join(["digraph prerequisites {", "  rankdir=LR;", "  node [shape=box];", *lines, "}", ""])


def mermaid(names: Iterable[str], edges: Iterable[Edge]) -> str:
    """For Markdown pages: the same arrows; nodes get numbers, because Mermaid's ids allow few characters."""
    edges = [*edges]
    everyone = sorted({*names} | {edge.prerequisite for edge in edges})
    number = {name: f"s{index}" for index, name in enumerate(everyone)}
    lines = [f"  {number[name]}[{_quoted(name)}]" for name in everyone]
    for edge in edges:
        arrow = "-->" if edge.follows else "-.->"
        lines.append(f"  {number[edge.prerequisite]} {arrow} {number[edge.service]}")
    return "\n".join(["flowchart LR", *lines, ""])


def graph_document(names: Iterable[str], edges: Iterable[Edge]) -> dict[str, Any]:
    """The shape of `graph -o json` (docs/cli.md)."""
    return {
        "services": sorted(names),
        "edges": [
            {
                "service": edge.service,
                "prerequisite": edge.prerequisite,
                "dependents": str(Dependents.REFRESH if edge.follows else Dependents.IGNORE),
                "exists": edge.exists,
            }
            for edge in edges
        ],
    }


def _remark(edge: Edge) -> str:
    """What is special about an edge."""
    remarks = [] if edge.follows else ["order only"]
    remarks += [] if edge.exists else ["does not exist"]
    return f" ({', '.join(remarks)})" if remarks else ""


def _quoted(name: str) -> str:
    """Names are folder names, so quotes are possible, if unlikely."""
    return '"' + name.replace("\\", "\\\\").replace('"', "'") + '"'
