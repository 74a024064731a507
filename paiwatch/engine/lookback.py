"""Looking back: whether processes that nobody could end are gone by now, so that their service may go on."""

import asyncio
from functools import partial

from paiwatch.engine.writer import Writer
from paiwatch.operators import leftovers
from paiwatch.record.rows import Unfinished
from paiwatch.record.store import Record


async def forget_gone(record: Record, writer: Writer) -> bool:
    """Forget those of which nothing is there any more; whether there were any. Raises StoreError."""
    gone = [each.run.run for each in record.lingering.all if not await asyncio.to_thread(_is_there, each.run)]
    for run in gone:
        await writer.do(partial(record.lingering.gone, run))
    return bool(gone)


def _is_there(run: Unfinished) -> bool:
    return bool(leftovers.find(leftovers.trail_of(run.marker, run.identity)))
