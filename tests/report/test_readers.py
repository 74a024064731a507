"""Reads asked by service and by key."""

import pytest

from paiwatch.report import readers
from paiwatch.report.readers import Relation
from tests.builders import a_read, a_release

WEB = a_release(
    "web",
    reads=[
        a_read("web.port", 80, template="env"),
        a_read("web", None, template="all", how="subtree"),
        a_read("hosts.0.ip", "x", template="env"),
    ],
)
DB = a_release("db", reads=[a_read("web.port", 80, template="t")])
RELEASES = {"web": WEB, "db": DB}
DEPLOYS = {"web": "src/web/deploy", "db": "src/db/deploy"}


@pytest.mark.parametrize(
    ("key", "other", "expected"),
    [
        ("a.b", "a.b", Relation.EXACT),
        ("a.b", "a", Relation.ABOVE),
        ("a[0].b", "a", Relation.ABOVE),
        ("a.b", "", Relation.ABOVE),
        ("a", "a.b", Relation.BELOW),
        ("a", "a[0].b", Relation.BELOW),
        ("", "a", Relation.BELOW),
        ("a.b", "a.bc", None),
        ("a.bc", "a.b", None),
        ("a", "b", None),
    ],
)
def test_how_keys_lie_to_each_other(key: str, other: str, expected: Relation | None) -> None:
    assert readers.relate(key, other) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("web.port", "web.port"),
        ("cluster_cfg.web.port", "web.port"),
        ("cluster_cfg['rest-server']['port']", "rest-server.port"),
        ('cluster_cfg["hosts"][0].ip', "hosts[0].ip"),
        ("cluster_cfg", ""),
    ],
)
def test_a_key_may_be_written_as_in_a_template(text: str, expected: str) -> None:
    assert readers.key_of(text) == expected


def test_readers_of_a_key_are_told_apart() -> None:
    found = readers.readers_of("web.port", RELEASES, DEPLOYS)

    assert [(each.relation, each.service, each.template, each.how) for each in found] == [
        (Relation.EXACT, "db", "src/db/deploy/t.template", "value"),
        (Relation.EXACT, "web", "src/web/deploy/env.template", "value"),
        (Relation.ABOVE, "web", "src/web/deploy/all.template", "subtree"),
    ]
    assert [each.key for each in readers.readers_of("hosts", RELEASES, DEPLOYS)] == ["hosts[0].ip"]


def test_the_summary_counts_keys_templates_and_sections() -> None:
    assert readers.summary(RELEASES) == {
        "services": [{"name": "db", "keys": 1, "templates": 0}, {"name": "web", "keys": 3, "templates": 0}],
        "sections": [{"name": "hosts", "services": 1}, {"name": "web", "services": 2}],
    }


def test_a_key_that_nobody_reads_is_guessed_at() -> None:
    assert readers.nearest("web.prot", RELEASES.values()) == "web.port"
    assert readers.nearest("zzz", RELEASES.values()) == ""
