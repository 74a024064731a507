"""Paths that leave the component are found where they are written."""

import pytest

from paiwatch.catalog import outside
from paiwatch.catalog.outside import Way
from paiwatch.catalog.watch import Pattern, Watcher
from tests.builders import a_service
from tests.catalog.trees import entries

WATCHER = Watcher(
    entries(
        dict.fromkeys(
            [
                "version/PAI.VERSION",
                "deployment/k8sPaiLibrary/check.py",
                "src/common/service.sh",
                "src/grafana/config/grafana.yaml",
                "src/grafana/deploy/start.sh",
                "src/grafana/deploy/sub/more.sh",
                "src/store/deploy/data.txt",
            ],
            "",
        )
    )
)
SERVICE = a_service("grafana")


def targets(line: str, path: str = "start.sh") -> list[str]:
    return [way.target for way in outside.ways_out(SERVICE, {path: f"#!/bin/bash\n{line}\n"}, WATCHER)]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("cat ../../../version/PAI.VERSION", ["version/PAI.VERSION"]),
        ("kubectl create --from-file=../../../version/PAI.VERSION -o yaml", ["version/PAI.VERSION"]),
        ('PYTHONPATH="../../../deployment" python -m x', ["deployment"]),
        ('source "$here/../../common/service.sh"', ["src/common/service.sh"]),
        ('source "${here}/../../common/service.sh"', ["src/common/service.sh"]),
        ('. "$(dirname "$0")"/../../common/service.sh', ["src/common/service.sh"]),
        ("cp -r ../../common/* /tmp", ["src/common"]),
        ("cat sub/../../../common/service.sh", ["src/common/service.sh"]),
        ("cat ./../../common/service.sh", ["src/common/service.sh"]),
        ("cat ../../store/deploy/data.txt", ["src/store/deploy/data.txt"]),
        ("# cat ../../../version/PAI.VERSION", []),
        ("cat ../config/grafana.yaml", []),
        ("cd ../..; cd ../../..", []),
        ("cat ../../../version/NOT.THERE ../../nothing", []),
        ("cat ../../../../../../etc/passwd", []),
        ("seq 1..3; echo a...b", []),
        ("cat sub/../start.sh", []),
    ],
)
def test_what_exists_outside_the_component_is_found(line: str, found: list[str]) -> None:
    assert targets(line) == found


def test_a_file_in_a_sub_folder_may_mean_its_own_folder_or_the_deploy_folder() -> None:
    assert targets("cat ../../../common/service.sh", "sub/more.sh") == ["src/common/service.sh"]
    assert targets("cat ../../common/service.sh", "sub/more.sh") == ["src/common/service.sh"]


def test_the_first_place_is_told_and_how_many_there_are() -> None:
    text = "\ncat ../../common/service.sh\ncat ../../common/service.sh\n"

    ways = outside.ways_out(SERVICE, {"b.sh": text, "a.sh": text}, WATCHER)

    assert ways == (Way(target="src/common/service.sh", file="src/grafana/deploy/a.sh", line=2, places=4),)


def problems(target: str, *patterns: str) -> list[str]:
    service = a_service("grafana", watch=tuple(Pattern(text=text) for text in patterns))
    way = Way(target=target, file="src/grafana/deploy/a.sh", line=2)
    watched = WATCHER.find(service.watch, deploy=service.deploy)
    ways = [(service, each) for each in outside.unwatched([way], watched.keys(), WATCHER)]
    found = outside.undeclared(target, ways, WATCHER, {"src/store/deploy", service.deploy}) if ways else ()
    return list(map(str, found))


@pytest.mark.parametrize(
    ("target", "line"),
    [("version/PAI.VERSION", "watch: [version/PAI.VERSION]"), ("deployment", "watch: [deployment/**]")],
)
def test_the_warning_names_the_place_and_the_line_to_add(target: str, line: str) -> None:
    (text,) = problems(target)

    assert text.startswith(
        f"src/grafana/deploy/a.sh:2: '{target}' lies outside the component: a change of it"
    )
    assert text.endswith(f"; add to src/grafana/deploy/service.yaml: {line}")


@pytest.mark.parametrize(
    ("target", "pattern"),
    [
        ("version/PAI.VERSION", "version/*"),
        ("deployment", "deployment/**"),
        ("src/common", "src/common/service.sh"),
    ],
)
def test_what_is_watched_is_no_warning(target: str, pattern: str) -> None:
    assert problems(target, pattern) == []


def test_a_file_of_another_service_cannot_be_had_by_watching() -> None:
    (text,) = problems("src/store/deploy/data.txt")

    assert "is not there when scripts run; move it to a folder that is no service" in text


def test_what_many_services_name_is_one_warning_that_names_them() -> None:
    names = ["alert", "drivers", "grafana", "store"]
    ways = [
        (a_service(name), Way(target="deployment", file=f"src/{name}/deploy/start.sh", line=5))
        for name in names
    ]

    few = list(outside.undeclared("deployment", ways[:3], WATCHER, ()))
    (problem,) = outside.undeclared("deployment", ways, WATCHER, ())

    assert [each.service for each in few] == names[:3]
    assert str(problem) == (
        "src/alert/deploy/start.sh:5: 'deployment' lies outside the component, and 4 services name it "
        "(alert, drivers, grafana, store): a change of it goes unnoticed; "
        "add to the service.yaml of each: watch: [deployment/**]"
    )
