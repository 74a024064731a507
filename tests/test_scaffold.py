"""A new component: its files render and run at once, and nothing is ever overwritten."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from paiwatch.errors import ConfigError
from paiwatch.scaffold import files_for, write
from tests.example_stage import PATH, render


class Component:
    """A scaffolded component with a home of its own, rendered, with scripts to run."""

    def __init__(self, root: Path, name: str, greeting: str = "hello") -> None:
        write(root, name)
        self.root, self.name, self.home = root, name, root / "home of it"
        render(root / name / "deploy", {name: {"home": str(self.home), "greeting": greeting}})

    def run(self, script: str) -> str:
        return subprocess.run(
            ("/bin/bash", f"{self.name}/deploy/{script}"),
            cwd=self.root,
            env={"PATH": PATH},
            check=True,
            text=True,
            capture_output=True,
        ).stdout


def test_the_scripts_of_a_new_component_work_at_once(tmp_path: Path) -> None:
    component = Component(tmp_path, "my-thing", greeting="it's $HOME")
    state = component.home / "state"

    component.run("start.sh")
    component.run("start.sh")
    started = state.read_text()
    component.run("refresh.sh")
    component.run("stop.sh")
    component.run("stop.sh")
    stopped = state.exists(), component.home.exists()
    component.run("delete.sh")
    component.run("delete.sh")

    assert started == "it's $HOME\n"
    assert stopped == (False, True)
    assert not component.home.exists()


def test_a_stop_keeps_what_it_did_not_write(tmp_path: Path) -> None:
    component = Component(tmp_path, "keeper")
    component.run("start.sh")
    (component.home / "data").write_text("kept")

    component.run("stop.sh")

    assert (component.home / "data").read_text() == "kept"


def test_service_yaml_names_only_files_that_are_there(tmp_path: Path) -> None:
    write(tmp_path, "thing")
    deploy = tmp_path / "thing" / "deploy"
    service = yaml.safe_load((deploy / "service.yaml").read_text())

    assert service["prerequisite"] == []
    assert all((deploy / f"{name}.template").is_file() for name in service["template-list"])
    assert all(
        (deploy / service[f"{verb}-script"]).is_file() for verb in ("start", "stop", "delete", "refresh")
    )


def test_the_defaults_have_every_key_that_the_template_reads(tmp_path: Path) -> None:
    write(tmp_path, "thing")
    defaults = yaml.safe_load((tmp_path / "thing" / "config" / "thing.yaml").read_text())

    render(tmp_path / "thing" / "deploy", {"thing": defaults})

    assert "home='/var/tmp/thing'" in (tmp_path / "thing" / "deploy" / "settings.sh").read_text()


def test_the_scripts_pass_shellcheck_and_can_be_executed(tmp_path: Path) -> None:
    scripts = [path for path in write(tmp_path, "thing") if path.suffix == ".sh"]
    render(tmp_path / "thing" / "deploy", {"thing": {"home": "/x", "greeting": "it's"}})

    checked = subprocess.run(
        (Path(sys.executable).with_name("shellcheck"), *scripts), capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stdout
    assert len(scripts) == 4
    assert all(path.stat().st_mode & 0o111 for path in scripts)


def test_nothing_is_overwritten_and_nothing_half_written(tmp_path: Path) -> None:
    mine = tmp_path / "thing" / "deploy" / "stop.sh"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")

    with pytest.raises(ConfigError, match=r"stop\.sh: exists already"):
        write(tmp_path, "thing")

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [mine]
    assert mine.read_text() == "mine"


@pytest.mark.parametrize(
    "name", ["", "Grafana", "a/b", "..", "a.b", "-a", "a-", "ä", "a b", "x" * 64, "layout"]
)
def test_a_name_that_cannot_be_a_component_is_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        files_for(name)


@pytest.mark.parametrize("name", ["a", "node-exporter", "job_queue", "k8s", "x" * 63])
def test_a_plain_name_is_accepted(name: str) -> None:
    assert f"config/{name}.yaml" in files_for(name)


def test_a_missing_folder_of_components_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name the folder that holds the components"):
        write(tmp_path / "nowhere", "thing")


def test_a_folder_that_is_a_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "thing").write_text("in the way")

    with pytest.raises(ConfigError, match="cannot be written"):
        write(tmp_path, "thing")
