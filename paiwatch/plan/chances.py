"""Chances: what used up its retries and may be tried again, since something that it stands on was applied anew. PURE.

A failure is of this release *beside these prerequisites*. Compared with the record each time, so a crash in between changes nothing.
"""

from collections.abc import Iterable, Mapping

from paiwatch.plan.applied import Memory
from paiwatch.plan.target import Target

#: A service and the digest of its release.
Input = tuple[str, str]


def candidates(quarantined: Iterable[Input], target: Target) -> tuple[Input, ...]:
    """Those of which the release is still what is to run; one that a person went back from is not."""
    releases = target.releases
    return tuple(
        (name, digest) for name, digest in quarantined if name in releases and releases[name].digest == digest
    )


def new(last_runs: Mapping[Input, int], target: Target, memory: Memory) -> frozenset[Input]:
    """Those of which a direct prerequisite was applied after the last run. Versions and runs are numbers of one row."""
    return frozenset(
        (name, digest)
        for (name, digest), run in last_runs.items()
        if any(_version(edge.service, memory) > run for edge in target.services[name].prerequisites)
    )


def _version(name: str, memory: Memory) -> int:
    """0 where nothing is applied, or what really runs is unknown."""
    applied = memory.get(name)
    return 0 if applied is None or applied.touched else applied.version
