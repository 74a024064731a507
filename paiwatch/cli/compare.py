"""Two snapshots compared, whatever was applied: the plan that would lead from one to the other. Needs no record, writes nothing."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

from paiwatch.cli import deploys, view
from paiwatch.cli.progress import working
from paiwatch.cli.view import Revisions, View
from paiwatch.daemon.composition import policy_of, survey_of
from paiwatch.errors import ConfigError
from paiwatch.plan.build import build
from paiwatch.plan.supposed import suppose
from paiwatch.plan.target import make_target
from paiwatch.problem import errors
from paiwatch.record.archive import Files
from paiwatch.releases.release import Desired
from paiwatch.scrub import Scrubber
from paiwatch.settings.sections import Settings
from paiwatch.snapshot import Snapshot
from paiwatch.sources.observation import Observation
from paiwatch.sources.sources import Sources
from paiwatch.survey.rendering import Rendering, expect


@contextmanager
def between(settings: Settings, before: Revisions, after: Revisions) -> Iterator[View]:
    """The view of `after` as if all of `before` had been applied.

    Raises ConfigError for a revision that is none, or when nothing can be planned from `before`; else as `view.look`.
    """
    with view.opened(settings) as sources:
        with working("reading config and src"):
            then, now = asyncio.run(_observations(sources, before, after))
        old, new = then.snapshot, now.snapshot
        survey = survey_of(settings)
        supposed = view.survey_at(survey, sources, old)
        _check(supposed)
        policy = policy_of(settings)
        memory = suppose(supposed, policy)
        desired = view.survey_at(survey, sources, new)
        target = make_target(desired, memory)
        yield View(
            target=target,
            memory=memory,
            holds={},
            plan=build(target, memory, policy),
            survey=survey,
            rendering=survey.rendering,
            sources=sources,
            old=_rendered(settings, sources, old),
            scrubber=Scrubber(supposed.secrets | desired.secrets),
            left_out=(*now.problems, *then.problems),
            refused=frozenset({*now.refusals, *then.refusals}),
        )


async def _observations(
    sources: Sources, before: Revisions, after: Revisions
) -> tuple[Observation, Observation]:
    """Both; a source left out on both sides is the very same tree in them, also while somebody pushes."""
    now = await sources.look(config_rev=after.config, src_rev=after.src)
    then = await sources.look(now.snapshot, config_rev=before.config, src_rev=before.src)
    old = then.snapshot
    if before.config == after.config:
        old = replace(old, config=now.snapshot.config)
    if before.src == after.src:
        old = replace(old, src=now.snapshot.src)
    return replace(then, snapshot=old), now


def _check(supposed: Desired) -> None:
    """Nobody could have applied a tree that is broken as a whole."""
    if supposed.is_broken:
        config, src = supposed.snapshot.ids
        raise ConfigError(
            f"nothing can have been applied of config {config[:8]} and src {src[:8]}; compare with another revision",
            errors(supposed.problems),
        )


def _rendered(settings: Settings, sources: Sources, old: Snapshot) -> Callable[[str], Files]:
    """Files of the older snapshot, rendered by a survey of its own when somebody asks."""

    @cache
    def surveyed() -> tuple[Desired, Rendering]:
        survey = survey_of(settings)
        return view.survey_at(survey, sources, old), survey.rendering

    def files(service: str) -> Files:
        desired, rendering = surveyed()
        if service not in desired.releases:
            return {}
        return deploys.contents(expect(rendering.render(service)), sources.read_src)

    return files
