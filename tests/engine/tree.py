"""What people commit to the trees of a simulated world."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field

from paiwatch.catalog.service import OnInterruption, Operator, Prerequisite, Retries, Service
from paiwatch.releases.release import Desired
from tests.builders import a_desired, a_service, a_snapshot


@dataclass
class Tree:
    """What people commit."""

    services: dict[str, Service] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    invalid: set[str] = field(default_factory=set)
    commits: int = 0

    def desired(self) -> Desired:
        """What the newest commit asks for."""
        texts = {
            name: f"{service.scripts} {service.prerequisites} {self.texts[name]}"
            for name, service in self.services.items()
        }
        snapshot = a_snapshot(config=f"{self.commits:040}")
        invalid = self.invalid & set(self.services)
        return a_desired(*self.services.values(), texts=texts, invalid=invalid, snapshot=snapshot)


RETRIES = Retries(attempts=3, first=4.0, max=30.0)


def a_random_service(chance: random.Random, name: str, earlier: Iterable[str]) -> Service:
    """With some scripts, and prerequisites among the earlier ones (also some that do not exist)."""
    extra = [verb for verb in (Operator.STOP, Operator.REFRESH, Operator.DELETE) if chance.random() < 0.75]
    edges = tuple(Prerequisite(service=other) for other in earlier if chance.random() < 0.3)
    return a_service(
        name,
        needs=edges,
        scripts={verb: f"{verb}.sh" for verb in (Operator.START, *extra)},
        retries=RETRIES,
        interrupted=chance.choice((None, None, None, OnInterruption.HOLD)),
    )
