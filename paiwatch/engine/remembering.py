"""Remembering: what the beginning and the end of a run make of a service's memory. PURE."""

from collections.abc import Iterable
from dataclasses import replace

from paiwatch.catalog.service import Operator, Service
from paiwatch.engine.state import Run
from paiwatch.plan.applied import Applied, Memory
from paiwatch.plan.plan import Kind, Step
from paiwatch.releases import seal
from paiwatch.releases.release import Desired, Release

_TEARDOWN = frozenset({Operator.STOP, Operator.DELETE})


def versions_of(memory: Memory, services: Iterable[str]) -> dict[str, int]:
    """The versions these services have now; 0 where nothing is applied."""
    return {name: memory[name].version if name in memory else 0 for name in services}


def leaves(before: Applied | None, step: Step) -> Applied | None:
    """The good release that this step is the first to leave; None when it leaves none."""
    return before if before is not None and is_good(before) and step.digest != before.digest else None


def is_good(applied: Applied) -> bool:
    """Whether what is applied can be gone back to: no other release has touched the service since."""
    return bool(applied.digest) and applied.archived == applied.digest


def left_for(fresh: Memory, memory: Memory) -> list[Applied]:
    """The good releases that these services have now and will not have when `fresh` is in their place."""
    known = (memory[name] for name in fresh if name in memory)
    return [before for before in known if is_good(before) and before.digest != fresh[before.service].digest]


def digests(memory: Iterable[Applied]) -> set[str]:
    """Of all releases that these services run, or may have been touched by."""
    return {digest for each in memory for digest in (each.digest, each.touched) if digest}


def touch(before: Applied | None, step: Step) -> Applied:
    """Memory once the run may have done something: whatever really runs now, its scripts are those of the step."""
    known = before or Applied(service=step.id.service)
    return replace(known, touched=step.digest, touched_by=step.id.operator, spec=step.spec)


def settle(
    now: Applied, run: Run, step: Step, release: Release | None, *, revisions: tuple[str, str], at: float
) -> Applied | None:
    """Memory after the run succeeded; None forgets the service. `release` None leaves files and reads as they are."""
    if not step.last:
        return now  # the stop of a restart: the service is down until its start succeeds
    if step.id.operator in _TEARDOWN:
        return _torn_down(run, step)
    return replace(
        now,
        digest=step.digest,
        touched="",
        touched_by=None,
        version=_next_version(run, step),
        prerequisites=run.versions,
        config=revisions[0],
        src=revisions[1],
        at=at,
        files=now.files if release is None else release.files,
        reads=now.reads if release is None else release.reads,
        watched=now.watched if release is None else release.watched,
        seal=now.seal if release is None else seal.seal(release),
    )


def _torn_down(run: Run, step: Step) -> Applied | None:
    """A removed service is forgotten. One stopped by a person is remembered as before; a hold keeps it down.

    Where the release was in doubt before (touched), it stays so: only a start brings the service up again.
    """
    before = run.before
    if step.kind is Kind.REMOVED or before is None:
        return None
    return replace(before, touched_by=step.id.operator) if before.touched else before


def _next_version(run: Run, step: Step) -> int:
    """Run numbers only grow, so a service that was forgotten and came back never repeats a version its dependents know."""
    before = run.before
    if step.kind is Kind.ASKED and before is not None and before.digest == step.digest:
        return before.version
    return max(run.number, before.version + 1 if before else 1)


def adopt(
    memory: Memory, desired: Desired, services: Iterable[str], *, version: int, at: float
) -> dict[str, Applied]:
    """These services once their present releases are declared applied, without a run; `version` is the least for what changes."""
    fresh: dict[str, Applied] = {}
    for name in services:
        known, release = memory.get(name), desired.releases[name]
        step_up = max(version, known.version + 1 if known else 1)
        fresh[name] = adopted(
            known, desired.services[name], release, version=step_up, revisions=desired.snapshot.ids, at=at
        )
    together = {**memory, **fresh}
    exist = desired.services.keys() | desired.invalid
    for name, each in fresh.items():
        needed = [edge.service for edge in desired.services[name].prerequisites if edge.service in exist]
        fresh[name] = replace(each, prerequisites=versions_of(together, needed))
    return fresh


def adopted(
    known: Applied | None,
    service: Service,
    release: Release,
    *,
    version: int,
    revisions: tuple[str, str],
    at: float,
) -> Applied:
    """Memory of one release that is declared applied. Prerequisites are filled in by the caller."""
    return Applied(
        service=service.name,
        digest=release.digest,
        version=known.version if known is not None and known.digest == release.digest else version,
        config=revisions[0],
        src=revisions[1],
        at=at,
        files=release.files,
        reads=release.reads,
        spec=service.spec,
        watched=release.watched,
        seal=seal.seal(release),
    )
