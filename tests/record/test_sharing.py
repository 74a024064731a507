"""Rows that are read together share what is equal in them, and never what only looks equal."""

from paiwatch.record.applied_rows import applied_from_row, applied_to_row
from paiwatch.record.sharing import Sharing
from tests.builders import a_read, a_release, an_applied


def test_two_rows_share_their_files_reads_and_scripts() -> None:
    applied = an_applied(a_release("grafana", {"start.sh": "x"}, reads=[a_read("grafana.port", 3000)]))
    rows = [{**applied_to_row(applied), "service": name} for name in ("grafana", "prometheus")]
    sharing = Sharing()

    one, other = (applied_from_row(row, sharing) for row in rows)

    assert one.files
    assert one.reads
    assert all(other.files[path] is file for path, file in one.files.items())
    assert all(first is second for first, second in zip(one.reads, other.reads, strict=True))
    assert one.spec.scripts is other.spec.scripts
    assert one.spec.retries is other.spec.retries


def test_equal_values_of_another_kind_stay_what_they_are() -> None:
    sharing = Sharing()

    assert sharing.same({"a": 1}) is sharing.same({"a": 1})
    assert sharing.same({"a": 1}) is not sharing.same({"b": 1})
    kinds = [type(sharing.one(value)) for value in (1, 1.0, True, "1")]

    assert kinds == [int, float, bool, str]


def test_the_same_text_read_for_two_purposes_is_two_values() -> None:
    sharing = Sharing()

    assert (sharing.parsed("[1]", list), sharing.parsed("[1]", tuple)) == ([1], (1,))
