"""A person's command while a plan waits for an approval: it is done once, and the plan goes on waiting."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from paiwatch.control import client
from tests.e2e.audit import rows
from tests.e2e.nursery import Nursery
from tests.e2e.platform import Platform


@pytest.fixture
def platform(tmp_path: Path, nursery: Nursery) -> Iterator[Platform]:
    """Two services that run; a commit to both waits for an approval."""
    lab = Platform(tmp_path, nursery=nursery)
    lab.build({"a": (), "b": ()})
    lab.start()
    lab.wait_settled(lab.git(lab.work, "rev-parse", "HEAD").strip())
    lab.kill()
    with (tmp_path / "config.yaml").open("a") as settings:
        settings.write("guard: {max_services: 1}\n")
    lab.write_config({"a": 1, "b": 1})
    lab.push("both")
    lab.start()
    lab.wait_until(lambda: bool(rows(tmp_path / "state", "select * from held_plans")), "the plan waits")
    yield lab
    if lab.process is not None and lab.process.poll() is None:
        lab.kill()


def test_a_command_beside_a_plan_that_waits_is_done_once(platform: Platform) -> None:
    state = platform.root / "state"
    before = rows(state, "select max(id) as newest from runs")[0]["newest"]

    reply = client.ask(state, {"verb": "service", "operator": "delete", "names": ["b"]}, timeout=20)

    assert reply is not None
    assert reply["succeeded"]
    client.ask(
        state, {"verb": "suspend", "service": "a", "reason": "whatever was begun has been accepted by now"}
    )
    done = rows(state, f"select service, operator from runs where id > {before}")
    assert done == [{"service": "b", "operator": "delete"}]
    assert rows(state, "select count(*) as waiting from held_plans") == [{"waiting": 1}]
