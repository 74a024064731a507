"""What paictl is content with is a warning; what it would do wrongly is told."""

import pytest

from paiwatch.catalog import catalog as catalogs
from paiwatch.catalog import openpai
from paiwatch.catalog.catalog import Declared
from paiwatch.catalog.service import Operator
from paiwatch.documents.yamltext import Dialect, parse
from paiwatch.problem import errors
from paiwatch.snapshot import blob_id
from tests.catalog.trees import START, entries


def declared(text: str, **scripts: str) -> Declared:
    """A service with these scripts; `refresh="…"` is refresh.sh."""
    files = {"start.sh": "true", "service.yaml": text} | {
        f"{verb}.sh": script for verb, script in scripts.items()
    }
    deploy = entries(files)
    document = parse(text, file="src/web/deploy/service.yaml", dialect=Dialect.STRICT)
    one = catalogs.declare("web", "src/web", document, deploy, {})
    contents = {blob_id(script.encode()): script.encode() for script in scripts.values()}
    assert openpai.refresh_oids(deploy) <= contents.keys()
    return openpai.forgiven(one, deploy, contents)


@pytest.mark.parametrize("verb", ["stop", "delete", "refresh"])
def test_a_missing_script_counts_as_not_declared(verb: str) -> None:
    one = declared(f"{START}{verb}-script: {verb}.sh\n")

    assert one.is_valid
    assert one.service is not None
    assert set(one.service.scripts) == {Operator.START}
    assert f"{verb}-script '{verb}.sh' does not exist" in one.problems[0].message


def test_a_missing_start_script_stays_an_error() -> None:
    one = declared("start-script: nowhere.sh\n")

    assert [problem.message for problem in errors(one.problems)] == ["'nowhere.sh' does not exist"]


@pytest.mark.parametrize(
    ("script", "is_told"),
    [
        ("#!/bin/bash\n\npushd $(dirname $0) > /dev/null\n  # nothing\npopd\n", True),
        ("", True),
        ("echo done\nexit 0\n", True),
        ("kubectl apply -f a.yaml\n", False),
        ("exit 1\n", False),
    ],
)
def test_a_refresh_that_does_nothing_is_told(script: str, *, is_told: bool) -> None:
    one = declared(f"{START}refresh-script: refresh.sh\n", refresh=script)

    assert any("does nothing" in problem.message for problem in one.problems) is is_told
    assert one.is_valid


def test_another_way_to_change_makes_an_idle_refresh_meant() -> None:
    one = declared(f"{START}refresh-script: refresh.sh\non-change: start\n", refresh="")

    assert not one.problems


def test_unknown_words_in_deploy_rules_are_errors() -> None:
    one = declared(f"{START}deploy-rules:\n- exists: pai-master\n- NotIn: x\n")

    assert [problem.message for problem in errors(one.problems)] == [
        "deploy-rules: 'exists' is neither 'in' nor 'notin'"
    ]


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [("", True), ("cluster-type: [yarn, k8s]\n", True), ("cluster-type: [yarn]\n", False)],
)
def test_services_of_other_clusters_are_known(kinds: str, *, expected: bool) -> None:
    assert openpai.is_for_k8s(declared(START + kinds)) is expected
