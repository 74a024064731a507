"""Blobs read lately: right answers, few questions, bounded memory."""

from collections.abc import Iterable, Mapping

from hypothesis import given
from hypothesis import strategies as st

from paiwatch.sources.blobs import Blobs


class Shelf:
    """Has every blob, and counts what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def fetch(self, oids: Iterable[str]) -> Mapping[str, bytes]:
        wanted = list(oids)
        self.asked += wanted
        return {oid: oid.encode() * int(oid) for oid in wanted}


@given(st.lists(st.lists(st.integers(1, 30).map(str), max_size=8), max_size=30), st.integers(0, 200))
def test_answers_are_those_of_the_shelf_whatever_is_remembered(
    questions: list[list[str]], limit: int
) -> None:
    blobs, shelf = Blobs(limit), Shelf()

    for oids in questions:
        assert blobs.read(oids, shelf.fetch) == Shelf().fetch(dict.fromkeys(oids))


def test_what_is_remembered_is_not_asked_for_again() -> None:
    blobs, shelf = Blobs(1000), Shelf()

    blobs.read(["1", "2"], shelf.fetch)
    blobs.read(["2", "3"], shelf.fetch)

    assert shelf.asked == ["1", "2", "3"]


def test_the_one_used_longest_ago_goes_first() -> None:
    blobs, shelf = Blobs(20), Shelf()

    for oids in (["9"], ["8"], ["9"], ["7"], ["9"], ["8"]):
        blobs.read(oids, shelf.fetch)

    assert shelf.asked == ["9", "8", "7", "8"]


def test_a_large_blob_is_not_remembered() -> None:
    blobs = Blobs(10**6)
    large = b"x" * 300_000
    asked = []

    def fetch(oids: Iterable[str]) -> Mapping[str, bytes]:
        asked.append(tuple(oids))
        return dict.fromkeys(asked[-1], large)

    blobs.read(["1"], fetch)
    blobs.read(["1"], fetch)

    assert asked == [("1",), ("1",)]
