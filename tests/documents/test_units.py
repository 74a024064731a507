"""Durations, sizes and limits."""

import pytest

from paiwatch.documents.units import Limit, parse_duration, parse_limit, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("10s", 10),
        ("1.5m", 90),
        ("2h", 7200),
        ("1d", 86400),
        (30, 30),
        (0.25, 0.25),
        ("0s", 0),
    ],
)
def test_durations_are_seconds(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "10", "10 s", "s", "-1s", "1w", True, None, [], "1e3s", "1" * 40 + "s", "１s"]
)
def test_anything_else_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match="500ms, 10s, 5m, 2h or 1d"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"), [("64KiB", 65536), ("10MiB", 10485760), ("1GiB", 1073741824), (5, 5)]
)
def test_sizes_are_bytes(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "10", "10MB", "1.5MiB", 1.5, True, None])
def test_anything_else_is_no_size(text: object) -> None:
    with pytest.raises(ValueError, match="64KiB, 10MiB or 1GiB"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        (0, Limit(0), "0"),
        (5, Limit(5), "5"),
        ("50%", Limit(percent=50), "50%"),
        ("12.5%", Limit(percent=12.5), "12.5%"),
    ],
)
def test_limits_are_numbers_or_shares(text: object, limit: Limit, shown: str) -> None:
    assert parse_limit(text) == parse_limit(limit) == limit
    assert str(limit) == shown


@pytest.mark.parametrize("text", ["", "5", "%", "101%", "-1%", -1, True, None, 0.5, [], "50 %", "٥%"])
def test_anything_else_is_no_limit(text: object) -> None:
    with pytest.raises(ValueError, match="such as 5, or a share"):
        parse_limit(text)
