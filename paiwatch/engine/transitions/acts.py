"""Acts: what people do is told for good, with their names."""

from collections.abc import Iterable

from paiwatch.engine.commands import RewriteAccepted, Service
from paiwatch.engine.draft import Draft
from paiwatch.engine.events import Commanded
from paiwatch.news import CommandGiven


def tell(draft: Draft, event: Commanded, services: Iterable[str]) -> None:
    """Somebody asked for this, and it is done or under way: who, for which services, and why."""
    command = event.command
    rewrite = command if isinstance(command, RewriteAccepted) else None
    draft.tell(
        CommandGiven(
            verb="accept-rewrite" if rewrite else type(command).__name__.lower(),
            services=tuple(sorted(services)),
            reason=command.reason,
            principal=event.principal,
            operator=str(command.operator) if isinstance(command, Service) else "",
            source=rewrite.source if rewrite else "",
            commit=rewrite.commit if rewrite else "",
        )
    )
