"""Requests as they come through the door: a command, or every fault at once."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paiwatch.catalog.service import Operator
from paiwatch.control.parsing import parse
from paiwatch.engine import commands
from paiwatch.engine.commands import Command
from paiwatch.errors import ConfigError

VERBS = [
    "service",
    "rollback",
    "retry",
    "suspend",
    "resume",
    "adopt",
    "approve",
    "accept-rewrite",
    "nudge",
    "progress",
    "follow",
]
KEYS = [
    "operator",
    "names",
    "without",
    "only",
    "reason",
    "service",
    "services",
    "to",
    "digest",
    "source",
    "since",
]

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from([*Operator]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("request_", "command"),
    [
        pytest.param(
            {
                "verb": "service",
                "operator": "start",
                "names": ["a", "b"],
                "without": ["c"],
                "only": True,
                "reason": "why",
            },
            commands.Service(
                operator=Operator.START, names=("a", "b"), without=frozenset({"c"}), only=True, reason="why"
            ),
            id="service",
        ),
        pytest.param(
            {"verb": "service", "operator": "delete"},
            commands.Service(operator=Operator.DELETE),
            id="all services",
        ),
        pytest.param(
            {"verb": "rollback", "service": "a", "to": None, "reason": None},
            commands.Rollback(service="a"),
            id="rollback",
        ),
        pytest.param(
            {"verb": "retry", "services": ["a"]}, commands.Retry(services=frozenset({"a"})), id="retry"
        ),
        pytest.param({"verb": "retry"}, commands.Retry(), id="retry all"),
        pytest.param(
            {"verb": "suspend", "service": None, "reason": "r"},
            commands.Suspend(service="*", reason="r"),
            id="suspend all",
        ),
        pytest.param({"verb": "resume", "service": ""}, commands.Resume(service="*"), id="resume all"),
        pytest.param({"verb": "resume", "service": "a"}, commands.Resume(service="a"), id="resume"),
        pytest.param(
            {"verb": "adopt", "services": ["a"]}, commands.Adopt(services=frozenset({"a"})), id="adopt"
        ),
        pytest.param({"verb": "approve", "digest": "abcd"}, commands.Approve(digest="abcd"), id="approve"),
        pytest.param({"verb": "accept-rewrite"}, commands.AcceptRewrite(), id="accept-rewrite"),
        pytest.param(
            {"verb": "accept-rewrite", "source": "src", "reason": " rebased "},
            commands.AcceptRewrite(source="src", reason="rebased"),
            id="accept-rewrite for a reason",
        ),
        pytest.param({"verb": "nudge", "newer": [1]}, commands.Nudge(), id="of a newer client"),
        pytest.param({"verb": "progress"}, commands.Progress(), id="progress"),
        pytest.param(
            {"verb": "follow", "since": 7, "service": "a"}, commands.Follow(since=7, service="a"), id="follow"
        ),
    ],
)
def test_a_request_is_a_command(request_: dict[str, Any], command: Command) -> None:
    assert parse(request_) == command


def test_all_faults_of_a_request_are_told_at_once() -> None:
    request = {
        "verb": "service",
        "operator": "restart",
        "names": "web",
        "without": [1],
        "only": 1,
        "reason": [],
    }

    with pytest.raises(ConfigError, match="service: this request cannot be understood") as told:
        parse(request)

    assert [str(problem) for problem in told.value.problems] == [
        "service: 'operator' is one of start, stop, delete, refresh, not 'restart'",
        "service: 'names' is a list of texts, not 'web'",
        "service: 'without' is a list of texts, not [1]",
        "service: 'only' is true or false, not 1",
        "service: 'reason' is a text, not []",
    ]


@pytest.mark.parametrize(
    ("request_", "fault"),
    [
        ({}, 'a request is a mapping with a "verb"'),
        ({"verb": ["nudge"]}, 'a request is a mapping with a "verb"'),
        ({"verb": "sing"}, "unknown verb 'sing'; is the daemon older than this command?"),
        ({"verb": "rollback"}, "a rollback needs the name of a service"),
        ({"verb": "rollback", "service": 5}, "'service' is a text, not 5"),
        ({"verb": "approve", "digest": ""}, "an approval needs the digest of a plan"),
        ({"verb": "accept-rewrite", "source": "tags"}, "'tags' is no source; name config or src"),
        ({"verb": "follow", "since": True}, "'since' is a whole number from 0, not True"),
        ({"verb": "follow", "since": -1}, "'since' is a whole number from 0, not -1"),
        ({"verb": "suspend", "service": "\udcff"}, "'service' is a text, not '\\udcff'"),
        ({"verb": "service"}, "'operator' is one of start, stop, delete, refresh, not None"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_what_is_wrong_is_said(request_: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError) as told:
        parse(request_)

    said = [str(told.value), *map(str, told.value.problems)]
    assert any(fault in line for line in said), said
    assert len(told.value.problems) <= 1


@given(
    st.one_of(st.sampled_from(VERBS), anything),
    st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), anything),
)
def test_whatever_comes_is_a_command_or_bad_input(verb: Any, fields: dict[str, Any]) -> None:
    found = parsed({**fields, "verb": verb})

    if isinstance(found, ConfigError):
        said = [str(found), *map(str, found.problems)]
        assert all(len(line) < 1200 for line in said)
        assert json.loads(json.dumps(said)) == said
    else:
        assert type(found).__module__ == "paiwatch.engine.commands"
        assert found == parsed({**fields, "verb": verb, "a newer": "key"})


def parsed(request: dict[str, Any]) -> Command | ConfigError:
    try:
        return parse(request)
    except ConfigError as fault:
        return fault
