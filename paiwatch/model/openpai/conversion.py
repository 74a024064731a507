"""Services configurations written for old OpenPAI releases, in today's form. PURE.

The moves are paictl's; what it drops without a word is told here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from paiwatch.model.reads import KeyPath

#: Old place and new place.
_MOVES: tuple[tuple[str, str], ...] = (
    ("drivers", "drivers"),
    ("webportal", "webportal"),
    ("pylon", "pylon"),
    ("cluster.cluster-id", "cluster.common.cluster-id"),
    ("cluster.data-path", "cluster.common.data-path"),
    ("cluster.docker-registry-info.docker-namespace", "cluster.docker-registry.namespace"),
    ("cluster.docker-registry-info.docker-registry-domain", "cluster.docker-registry.domain"),
    ("cluster.docker-registry-info.docker-username", "cluster.docker-registry.username"),
    ("cluster.docker-registry-info.docker-password", "cluster.docker-registry.password"),
    ("cluster.docker-registry-info.docker-tag", "cluster.docker-registry.tag"),
    ("cluster.docker-registry-info.secret-name", "cluster.docker-registry.secret-name"),
    ("restserver", "rest-server"),
    ("frameworklauncher", "yarn-frameworklauncher"),
    ("hadoop.virtualClusters", "hadoop-resource-manager.virtualClusters"),
    ("prometheus.yarn_exporter_port", "hadoop-resource-manager.yarn_exporter_port"),
    ("prometheus.prometheus-port", "prometheus.port"),
    ("prometheus.scrape_interval", "prometheus.scrape_interval"),
    ("prometheus.alerting.alert_receiver", "alert-manager.receiver"),
    ("prometheus.alerting.alert_manager_port", "alert-manager.port"),
    ("prometheus.alerting.smtp_url", "alert-manager.smtp_url"),
    ("prometheus.alerting.smtp_from", "alert-manager.smtp_from"),
    ("prometheus.alerting.smtp_auth_username", "alert-manager.smtp_auth_username"),
    ("prometheus.alerting.smtp_auth_password", "alert-manager.smtp_auth_password"),
    ("grafana.grafana-port", "grafana.port"),
    ("prometheus.node-exporter-port", "node-exporter.port"),
)

_TYPE: KeyPath = ("cluster", "common", "cluster-type")


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """`sections` in today's form; `origins` has where each moved place was; `dropped` what has no place any more."""

    sections: Mapping[str, Any]
    is_old: bool = False
    origins: Mapping[KeyPath, KeyPath] | None = None
    dropped: tuple[KeyPath, ...] = ()

    def origin(self, path: KeyPath) -> KeyPath:
        """Where the file has what lies at this place."""
        for new, old in (self.origins or {}).items():
            if path[: len(new)] == new:
                return (*old, *path[len(new) :])
        return path


def convert(services: Mapping[Any, Any]) -> Converted:
    """The services configuration in today's form. The given one is not changed, and what is not moved is shared with it."""
    if is_current(services):
        return Converted(sections=_with_type(dict(services)))
    sections: dict[str, Any] = {}
    origins: dict[KeyPath, KeyPath] = {}
    for before, after in _MOVES:
        old, new = tuple(before.split(".")), tuple(after.split("."))
        found, value = _find(services, old)
        if found:
            _put(sections, new, value)
            origins[new] = old
    dropped = tuple(_unmoved(services, set(origins.values())))
    return Converted(sections=_with_type(sections), is_old=True, origins=origins, dropped=dropped)


def is_current(services: Mapping[Any, Any]) -> bool:
    """Today's form has a section rest-server and none that is called hadoop."""
    return "hadoop" not in services and "rest-server" in services


def _with_type(sections: dict[str, Any]) -> dict[str, Any]:
    """Today's form with the kind of cluster filled in; a section that is empty counts as absent."""
    cluster = sections.get("cluster")
    common = cluster.get("common") if isinstance(cluster, dict) else None
    if isinstance(common, dict) and "cluster-type" in common:
        return sections
    if cluster is not None and not isinstance(cluster, dict):
        return sections
    if common is not None and not isinstance(common, dict):
        return sections
    sections["cluster"] = {**(cluster or {}), "common": {**(common or {}), "cluster-type": "k8s"}}
    return sections


def _find(value: Any, path: KeyPath) -> tuple[bool, Any]:
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return False, None
        value = value[key]
    return True, value


def _put(sections: dict[str, Any], path: KeyPath, value: Any) -> None:
    for key in path[:-1]:
        below = sections.get(str(key))
        if not isinstance(below, dict):
            below = sections[str(key)] = {}
        sections = below
    sections[str(path[-1])] = value


def _unmoved(value: Any, moved: set[KeyPath], path: KeyPath = ()) -> Iterator[KeyPath]:
    """The highest places of which nothing was moved."""
    if path in moved:
        return
    if isinstance(value, dict) and any(one[: len(path)] == path for one in moved):
        for key, below in value.items():
            yield from _unmoved(below, moved, (*path, key))
    elif path:
        yield path
    else:
        yield from ((key,) for key in value)
