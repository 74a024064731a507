"""Who asked: what people are shown of it, and what is written down."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paiwatch.domain.principal import Principal

principals = st.builds(
    Principal, uid=st.none() | st.integers(0, 2**32 - 2), user=st.text(), login=st.text(), door=st.text()
)


@pytest.mark.parametrize(
    ("uid", "user", "login", "name"),
    [
        pytest.param(0, "root", "alice", "alice (as root)", id="sudo"),
        pytest.param(1000, "alice", "alice", "alice", id="as themselves"),
        pytest.param(0, "root", "unknown", "root", id="no login"),
        pytest.param(1000, "", "unknown", "uid 1000", id="no name"),
        pytest.param(1000, "", "uid 1000", "uid 1000", id="no name, logged in"),
        pytest.param(1000, "", "alice", "alice (as uid 1000)", id="became one without a name"),
        pytest.param(0, "", "unknown", "uid 0", id="root without a name"),
        pytest.param(None, "", "unknown", "unknown", id="nobody knows"),
        pytest.param(None, "", "alice", "alice", id="a login alone"),
        pytest.param(None, "bot", "unknown", "bot", id="a user alone"),
    ],
)
def test_people_are_shown_who_logged_in_and_whom_they_became(
    uid: int | None, user: str, login: str, name: str
) -> None:
    assert Principal(uid=uid, user=user, login=login, door="control socket").name == name


@given(principals)
def test_what_is_written_down_comes_back(principal: Principal) -> None:
    assert Principal.from_json(json.loads(json.dumps(principal.to_json()))) == principal


@pytest.mark.parametrize(
    "change", [{"uid": "0"}, {"uid": True}, {"uid": 1.5}, {"user": None}, {"login": 1}, {"door": []}], ids=str
)
def test_what_is_no_principal_is_refused(change: dict[str, Any]) -> None:
    good = Principal(uid=0, user="root", login="alice", door="control socket").to_json()

    with pytest.raises(ValueError, match=r"uid|principal"):
        Principal.from_json({**good, **change})
