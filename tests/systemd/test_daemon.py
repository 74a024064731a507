"""paiwatch itself under a real systemd, installed as systemd/README.md says, with the unit as it is."""

from collections.abc import Iterator

import pytest

from tests.systemd.lab import Lab, wait_for

pytestmark = [pytest.mark.systemd, pytest.mark.xdist_group("systemd")]


def test_the_installed_command_runs(installed: Lab) -> None:
    assert installed.run("/opt/paiwatch/bin/paiwatch", "--version").startswith("paiwatch")


def test_settings_that_cannot_be_used_fail_the_unit_once_and_are_not_retried(installed: Lab) -> None:
    installed.write("/etc/paiwatch/config.yaml", "nonsense: true\n")

    installed.run("systemctl", "start", "paiwatch", check=False)

    assert (installed.show("paiwatch", "Result"), installed.show("paiwatch", "ExecMainStatus")) == (
        "exit-code",
        "2",
    )
    assert installed.show("paiwatch", "NRestarts") == "0"
    assert "config.yaml:1:1" in installed.journal("paiwatch")


_START = """#!/bin/bash
echo begun >> /var/lib/paiwatch/web.trace
sleep {{ cluster_cfg.web.pause }}
echo done >> /var/lib/paiwatch/web.trace
"""

_PLATFORM = {
    "/srv/platform/src/web/deploy/service.yaml": "template-list: [start.sh]\nstart-script: start.sh\n",
    "/srv/platform/src/web/deploy/start.sh.template": _START,
    "/srv/config/services-configuration.yaml": "web: {pause: 0}\n",
    "/etc/paiwatch/config.yaml": "config: {directory: /srv/config}\nsrc: {directory: /srv/platform, folder: src}\n",
}


@pytest.fixture
def running(installed: Lab) -> Iterator[Lab]:
    """The unit, started on a platform of one service; stopped and forgotten afterwards."""
    for path, content in _PLATFORM.items():
        installed.write(path, content)
    installed.run("systemctl", "reset-failed", "paiwatch", check=False)
    installed.run("systemctl", "start", "paiwatch")
    yield installed
    installed.run("systemctl", "stop", "paiwatch")
    installed.run("rm", "-rf", "/var/lib/paiwatch", "/srv/platform", "/srv/config")


def _trace(lab: Lab) -> list[str]:
    return lab.run("cat", "/var/lib/paiwatch/web.trace", check=False).splitlines()


def test_start_returns_once_the_first_plan_is_made_and_the_service_starts(running: Lab) -> None:
    assert running.show("paiwatch", "ActiveState") == "active"

    wait_for(lambda: _trace(running) == ["begun", "done"], "web started")

    journal = running.journal("paiwatch")
    assert '"event": "plan.accepted"' in journal
    assert '"event": "step.finished"' in journal


def test_reload_looks_again_and_stop_lets_the_running_script_finish(running: Lab) -> None:
    wait_for(lambda: _trace(running) == ["begun", "done"], "web started")

    running.write("/srv/config/services-configuration.yaml", "web: {pause: 1}\n")
    running.run("systemctl", "reload", "paiwatch")
    wait_for(lambda: len(_trace(running)) == 3, "the changed script begun")
    running.run("systemctl", "stop", "paiwatch")

    assert _trace(running) == ["begun", "done", "begun", "done"]
    assert running.show("paiwatch", "Result") == "success"
    assert running.run("stat", "-c", "%a %U", "/var/lib/paiwatch/record.db") == "600 paiwatch"


def test_daemon_that_no_longer_decides_is_killed_by_the_watchdog(running: Lab) -> None:
    running.write(
        "/run/systemd/system/paiwatch.service.d/watchdog.conf",
        "[Service]\nWatchdogSec=1s\nRestartSec=100ms\n",
    )
    running.run("systemctl", "daemon-reload")
    running.run("systemctl", "restart", "paiwatch")
    before = running.show("paiwatch", "MainPID")

    running.run("kill", "-STOP", before)

    wait_for(lambda: running.show("paiwatch", "NRestarts") == "1", "restarted by the watchdog")
    wait_for(lambda: running.show("paiwatch", "ActiveState") == "active", "active again")
    running.run("rm", "-r", "/run/systemd/system/paiwatch.service.d")
    running.run("systemctl", "daemon-reload")
