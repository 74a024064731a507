"""Whatever these tests make the record execute must be SQL that PostgreSQL has, too. They execute every statement there is."""

from collections.abc import Iterator

import pytest

from tests.record import postgresql


@pytest.fixture(autouse=True)
def spelled_for_postgresql() -> Iterator[list[str]]:
    """What was executed so far."""
    with postgresql.spelling() as spelled:
        yield spelled
