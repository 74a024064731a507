"""The planning lane: plans and renders beside the event loop, one plan after the other.

A plan is made from an immutable state; that it may be out of date when it is there is the engine's matter.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from paiwatch.engine.proposal import Proposal
from paiwatch.engine.propose import propose
from paiwatch.engine.state import State
from paiwatch.errors import StalledError, StoreError, TransientError
from paiwatch.plan.build import Planner
from paiwatch.plan.plan import Plan
from paiwatch.plan.policy import Policy
from paiwatch.releases.release import Desired, RenderedFiles

T = TypeVar("T")

#: Renders these services as the look saw them that gave this Desired; blocks, from any thread.
Render = Callable[[Desired, Iterable[str]], Mapping[str, RenderedFiles]]


class PlanningLane:
    """Owns one thread. `mask` takes secrets out of a plan's reasons: everybody may read those."""

    def __init__(self, policy: Policy, *, mask: Callable[[Plan], Plan], render: Render) -> None:
        self._planner = Planner(policy)
        self._mask = mask
        self._render = render
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="planning")

    async def make(self, state: State) -> Proposal:
        """What is to be done now. Raises StoreError where the trees cannot be read for it, which may pass."""
        return await self._apart(lambda: self._make(state))

    async def render(self, desired: Desired, services: Iterable[str]) -> tuple[RenderedFiles, ...]:
        """The rendered files of these services."""
        return tuple((await self._apart(lambda: self._render(desired, services))).values())

    def stop(self) -> None:
        """Give the thread back."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _make(self, state: State) -> Proposal:
        proposal = propose(state, self._planner.plan)
        if proposal.chosen is None or state.desired is None:
            return proposal
        chosen = self._mask(proposal.chosen)
        of_tree = sorted(name for name, release in chosen.releases.items() if not release.instead_of)
        try:
            rendered = self._render(state.desired, of_tree)
        except (TransientError, StalledError) as fault:
            raise StoreError(str(fault)) from fault
        return replace(proposal, chosen=chosen, rendered=rendered)

    async def _apart(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
