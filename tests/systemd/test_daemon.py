"""paiwatch itself under a real systemd, installed as systemd/README.md says, with the unit as it is."""

import pytest

from tests.systemd.lab import Lab

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
