"""Times read well, and never lie about the future."""

import pytest

from paiwatch.report import times


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5.0, "just now"),
        (0.2, "just now"),
        (2.34, "2.3 s ago"),
        (59.9, "59 s ago"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (90000, "1 d ago"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(seconds: float, expected: str) -> None:
    assert times.ago(1_000_000.0 - seconds, 1_000_000.0) == expected


def test_moments_are_utc_with_a_z() -> None:
    assert times.iso(1_700_000_000.25) == "2023-11-14T22:13:20.250Z"


@pytest.mark.parametrize("at", [None, 0.0])
def test_what_has_not_happened_has_no_time(at: float | None) -> None:
    assert times.iso_or_none(at) is None
