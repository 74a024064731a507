"""Looking back: whether processes that nobody could end are gone by now, so that their service may go on."""

import asyncio
from collections.abc import Iterable

from paiwatch.engine.state import Lingering
from paiwatch.operators import leftovers


async def find_gone(lingering: Iterable[Lingering]) -> frozenset[int]:
    """The runs of which nothing is there any more."""
    return frozenset([each.run for each in lingering if not await asyncio.to_thread(_is_there, each)])


def _is_there(run: Lingering) -> bool:
    return bool(leftovers.find(leftovers.trail_of(run.marker, run.identity)))
