"""Past runs, as a list for programs and as rows for people."""

from paiwatch.domain.run import Outcome
from paiwatch.plan.plan import Reason
from paiwatch.report import runs
from tests.report.builders import a_run


def test_a_run_that_goes_on_has_no_end_and_is_called_running() -> None:
    document = runs.run_document(a_run(None, exit=None))

    assert document["outcome"] == "running"
    assert document["ended"] is None
    assert document["exit"] is None


def test_rows_tell_how_long_ago_how_long_and_why() -> None:
    reasons = (Reason(kind="file", detail="start.sh changed"), Reason(kind="key", detail="port: 1 → 2"))

    (row,) = runs.run_rows([a_run(Outcome.FAILED, exit=3, reasons=reasons)], now=1050.0)

    assert row == (
        "3",
        "2",
        "web",
        "refresh",
        "failed",
        "3",
        "1 min ago",
        "10 s",
        "cccccccc",
        "start.sh changed\nport: 1 → 2",
    )


def test_the_length_of_a_run_that_goes_on_grows() -> None:
    (row,) = runs.run_rows([a_run(None)], now=1050.0)

    assert row[7] == "1 min"


def test_a_run_without_end_was_cut_off_when_nobody_is_there() -> None:
    assert runs.as_seen(a_run(None), is_alive=True).outcome is None
    assert runs.as_seen(a_run(None), is_alive=False).outcome is Outcome.INTERRUPTED
    assert runs.as_seen(a_run(Outcome.FAILED), is_alive=False).outcome is Outcome.FAILED
