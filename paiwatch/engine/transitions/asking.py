"""Asking for a plan: the state is compared with the world again, off the loop. Nothing begins before the answer."""

from collections.abc import Mapping
from dataclasses import replace

from paiwatch.engine.draft import Draft
from paiwatch.engine.events import Commanded
from paiwatch.engine.state import Ask
from paiwatch.engine.transitions import failures
from paiwatch.news import RollbackEnded
from paiwatch.plan import pins


def ask(
    draft: Draft,
    *,
    anew: bool = False,
    back: frozenset[str] = frozenset(),
    by: Commanded | None = None,
    reply: Mapping[str, object] | None = None,
    answer: tuple[int, Mapping[str, object]] | None = None,
) -> None:
    """Have a plan made: see Ask. Where none can be made now, what waits only for its being in force is answered at once."""
    can_plan = (
        draft.desired is not None and not draft.is_draining and (draft.rules.converges or by is not None)
    )
    if not can_plan:
        if answer is not None:
            draft.answer(*answer)
        return
    end_void(draft)
    failures.give_new_chances(draft)
    known = draft.asked or Ask()
    draft.asked = replace(
        known,
        anew=known.anew or anew,
        back=known.back | back,
        by=by or known.by,
        reply=known.reply if reply is None else reply,
        answers=known.answers if answer is None else (*known.answers, answer),
    )
    draft.needs_plan = True


def end_void(draft: Draft) -> None:
    """End the rollbacks of services for which the tree asks for something else now."""
    if draft.desired is not None:
        end_rollbacks(draft, pins.void(draft.desired, draft.applied.value))


def end_rollbacks(draft: Draft, ended: Mapping[str, str]) -> None:
    """These run again what the tree asks for; each with why."""
    for service, because in sorted(ended.items()):
        draft.unpin(service)
        draft.tell(RollbackEnded(service=service, because=because))
