"""Whatever comes through the control socket, each connection gets an answer or its end, and the daemon goes on."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paiwatch.catalog.service import Operator
from paiwatch.control import client
from paiwatch.control.parsing import parse
from paiwatch.errors import ConfigError
from tests.e2e.platform import Platform
from tests.fuzz.soup import EXAMPLES

VERBS = [
    "progress",
    "nudge",
    "retry",
    "suspend",
    "resume",
    "adopt",
    "approve",
    "service",
    "rollback",
    "follow",
    "x",
    "",
]
FIELDS = ["services", "service", "names", "without", "only", "operator", "reason", "digest", "to", "run", "x"]
PATIENCE = 30.0

DEEP = b"(as deep as it gets)\n"  # not the 200,000 brackets themselves, which nobody wants to see in a report

texts = st.one_of(st.sampled_from(["base", "*", "", "nobody", *map(str, Operator)]), st.text(max_size=5))
anything = st.recursive(
    st.one_of(texts, st.integers(), st.floats(), st.booleans(), st.none()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
requests = st.builds(
    lambda verb, fields: {"verb": verb, **fields},
    st.one_of(st.sampled_from(VERBS), anything),
    st.dictionaries(st.sampled_from(FIELDS), anything, max_size=4),
)
lines = st.one_of(
    requests.map(lambda request: json.dumps(request).encode() + b"\n"),
    anything.map(lambda value: json.dumps(value).encode() + b"\n"),
    st.binary(max_size=40).map(lambda content: content + b"\n"),
    st.sampled_from([DEEP, b'{"verb": "follow"}', b"\xff\xfe\n", b'{"verb": NaN}\n', b"9" * 9000 + b"\n"]),
)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One service that has settled, and its daemon."""
    lab = Platform(tmp_path_factory.mktemp("control"))
    lab.build({"base": ()})
    lab.start()
    lab.wait_until(
        lambda: (client.ask(lab.root / "state", {"verb": "progress"}) or {}).get("settled", False), "settled"
    )
    yield lab
    if lab.process is not None and lab.process.poll() is None:
        lab.kill()


def answers(state: Path, line: bytes) -> list[Any]:
    """What the daemon says to this line before it, or we, hang up."""
    with client.short_path(state) as path, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(path)
        connection.sendall(b"[" * 200_000 + b"\n" if line == DEEP else line)
        connection.shutdown(socket.SHUT_WR)
        found = []
        with connection.makefile("rb") as replies:
            for reply in replies:
                found.append(json.loads(reply))
                if found[-1].get("news") == "following":
                    return [{"ok": True}]
        return found


def is_a_request(line: bytes) -> bool:
    """Whether this is one as far as its shape goes: then it may fail for other reasons than its shape."""
    try:
        parse(json.loads(line))
    except (ValueError, AttributeError, ConfigError):
        return False
    return True


def test_every_request_is_answered_and_leaves_no_traceback(platform: Platform) -> None:
    state = platform.root / "state"

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[*HealthCheck])
    @given(lines)
    def ask(line: bytes) -> None:
        last = answers(state, line)[-1]
        assert isinstance(last["ok"], bool)
        assert not last.get("bug")
        assert last["ok"] or last.get("bad_input") or is_a_request(line)

    ask()

    platform.wait_until(lambda: client.ask(state, {"verb": "progress"}) is not None, "it still answers")
    assert "Traceback" not in platform.log()
    assert "daemon.failed" not in platform.log()
    assert platform.stop() == 0
