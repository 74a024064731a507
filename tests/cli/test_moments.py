"""Moments of the past as people write them."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest

from paiwatch.cli import moments

ZONE = timezone(timedelta(hours=2))
NOW = datetime(2026, 11, 22, 3, 15, tzinfo=ZONE)


@pytest.fixture(autouse=True)
def _zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two hours east of Greenwich."""
    monkeypatch.setenv("TZ", "XXX-2")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("10m", NOW - timedelta(minutes=10)),
        ("2h", NOW - timedelta(hours=2)),
        ("1.5h", NOW - timedelta(minutes=90)),
        ("3d", NOW - timedelta(days=3)),
        ("2w", NOW - timedelta(weeks=2)),
        ("30 s ago", NOW - timedelta(seconds=30)),
        ("5 min ago", NOW - timedelta(minutes=5)),
        ("1 Hour ago", NOW - timedelta(hours=1)),
        ("2 days", NOW - timedelta(days=2)),
        ("today", datetime(2026, 11, 22, tzinfo=ZONE)),
        ("yesterday", datetime(2026, 11, 21, tzinfo=ZONE)),
        ("02:15", datetime(2026, 11, 22, 2, 15, tzinfo=ZONE)),
        ("2:15:30", datetime(2026, 11, 22, 2, 15, 30, tzinfo=ZONE)),
        ("23:50", datetime(2026, 11, 21, 23, 50, tzinfo=ZONE)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=ZONE)),
        ("2026-11-20 21:30", datetime(2026, 11, 20, 21, 30, tzinfo=ZONE)),
        ("2026-11-20T21:30:00.250Z", datetime(2026, 11, 20, 23, 30, 0, 250_000, tzinfo=ZONE)),
        ("2026-11-20T21:30:00-05:00", datetime(2026, 11, 21, 4, 30, tzinfo=ZONE)),
    ],
)
def test_what_people_write_is_understood(text: str, meant: datetime) -> None:
    assert moments.parse(text, now=NOW.timestamp()) == pytest.approx(meant.timestamp(), abs=0.001)


@pytest.mark.parametrize(
    "text", ["", "junk", "10x", "-5m", "25:00", "2:99", "2026-13-01", "0001-01-01", "9" * 30 + "d"]
)
def test_anything_else_is_refused_with_what_may_be_written(text: str) -> None:
    with pytest.raises(ValueError, match=r"has not come yet|write a number of an event"):
        moments.parse(text, now=NOW.timestamp())


def test_the_future_is_refused() -> None:
    with pytest.raises(ValueError, match="has not come yet"):
        moments.parse("2026-11-23", now=NOW.timestamp())
