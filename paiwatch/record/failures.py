"""The failures in a row that the record knows, in memory and in its file: `failing` says what becomes of them."""

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from paiwatch.record import failing
from paiwatch.record.rows import FailureRow

if TYPE_CHECKING:
    from paiwatch.record.ledger import Ledger

#: A service and the digest of its release.
_Key = tuple[str, str]


class Failures:
    """Nobody else changes them. What is durable with something else (the end of a run) is written there and told here."""

    def __init__(self, ledger: "Ledger") -> None:
        self._ledger = ledger
        self._rows = ledger.known.failures()

    def all(self) -> Mapping[_Key, FailureRow]:
        """By service and release digest; does not change afterwards."""
        return dict(self._rows)

    def known(self, service: str, digest: str) -> FailureRow | None:
        """Those of one release."""
        return self._rows.get((service, digest))

    def quarantine(self, service: str, digest: str, *, attempts: int, at: float, note: str = "") -> None:
        """Retries are used up: this release waits for a person. `note` says what else there is to know."""
        known = self.known(service, digest)
        because = "; ".join(filter(None, (known.because if known else "", note)))
        failure = failing.quarantined(known, service, digest, at=at, because=because, attempts=attempts)
        self._ledger.put_failure(failure)
        self.note(failure)

    def forgive(self, services: Iterable[str] = ()) -> None:
        """Forget failures and quarantine of these services, or of all when empty: they may be tried at once."""
        chosen = frozenset(services) or frozenset(service for service, _ in self._rows)
        self._ledger.drop_failures(chosen)
        self.drop(chosen)

    def forgive_inputs(self, inputs: Collection[_Key]) -> None:
        """Forget failures and quarantine of these services' releases."""
        self._ledger.drop_inputs(inputs)
        self.drop_inputs(inputs)

    def note(self, failure: FailureRow) -> None:
        """What is written down now."""
        self._rows[failure.service, failure.digest] = failure

    def drop(self, services: Iterable[str]) -> None:
        """Those of these services are gone from the file."""
        gone = frozenset(services)
        self._rows = {key: row for key, row in self._rows.items() if key[0] not in gone}

    def drop_inputs(self, inputs: Collection[_Key]) -> None:
        """Those of these releases are gone from the file."""
        self._rows = {key: row for key, row in self._rows.items() if key not in inputs}
