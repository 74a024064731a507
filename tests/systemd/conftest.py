"""The lab fixture: one real systemd for the whole session, always torn down."""

from collections.abc import Iterator

import pytest

from tests.systemd.lab import Lab, reason_against


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A booted systemd; tests that use it are marked `systemd` and share one xdist group."""
    if reason := reason_against():
        pytest.skip(reason)
    made = Lab(tmp_path_factory.mktemp("lab"))
    try:
        made.up()
        yield made
    finally:
        made.down()
