"""`new` and `schema`: what people begin with."""

import json
from pathlib import Path

from tests.cli.worlds import World, a_world


def test_a_new_component_goes_where_the_settings_say_and_is_valid(tmp_path: Path) -> None:
    world = a_world(tmp_path)

    document = world.document("new", "cache")

    assert str(world.root / "platform/src/cache/deploy/service.yaml") in document["files"]
    assert world.paiwatch("validate").stdout == "3 services: no errors, no warnings\n"


def test_a_new_component_can_go_anywhere_without_settings(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()

    result = World(tmp_path).paiwatch("new", "cache", "--dir", str(tmp_path / "elsewhere"))

    assert result.exit_code == 0
    assert str(tmp_path / "elsewhere/cache/deploy/start.sh") in result.stdout.splitlines()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    world = a_world(tmp_path)

    result = world.paiwatch("new", "web", "--dir", str(world.root / "platform/src"))

    assert result.exit_code == 2
    assert "exists already" in result.stderr


def test_with_a_repository_as_src_the_folder_must_be_named(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    text = world.settings.read_text().replace(
        f"src: {{directory: {tmp_path}/platform,", "src: {repo: /r.git,"
    )
    world.settings.write_text(text)

    result = world.paiwatch("new", "cache")

    assert result.exit_code == 2
    assert "--dir" in result.stderr


def test_schemas_are_json_schemas_and_need_no_settings(tmp_path: Path) -> None:
    for which, key in (("settings", "state"), ("service", "prerequisite")):
        document = json.loads(World(tmp_path).paiwatch("schema", which).stdout)

        assert document["$schema"].startswith("https://json-schema.org/")
        assert key in document["properties"]
