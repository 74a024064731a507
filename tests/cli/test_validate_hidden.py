"""`validate` finds what scripts read beside their folder; once it is watched, an edit of it is a change that says so."""

from pathlib import Path

import pytest

from tests.cli.worlds import FILES, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.write(FILES)
    world.write(
        {
            "config.yaml": "config: {directory: config}\nsrc: {directory: platform, folder: src}\nstate: state\n",
            "platform/version/PAI.VERSION": "v1.0\n",
            "platform/src/db/deploy/start.sh": "cd deploy\ncat ../../../version/PAI.VERSION\n",
        }
    )
    return world


def test_a_path_that_leaves_the_component_is_a_warning_until_it_is_watched(world: World) -> None:
    warned = world.paiwatch("validate")
    world.write(
        {"platform/src/db/deploy/service.yaml": "start-script: start.sh\nwatch: [version/PAI.VERSION]\n"}
    )
    watched = world.paiwatch("validate")

    assert warned.exit_code == 0
    assert (
        "src/db/deploy/start.sh:2: warning: 'version/PAI.VERSION' lies outside the component" in warned.stdout
    )
    assert "add to src/db/deploy/service.yaml: watch: [version/PAI.VERSION]" in warned.stdout
    assert world.paiwatch("validate", "--strict").exit_code == 0
    assert watched.stdout == "2 services: no errors, no warnings\n"


def test_an_edit_of_a_watched_file_is_planned_with_its_reason(world: World) -> None:
    world.write({"platform/src/db/deploy/service.yaml": "start-script: start.sh\nwatch: [version/*]\n"})
    world.paiwatch("adopt")
    world.write({"platform/version/PAI.VERSION": "v1.1\n"})

    step = world.document("plan")["steps"][0]

    assert (step["service"], step["kind"]) == ("db", "changed")
    assert [reason["detail"] for reason in step["reasons"]] == [
        "version/PAI.VERSION changed, watched by 'version/*'"
    ]
