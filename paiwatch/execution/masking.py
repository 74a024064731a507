"""What keeps secrets out of texts that people may read: plans, messages, the output of scripts."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from paiwatch import private
from paiwatch.operators import output
from paiwatch.plan.plan import Plan, Reason
from paiwatch.scrub import Scrubber


class Masking:
    """`unmasked`: output of runs that were cut off, to be cut to `log_limit` bytes and masked once the secrets are known."""

    def __init__(self, scrubber: Scrubber, *, log_limit: int) -> None:
        self._scrubber = scrubber
        self._log_limit = log_limit
        self.unmasked: tuple[Path, ...] = ()

    async def hide(self, secrets: Iterable[str]) -> None:
        """Keep these values out of every text from now on."""
        await asyncio.to_thread(self._scrubber.register, secrets)
        waiting, self.unmasked = self.unmasked, ()
        for log in waiting:
            with suppress(OSError):  # never written, or the disk is full: it stays private to us all the same
                await asyncio.to_thread(self._mask, log)

    def _mask(self, log: Path) -> None:
        output.finish(log, self._log_limit, self.mask_output)
        private.sync_file(log)  # before the next run: after that, nobody looks at this output again

    async def secrets_in(self, contents: Iterable[bytes]) -> frozenset[str]:
        """The hidden values that these files contain."""
        texts = [content.decode(errors="surrogateescape") for content in contents]
        return await asyncio.to_thread(self._scrubber.values_in, texts)

    def without_secrets(self, plan: Plan) -> Plan:
        """The plan with reasons that everybody may read: masking by key cannot see a secret inside another key's value."""
        scrub = self._scrubber.scrub

        def hidden(reason: Reason) -> Reason:
            return replace(
                reason, detail=scrub(reason.detail), before=scrub(reason.before), after=scrub(reason.after)
            )

        steps = tuple(replace(step, reasons=tuple(map(hidden, step.reasons))) for step in plan.steps)
        return replace(plan, steps=steps)

    def mask_output(self, piece: bytes) -> bytes:
        """The same output with its secrets masked."""
        text = piece.decode("utf-8", "surrogateescape")
        return self._scrubber.scrub(text).encode("utf-8", "surrogateescape")
