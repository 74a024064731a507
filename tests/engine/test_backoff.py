"""Backoff grows, is capped, and is the same each time."""

from hypothesis import given
from hypothesis import strategies as st

from paiwatch.catalog.service import Retries
from paiwatch.engine.backoff import delay

RETRIES = Retries(attempts=5, first=10.0, max=300.0)


@given(st.text(), st.text(), st.integers(1, 5000))
def test_a_rest_lies_between_half_and_all_of_its_step(service: str, digest: str, attempt: int) -> None:
    full = min(300.0, 10.0 * 2 ** min(attempt - 1, 20))

    rest = delay(service, digest, attempt, RETRIES)

    assert full / 2 <= rest <= full
    assert delay(service, digest, attempt, RETRIES) == rest


def test_services_that_failed_together_rest_differently() -> None:
    assert len({delay(f"s{number}", "d", 1, RETRIES) for number in range(100)}) == 100
