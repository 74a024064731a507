"""deploy-rules: node labels of service.yaml become the nodeAffinity of the workloads that a service renders. PURE.

The rules are paictl's, and so is the text where paictl has one; where it fails or throws affinity away, this goes on. YAML
itself comes from outside, as two functions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Rules = Sequence[Mapping[str, str]]

#: Kinds of workloads that paictl places.
_KINDS = frozenset({"DaemonSet", "Deployment", "StatefulSet", "Pod"})
_OPERATORS = {"in": "In", "notin": "NotIn"}
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_TERMS = "nodeSelectorTerms"


@dataclass(frozen=True, slots=True)
class Yaml:
    """How YAML is read (all documents; raises `bad`, whose `line` tells where) and written (one document)."""

    load_all: Callable[[str], list[Any]]
    dump: Callable[[Any], str]
    bad: type[ValueError]
    version: str = ""  # of the library behind them


class MisshapenError(ValueError):
    """A workload without the place where affinity belongs; says which."""


def is_placed(target: str) -> bool:
    """Whether rules apply to this rendered file, by its path: paictl looks for the two words anywhere in it."""
    return "yaml" in target and "delete" not in target


def placed(text: str, rules: Rules, yaml: Yaml) -> str:
    """The text with every workload bound to the nodes of the rules; text without workloads stays as it is.

    Raises `yaml.bad` for text that is no YAML, and MisshapenError.
    """
    documents = [document for document in yaml.load_all(text) if document is not None]
    workloads = [document for document in documents if _is_workload(document)]
    if not workloads:
        return text
    for workload in workloads:
        if rules:
            _place(workload, [expression for rule in rules for expression in _expressions(rule)])
    return "---\n".join(yaml.dump(document) for document in documents)


def _is_workload(document: Any) -> bool:
    return isinstance(document, dict) and isinstance(document.get("kind"), str) and document["kind"] in _KINDS


def _expressions(rule: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {"operator": _OPERATORS[word.lower()], "key": label, "values": ["true"]}
        for word, label in rule.items()
        if word.lower() in _OPERATORS
    ]


def _place(workload: dict[str, Any], expressions: list[dict[str, Any]]) -> None:
    """Every term that was there must hold together with the rules; without one the rules are the only term."""
    way = ("spec",) if workload["kind"] == "Pod" else ("spec", "template", "spec")
    affinity = _below(_walk(workload, way), "affinity")
    node_affinity = _below(affinity, "nodeAffinity")
    required = _below(node_affinity, _REQUIRED)
    terms = required.get(_TERMS)
    if isinstance(terms, list) and terms:
        required[_TERMS] = [_joined(term, expressions) for term in terms]
    else:
        required[_TERMS] = [{"matchExpressions": expressions}]


def _walk(value: Any, way: Sequence[str]) -> dict[str, Any]:
    for key in way:
        value = value.get(key) if isinstance(value, dict) else None
    if not isinstance(value, dict):
        raise MisshapenError(f"has no {'.'.join(way)}")
    return value


def _below(value: dict[str, Any], key: str) -> dict[str, Any]:
    """The mapping at this key, made if there is none; a new one where an alias may share the old one."""
    found = value.get(key)
    value[key] = dict(found) if isinstance(found, dict) else {}
    below: dict[str, Any] = value[key]
    return below


def _joined(term: Any, expressions: list[dict[str, Any]]) -> dict[str, Any]:
    own = term if isinstance(term, dict) else {}
    return {**own, "matchExpressions": [*(own.get("matchExpressions") or []), *expressions]}
