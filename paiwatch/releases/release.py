"""Release: one service as it would run, and what its templates read. Values only. PURE."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from paiwatch.catalog.service import Service
from paiwatch.problem import Problem
from paiwatch.snapshot import Mode, Snapshot


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """One file of the deploy folder as it would be run: `oid` is the git blob id of the bytes (or link target)."""

    mode: Mode
    oid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What one template saw at one place of the object model.

    `path` is the key path from cluster_cfg, e.g. ("grafana", "port"); `how` is value | missing | keys | length | subtree.
    `seen` is a digest of what was seen; `shown` is the value as people may see it: short scalars only, masked if secret.
    """

    template: str
    path: tuple[str | int, ...]
    how: str
    seen: str
    shown: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Immutable; named by `digest`, which covers every file's path, mode and bytes.

    `rendered` holds the bytes of rendered files only (keyed like `files`, relative to deploy/); all others are
    read from the snapshot by oid. `reads` is sorted and free of duplicates.
    """

    service: str
    digest: str
    files: Mapping[str, ReleaseFile]
    rendered: Mapping[str, bytes] = field(repr=False)
    reads: tuple[Read, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """What one snapshot asks for: every service's release, or the problems that keep it from having one.

    `services` has all that parsed; `releases` those that also rendered. A name in `invalid` exists in the tree but
    cannot run (its problems say why): its last applied release stays. `secrets` are values that no text may show.
    """

    snapshot: Snapshot
    services: Mapping[str, Service]
    releases: Mapping[str, Release]
    invalid: frozenset[str]
    problems: tuple[Problem, ...] = ()
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
