"""The example platform for real: its scripts start, refresh, stop and delete processes of this machine."""

import json
import os
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.example_stage import SERVICES, Platform, free_ports, make_platform

PASSWORD = "change-me-orchard-7f3a"


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """A platform that is taken down again whatever happens."""
    made = make_platform(tmp_path)
    yield made
    for room in made.home.glob("*"):
        made.do(room.name, "delete.sh")
    assert made.processes() == []


def ask(
    platform: Platform, service: str, path: str, method: str = "GET", password: str = ""
) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", platform.model[service]["port"], timeout=10)
    try:
        connection.request(method, path, headers={"Authorization": f"Bearer {password}"})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def health(platform: Platform, service: str) -> dict[str, Any]:
    value = json.loads(ask(platform, service, "/health")[1])
    assert isinstance(value, dict)
    return value


def pid(platform: Platform, service: str) -> int:
    return int((platform.home / service / "service.pid").read_text().split()[0])


def test_the_portal_shows_the_configuration_and_all_services_up(platform: Platform) -> None:
    for service in SERVICES:
        platform.do(service, "start.sh")

    page, style = ask(platform, "portal", "/")[1], ask(platform, "portal", "/style.css")[1]

    assert "<h1>Orchard platform</h1>" in page
    assert "All trees are in bloom." in page
    assert "#2f6f4f" in style
    assert page.count('class="up"') == 4
    assert "3.0.4" in page
    assert "ORCHARD, at" in page
    assert json.loads(ask(platform, "api", "/")[1]) == {
        "greeting": "Welcome to the orchard",
        "cluster": "orchard",
    }


def test_a_refresh_changes_the_page_and_keeps_the_process(platform: Platform) -> None:
    platform.do("portal", "start.sh")
    before = pid(platform, "portal")

    platform.set(r"message: .*", "message: Apples & <pears>")
    platform.set(r"colour: .*", 'colour: "#aa3344"', file="cluster.yaml")
    platform.do("portal", "refresh.sh")

    assert "Apples &amp; &lt;pears&gt;" in ask(platform, "portal", "/")[1]
    assert "#aa3344" in ask(platform, "portal", "/style.css")[1]
    assert pid(platform, "portal") == before


@pytest.mark.parametrize("service", ["store", "reports"])
def test_starting_twice_keeps_the_process(platform: Platform, service: str) -> None:
    platform.do(service, "start.sh")
    before = pid(platform, service)

    said = platform.do(service, "start.sh")

    assert "already running" in said
    assert pid(platform, service) == before
    assert len(platform.processes()) == 1


def test_a_refresh_of_what_does_not_run_starts_it(platform: Platform) -> None:
    assert "was not running: starting it" in platform.do("metrics", "refresh.sh")
    assert health(platform, "metrics")["service"] == "metrics"


@pytest.mark.parametrize("service", [service for service in SERVICES if service != "settings"])
def test_stop_and_delete_of_what_never_ran_succeed(platform: Platform, service: str) -> None:
    assert "was not running" in platform.do(service, "stop.sh")
    assert "deleted" in platform.do(service, "delete.sh")
    assert not (platform.home / service).exists()


def test_stop_keeps_the_visits_and_delete_removes_them(platform: Platform) -> None:
    for service in ("store", "cache", "api"):
        platform.do(service, "start.sh")
    ask(platform, "api", "/visits", "POST")
    ask(platform, "api", "/visits", "POST")

    platform.do("store", "stop.sh")
    platform.do("store", "start.sh")
    kept = ask(platform, "store", "/keys/visits", password=PASSWORD)
    platform.do("store", "delete.sh")
    platform.do("store", "start.sh")
    gone = ask(platform, "store", "/keys/visits", password=PASSWORD)

    assert kept == (200, "2")
    assert gone[0] == 404


def test_the_store_wants_the_configured_password(platform: Platform) -> None:
    platform.do("store", "start.sh")

    assert ask(platform, "store", "/keys/visits", password="wrong")[0] == 403


def test_another_port_restarts_the_program(platform: Platform) -> None:
    platform.do("metrics", "start.sh")
    platform.set(f"port: {platform.model['metrics']['port']}", f"port: {free_ports(1)[0]}")

    assert "restarting" in platform.do("metrics", "refresh.sh")
    assert health(platform, "metrics")["service"] == "metrics"
    assert len(platform.processes()) == 1


def test_a_taken_port_fails_the_start_and_says_so(platform: Platform) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", platform.model["metrics"]["port"]))
        other.listen()

        result = platform.run("metrics", "start.sh")

    assert result.returncode == 1
    assert "Address already in use" in result.stdout
    assert "did not become ready" in result.stdout


def test_a_program_outlives_its_script_with_a_session_and_an_environment_of_its_own(
    platform: Platform,
) -> None:
    platform.do("reports", "start.sh")
    running = pid(platform, "reports")

    environment = Path(f"/proc/{running}/environ").read_bytes()

    assert b"PAIWATCH" not in environment
    assert os.getsid(running) == running
    assert Path(f"/proc/{running}/cwd").readlink() == platform.home / "reports"


def test_a_pid_that_belongs_to_somebody_else_by_now_is_left_alone(platform: Platform) -> None:
    platform.do("reports", "start.sh")
    platform.do("reports", "stop.sh")
    (platform.home / "reports" / "service.pid").write_text(f"{os.getpid()} 1\n")

    assert "was not running" in platform.do("reports", "stop.sh")


def test_what_the_settings_write_is_replaced_and_removed(platform: Platform) -> None:
    platform.do("settings", "start.sh")
    platform.set(r"^name: .*", "name: meadow", file="cluster.yaml")
    platform.set(r"hostname: apple", "hostname: pear", file="layout.yaml")

    platform.do("settings", "start.sh")

    assert json.loads((platform.home / "settings" / "platform.json").read_text())["cluster"] == "meadow"
    assert [path.name for path in (platform.home / "settings" / "machines").iterdir()] == ["pear"]
    platform.do("settings", "delete.sh")
    assert not platform.home.exists()


def test_no_script_and_no_log_shows_the_password(platform: Platform) -> None:
    said = ""
    for script in ("start.sh", "refresh.sh", "stop.sh"):
        for service in ("store", "cache", "api"):
            if (service, script) != ("store", "refresh.sh"):
                said += platform.run(service, script).stdout
    logged = "".join(path.read_text() for path in platform.home.glob("*/service.log"))

    assert PASSWORD not in said + logged
    assert all(path.stat().st_mode & 0o077 == 0 for path in platform.home.glob("*/config/config.json"))


@pytest.mark.parametrize("home", ["/", "relative/path"], ids=["root folder", "relative"])
def test_a_home_that_cannot_be_meant_is_refused(platform: Platform, home: str) -> None:
    platform.set(r"^home: .*", f'home: "{home}"', file="cluster.yaml")

    result = platform.run("store", "delete.sh")

    assert result.returncode == 1
    assert "set cluster.yaml: home to an absolute folder" in result.stdout
