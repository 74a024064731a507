"""Release: one service as it would run, and what its templates read. Values only. PURE."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from paiwatch.catalog.service import Service
from paiwatch.model.reads import Read
from paiwatch.problem import Problem, errors
from paiwatch.snapshot import Entry, Mode, Snapshot

__all__ = ["Desired", "Read", "Release", "ReleaseFile", "RenderedFiles", "Unrenderable"]


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """One file of the deploy folder as it would be run: `oid` is the git blob id of the bytes (or link target)."""

    mode: Mode
    oid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Immutable; named by `digest`, which covers every file's path, mode and bytes, and those of what it watches.

    `rendered` names the rendered files (as `files` does, relative to deploy/); all others are read from the snapshot by oid. A
    release has no bytes, as those of ten thousand would not fit in memory: `RenderedFiles` has them. `reads` is sorted and
    free of duplicates.
    `watched` are files outside deploy/ that the service declares as inputs, by path from the tree's root. `rules` are
    those it was rendered by (seal.py), "" when something is to be told of it that only rendering finds. `instead_of` is the
    digest of the release that the tree asks for, where this one stands in for it (a rollback); else "".
    """

    service: str
    digest: str
    files: Mapping[str, ReleaseFile]
    rendered: frozenset[str] = field(repr=False)
    reads: tuple[Read, ...] = field(default=(), repr=False)
    watched: Mapping[str, Entry] = field(default_factory=dict, repr=False)
    rules: str = field(default="", repr=False)
    instead_of: str = ""


@dataclass(frozen=True, slots=True)
class RenderedFiles:
    """A release with the bytes of its rendered files: what it takes to archive, stage or write it.

    `contents` has exactly the files that `release.rendered` names.
    """

    release: Release
    contents: Mapping[str, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unrenderable:
    """A service whose rendered files cannot be had, and the sentence that says why."""

    service: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """What one snapshot asks for: every service's release, or the problems that keep it from having one.

    `services` has all that parsed; `releases` those of them that rendered and are not invalid. A name in `invalid` exists
    in the tree but cannot run (its problems say why): its last applied release stays. A tree-wide problem (an
    error whose service is empty) makes every service invalid. `secrets` are values that no text may show.
    """

    snapshot: Snapshot
    services: Mapping[str, Service]
    releases: Mapping[str, Release]
    invalid: frozenset[str]
    problems: tuple[Problem, ...] = ()
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def is_broken(self) -> bool:
        """True when a problem concerns the whole tree: nothing may be planned from this, the last good state stays."""
        return any(not problem.service for problem in errors(self.problems))
