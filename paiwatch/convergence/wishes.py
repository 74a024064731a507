"""Wishes: what people asked for, until each has its answer. PURE state; the decider's task keeps it."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from paiwatch.convergence.board import Board, Standing
from paiwatch.plan import build
from paiwatch.plan.applied import Memory
from paiwatch.plan.plan import Plan, Step, StepId
from paiwatch.plan.target import Target

#: Makes the plan for these services of a wish anew, as the trees and the record are now.
Make = Callable[[Collection[str], Target, Memory], Plan]

#: Whether a step of the plan in force is one that a wish made: the trees may ask for a step of the same name.
Belongs = Callable[[Step], bool]


@dataclass(slots=True)
class Wish:
    """One request: its steps that have no outcome yet, and who is told whether all succeeded."""

    make: Make
    belongs: Belongs
    pending: set[StepId]
    answer: Callable[[bool], None]
    succeeded: bool = True

    def settle(self, board: Board) -> bool:
        """Take in where the steps stand; whether all have their outcome. One that is not on the board was given up."""
        over = {step for step in self.pending if self._is_over(step, board)}
        self.pending -= over
        self.succeeded &= all(board.standing.get(step) is Standing.SUCCEEDED for step in over)
        return not self.pending

    def _is_over(self, step: StepId, board: Board) -> bool:
        found = board.steps.get(step)
        return found is None or not self.belongs(found) or board.is_final(step)


class Wishes:
    """The open ones, oldest first. A newer wish takes the place of an older one, but for the steps that both name."""

    def __init__(self) -> None:
        self._open: list[Wish] = []

    def add(self, wish: Wish) -> None:
        """From now on somebody waits for it; `settle` answers."""
        self._open.append(wish)

    def take_back(self) -> None:
        """Nobody waits for the newest one any more: it was refused."""
        self._open.pop()

    def rest(self, target: Target, memory: Memory) -> Plan | None:
        """What is still to be done of the newest wish, as the trees are now; None when nobody waits."""
        if not self._open:
            return None
        wish = self._open[-1]
        left = {step.service for step in wish.pending} & {*target.services, *target.invalid, *memory}
        if not left:  # to name nobody might be to ask for all
            return build.assemble(target, (), ())
        plan = wish.make(sorted(left), target, memory)
        wish.pending |= {step.id for step in plan.steps}
        return plan

    def settle(self, board: Board) -> bool:
        """Answer those of which every step has its outcome on the board of the plan in force; whether there was one."""
        over = [wish for wish in self._open if wish.settle(board)]
        self._open = [wish for wish in self._open if wish not in over]
        for wish in over:
            wish.answer(wish.succeeded)
        return bool(over)
