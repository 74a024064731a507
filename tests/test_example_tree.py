"""The example components as files: what service.yaml names exists, templates render, scripts are clean, nothing is left over."""

import graphlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from paiwatch.example import example_config, example_tree
from paiwatch.releases.release import Desired
from paiwatch.snapshot import Contents, Entry, Mode, Revision, Snapshot, Tree, blob_id
from paiwatch.survey import Survey
from paiwatch.survey.hidden import hidden_inputs
from tests.example_stage import SERVICES, read_model, read_yaml, render

OPERATORS = ("start", "stop", "delete", "refresh")
FIELDS = {f"{operator}-script" for operator in OPERATORS} | {
    "prerequisite",
    "template-list",
    "on-change",
    "timeout",
    "retries",
    "env",
    "watch",
}


def declared(service: str) -> dict[str, Any]:
    value = read_yaml(example_tree() / service / "deploy" / "service.yaml")
    assert isinstance(value, dict)
    return value


def prerequisites(service: str) -> list[str]:
    return [
        entry if isinstance(entry, str) else entry["service"]
        for entry in declared(service).get("prerequisite", ())
    ]


@pytest.fixture
def rendered(tmp_path: Path) -> Path:
    """The example tree with every template rendered from the sample configuration."""
    tree = tmp_path / "src"
    shutil.copytree(example_tree(), tree)
    for service in SERVICES:
        render(tree / service / "deploy", read_model(example_config(), example_tree()))
    return tree


def look(edited: str = "") -> tuple[Desired, Contents]:
    """What the example asks for, with one file (from the tree's root) edited; and its contents."""
    texts = {
        f"src/{path.relative_to(example_tree())}": path
        for path in example_tree().rglob("*")
        if path.is_file()
    }
    contents = {path: file.read_bytes() + b"# edited\n" * (path == edited) for path, file in texts.items()}
    blobs = {blob_id(content): content for content in contents.values()}
    files = {path: Entry(Mode.FILE, blob_id(content)) for path, content in sorted(contents.items())}
    trees = (Tree(revision=Revision(id="1"), folder=folder, files=files) for folder in ("src/_config", "src"))
    config, src = trees
    desired = Survey(strict=True, secret_keys="password").look(
        Snapshot(config=config, src=src), _of(blobs), _of(blobs)
    )
    return desired, _of(blobs)


def _of(blobs: dict[str, bytes]) -> Contents:
    return lambda oids: {oid: blobs[oid] for oid in oids}


def readers(expression: str) -> set[str]:
    """The services with a template that contains `expression`."""
    return {
        path.relative_to(example_tree()).parts[0]
        for path in example_tree().rglob("*.template")
        if expression in path.read_text()
    }


def test_the_tree_holds_exactly_the_known_services() -> None:
    assert {path.parts[-3] for path in example_tree().glob("*/deploy/service.yaml")} == set(SERVICES)


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_uses_known_fields_only(service: str) -> None:
    assert set(declared(service)) <= FIELDS


def test_prerequisites_exist_and_form_no_ring() -> None:
    order = list(
        graphlib.TopologicalSorter({service: prerequisites(service) for service in SERVICES}).static_order()
    )

    assert set(order) == set(SERVICES)


def test_every_named_script_exists_after_rendering(rendered: Path) -> None:
    missing = [
        f"{service}: {script}"
        for service in SERVICES
        for operator in OPERATORS
        if (script := declared(service).get(f"{operator}-script"))
        and not (rendered / service / "deploy" / script).is_file()
    ]

    assert missing == []


def test_every_template_is_in_its_template_list() -> None:
    found = {
        str(path.relative_to(example_tree() / service / "deploy")).removesuffix(".template")
        for service in SERVICES
        for path in (example_tree() / service / "deploy").rglob("*.template")
    }

    assert found == {name for service in SERVICES for name in declared(service)["template-list"]}


def test_the_examples_show_every_way_to_take_a_change() -> None:
    without_refresh = [service for service in SERVICES if "refresh-script" not in declared(service)]
    without_stop = [service for service in SERVICES if "stop-script" not in declared(service)]
    restarted = [service for service in SERVICES if declared(service).get("on-change") == "restart"]

    assert (without_refresh, without_stop, restarted) == (["store"], ["settings"], ["cache"])


def test_a_key_of_one_service_and_a_value_of_several_are_there_to_edit() -> None:
    assert readers("cluster_cfg.portal.message") == {"portal"}
    assert readers("cluster_cfg.cluster.theme.colour") == {"portal", "reports"}
    assert readers("cluster_cfg.cluster.support") == {"settings", "reports"}


def test_every_service_watches_what_its_scripts_read_outside_its_folder() -> None:
    desired, read = look()

    assert set(desired.releases) == set(SERVICES)
    assert hidden_inputs(desired, read) == ()


@pytest.mark.parametrize(
    ("edited", "unchanged"),
    [("src/common/service.sh", set()), ("src/common/web.py", {"settings"}), ("src/README.md", set(SERVICES))],
)
def test_an_edit_in_common_changes_its_users(edited: str, unchanged: set[str]) -> None:
    before, after = look()[0].releases, look(edited)[0].releases

    assert {name for name in SERVICES if before[name].digest == after[name].digest} == unchanged


def test_every_port_has_one_place_in_the_configuration() -> None:
    overrides = read_yaml(example_config() / "services-configuration.yaml")
    ports = [section["port"] for section in overrides.values() if "port" in section]
    elsewhere = "".join(
        path.read_text()
        for path in example_tree().rglob("*")
        if path.is_file() and path.name != "README.md" and not {"_config", "config"} & set(path.parts)
    )

    assert len(ports) == len(set(ports)) == 5
    assert not [port for port in ports if str(port) in elsewhere]


def test_rendered_and_static_scripts_pass_shellcheck(rendered: Path) -> None:
    scripts = sorted(str(path.relative_to(rendered.parent)) for path in rendered.rglob("*.sh"))

    result = subprocess.run(
        (Path(sys.executable).with_name("shellcheck"), "-x", *scripts),
        cwd=rendered.parent,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout


def test_a_quote_in_a_value_cannot_end_a_shell_string(tmp_path: Path) -> None:
    tree = tmp_path / "src"
    shutil.copytree(example_tree(), tree)
    model = read_model(example_config(), example_tree())
    model["cluster"]["home"] = f"{tmp_path}/it's; touch {tmp_path}/broken; '"
    render(tree / "settings" / "deploy", model)

    subprocess.run(
        ("/bin/bash", "src/settings/deploy/start.sh"), cwd=tmp_path, check=True, capture_output=True
    )

    assert not (tmp_path / "broken").exists()
    assert (tmp_path / f"it's; touch {tmp_path}/broken; '" / "settings" / "platform.json").is_file()


def test_every_file_of_configuration_explains_itself() -> None:
    files = [*example_tree().glob("_config/*.yaml"), *example_tree().glob("*/config/*.yaml")]
    files += example_tree().glob("*/deploy/service.yaml")

    assert [str(path) for path in files if not path.read_text().startswith("# ")] == []


def test_the_readme_names_every_component_and_configuration_file() -> None:
    text = (example_tree() / "README.md").read_text()
    names = [*SERVICES, "common", *(path.name for path in example_config().glob("*.yaml"))]

    assert [name for name in names if not re.search(rf"`{re.escape(name)}/?`", text)] == []
