"""Fixtures for tests with a real daemon."""

from collections.abc import Iterator

import pytest

from tests.e2e.nursery import Nursery


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Daemons without the half second that it takes to load one."""
    nursery = Nursery()
    yield nursery
    nursery.close()
