"""The release of every service, rendered again only where its own files changed or a read sees something else."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from types import MappingProxyType
from typing import Any

from paiwatch.catalog.catalog import Declared
from paiwatch.catalog.components import Deploy
from paiwatch.catalog.service import Service
from paiwatch.differing import differing, gathered, reindexed, renewed
from paiwatch.model.reads import TOP, Sight
from paiwatch.plan.applied import Memory
from paiwatch.problem import Problem
from paiwatch.releases.assemble import assemble, draft, included_oids, template_oids, watching
from paiwatch.releases.lint.lints import lint
from paiwatch.releases.release import Release
from paiwatch.releases.render import Renderer
from paiwatch.releases.seal import rules_of
from paiwatch.snapshot import Contents
from paiwatch.survey.components import Components
from paiwatch.survey.recall import recall

#: Services whose templates are in memory at once.
_BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one service, a release or problems, and the very objects it was made from."""

    declared: Declared
    deploy: Deploy
    release: Release | None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """By service, and what follows from that: releases, and the problems of those that have any.

    `readers` has, for each top-level section, the services that looked into it (TOP: at all of it). `components` are those
    that this was made from.
    """

    components: Components | None = None
    by_service: Mapping[str, Outcome] = field(default_factory=dict)
    releases: Mapping[str, Release] = field(default_factory=dict)
    failed: frozenset[str] = frozenset()  # have no release
    problems: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)
    readers: Mapping[Any, frozenset[str]] = field(default_factory=dict)


def survey_outcomes(
    components: Components,
    sight: Sight,
    changed: Iterable[Any],
    *,
    read: Contents,
    renderer: Renderer,
    before: Outcomes,
    memory: Memory = MappingProxyType({}),
) -> Outcomes:
    """The outcomes for this src tree and this cluster_cfg, whose sections `changed` since `before` was made.

    `memory` may save rendering those that `before` does not have; it never changes the result.
    """
    affected = _affected(before, components, sight, changed)
    wanted = {name for name in affected if components.catalog.is_valid(name)}
    fresh = dict(_recalled(wanted & memory.keys(), components, sight, memory=memory, renderer=renderer))
    fresh |= _fresh(sorted(wanted - fresh.keys()), components, sight, read=read, renderer=renderer)
    fresh |= _watching_others(affected, before, components)
    return _renewed(before, components, gone=affected - wanted, fresh=fresh)


def contents_of(service: Service, deploy: Deploy, read: Contents) -> Mapping[str, bytes]:
    """All texts that the templates of one service may ask for, by content id."""
    contents = dict(read(template_oids(service, deploy)))
    contents |= read(included_oids(service, deploy, contents) - contents.keys())
    return contents


def _affected(
    before: Outcomes, components: Components, sight: Sight, changed: Iterable[Any]
) -> frozenset[str]:
    """Services that came or went, whose own files changed, or that looked into a changed section and see something else."""
    known = before.components
    moved = set(differing(known.deploys if known else {}, components.deploys))
    moved.update(differing(known.catalog.services if known else {}, components.catalog.services))
    moved |= components.catalog.invalid ^ (known.catalog.invalid if known else frozenset())
    seen = _readers(changed, before.readers) - moved
    return frozenset(moved).union(name for name in seen if not _is_same(before.releases.get(name), sight))


def _readers(changed: Iterable[Any], readers: Mapping[Any, frozenset[str]]) -> frozenset[str]:
    """Services that looked into a changed section, or at everything."""
    sections = list(changed)
    if not sections:
        return frozenset()
    return frozenset().union(*(readers.get(section, frozenset()) for section in (*sections, TOP)))


def _is_same(release: Release | None, sight: Sight) -> bool:
    return release is not None and sight.same(release.reads)


def _watching_others(
    affected: Collection[str], before: Outcomes, components: Components
) -> Iterator[tuple[str, Outcome]]:
    """Those that watch other files than before: nothing is rendered again for that."""
    known = before.components.watched if before.components else {}
    for name in differing(known, components.watched):
        if name in before.by_service and name not in affected:
            outcome = before.by_service[name]
            if outcome.release is None:
                continue
            release = watching(outcome.release, components.watched.get(name, {}))
            if release is not outcome.release:
                yield name, replace(outcome, release=release)


def _renewed(
    before: Outcomes, components: Components, *, gone: Iterable[str], fresh: Mapping[str, Outcome]
) -> Outcomes:
    """With these in place of what was known of them, and without those gone: it costs no more than that."""
    replaced = [*gone, *fresh]
    old = {name: before.by_service[name] for name in replaced if name in before.by_service}
    releases = {name: one.release for name, one in fresh.items() if one.release is not None}
    problems = {name: one.problems for name, one in fresh.items() if one.problems}
    return Outcomes(
        components=components,
        by_service=renewed(before.by_service, replaced, fresh),
        releases=renewed(before.releases, replaced, releases),
        failed=before.failed.difference(replaced).union(fresh.keys() - releases.keys()),
        problems=renewed(before.problems, replaced, problems),
        readers=reindexed(before.readers, gathered(_looks(old)), gathered(_looks(fresh))),
    )


def _looks(outcomes: Mapping[str, Outcome]) -> Iterator[tuple[Any, str]]:
    """Section and service. One that failed has no reads that could vouch for it: it looked at all."""
    for name, outcome in outcomes.items():
        release = outcome.release
        if release is None:
            yield TOP, name
        else:
            yield from ((read.path[0] if read.path else TOP, name) for read in release.reads)


def _recalled(
    names: Iterable[str], components: Components, sight: Sight, *, memory: Memory, renderer: Renderer
) -> Iterator[tuple[str, Outcome]]:
    """Those that the record remembers just as they would be rendered."""
    for name in names:
        service, deploy = components.catalog.services[name], components.deploys[name]
        release = recall(service, deploy, memory[name], sight, renderer)
        if release is not None:
            release = watching(release, components.watched.get(name, {}))
            yield name, Outcome(declared=components.declared[name], deploy=deploy, release=release)


def _fresh(
    names: Iterable[str], components: Components, sight: Sight, *, read: Contents, renderer: Renderer
) -> Iterator[tuple[str, Outcome]]:
    for batch in _batches(names):
        services = {name: components.catalog.services[name] for name in batch}
        contents = _contents(services, components.deploys, read)
        for name, service in services.items():
            deploy = components.deploys[name]
            drafted = draft(service, deploy, contents=contents, sight=sight, renderer=renderer)
            found = assemble(drafted, sight, renderer.yaml, told=lint(drafted, sight, renderer))
            release = found.release
            if release is not None:
                release = watching(release, components.watched.get(name, {}))
                release = _ruled(service, release, found.problems, renderer)
            declared = components.declared[name]
            yield name, Outcome(declared=declared, deploy=deploy, release=release, problems=found.problems)


def _contents(
    services: Mapping[str, Service], deploys: Mapping[str, Deploy], read: Contents
) -> Mapping[str, bytes]:
    """All texts that these services may ask for: one read for the templates, one more if any includes others."""
    wanted = {oid for name, service in services.items() for oid in template_oids(service, deploys[name])}
    contents = dict(read(wanted))
    more = {
        oid for name, service in services.items() for oid in included_oids(service, deploys[name], contents)
    }
    if more - contents.keys():
        contents |= read(more - contents.keys())
    return contents


def _batches(names: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(names)
    while batch := list(islice(rest, _BATCH)):
        yield batch


def _ruled(service: Service, release: Release, problems: Collection[Problem], renderer: Renderer) -> Release:
    """With the rules in it, unless problems came with it: recalled, it would come without them."""
    return release if problems else replace(release, rules=rules_of(service, renderer))
