"""`reads`: both directions, on real folders."""

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from paiwatch.scrub import MASK
from tests.cli.worlds import SECRET, World, a_world


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> World:
    return a_world(tmp_path)


def test_what_a_service_reads(world: World) -> None:
    text = world.paiwatch("reads", "web").stdout

    lines = [line.split() for line in text.splitlines()]
    assert ["web.password", "value", MASK, "web", "src/web/deploy/env.template"] in lines
    assert ["web.port", "value", "8080", "web", "src/web/deploy/env.template"] in lines
    assert SECRET not in text
    assert world.paiwatch("reads", "db").stdout == "'db' reads nothing of the configuration\n"


def test_who_reads_a_key(world: World) -> None:
    assert world.paiwatch("reads", "web.port").stdout.startswith("read web.port:\nkey ")
    assert "read something inside web:\n" in world.paiwatch("reads", "cluster_cfg['web']").stdout
    assert (
        world.paiwatch("reads", "web.prot").stdout
        == "no template reads 'web.prot'; did you mean 'web.port'?\n"
    )


def test_a_summary(world: World) -> None:
    assert world.paiwatch("reads").stdout == (
        "service  keys  templates\ndb       0     0\nweb      2     1\n\nsection  services\nweb      1\n"
    )


def test_a_service_with_errors_reads_nobody_knows_what(world: World) -> None:
    world.write({"platform/src/web/deploy/env.template": "{{ cluster_cfg.nope.x }}"})

    result = world.paiwatch("reads", "web")

    assert result.exit_code == 2
    assert "'web' has errors" in result.stderr


def test_reads_as_json(world: World, snapshot: SnapshotAssertion) -> None:
    assert [world.document("reads", *what) for what in ([], ["web"], ["web.port"])] == snapshot
