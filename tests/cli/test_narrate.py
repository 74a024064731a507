"""What a terminal shows of rollbacks while they happen, from the news as clients get them."""

import click
import pytest

from paiwatch.cli import narrate
from paiwatch.news import Missed, News, RollbackEnded, ServiceRolledBack, StepQuarantined
from paiwatch.report.tidings import told
from tests.record.runs import a_step

BACK = ServiceRolledBack(
    service="web", release="a" * 64, instead_of="b" * 64, by="policy", because="start failed once"
)
WITH = ServiceRolledBack(
    service="web",
    release="a" * 64,
    instead_of="b" * 64,
    by="person",
    because="slow",
    followers=("app", "top"),
)


@pytest.mark.parametrize(
    ("news", "line"),
    [
        pytest.param(
            BACK, "↶ web goes back to release aaaaaaaa from bbbbbbbb: start failed once", id="by policy"
        ),
        pytest.param(
            WITH,
            "↶ web goes back to release aaaaaaaa from bbbbbbbb, and app, top with it: slow",
            id="with others",
        ),
        pytest.param(
            Missed(count=3),
            "… 3 more lines came faster than they were read; `paiwatch history` has what ran",
            id="missed",
        ),
        pytest.param(
            RollbackEnded(service="web", because="the tree asks for another release"),
            "↷ the rollback of web has ended: the tree asks for another release",
            id="ended",
        ),
        pytest.param(
            StepQuarantined(
                generation=1,
                step=a_step("web", "b" * 64),
                attempts=2,
                note="there is no earlier good release",
            ),
            "✘ start web quarantined after 2 attempts; `paiwatch retry web` or a new commit tries again; "
            "there is no earlier good release",
            id="nothing to go back to",
        ),
    ],
)
def test_each_piece_of_news_has_its_line(news: News | Missed, line: str) -> None:
    reply = told(news)

    assert reply is not None
    assert click.unstyle(narrate.line(reply) or "").strip() == line
