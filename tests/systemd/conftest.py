"""Fixtures: one real systemd for the whole session, always torn down; the same with paiwatch installed in it."""

import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.systemd.lab import CHECKOUT, LIBRARIES, Lab, reason_against


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A booted systemd; tests that use it are marked `systemd` and share one xdist group."""
    if reason := reason_against():
        pytest.skip(reason)
    binds = {Path(__file__).parents[2]: CHECKOUT, Path(sysconfig.get_path("purelib")): LIBRARIES}
    made = Lab(tmp_path_factory.mktemp("lab"), binds=binds)
    try:
        made.up()
        yield made
    finally:
        made.down()


_COMMAND = f"""\
#!/bin/sh
PYTHONPATH={CHECKOUT}:{LIBRARIES} PYTHONDONTWRITEBYTECODE=1 exec /usr/bin/python3 -m paiwatch "$@"
"""


@pytest.fixture(scope="session")
def installed(lab: Lab) -> Lab:
    """The lab with paiwatch installed as systemd/README.md says: command, user and unit; no settings, and not started."""
    if not Path("/usr/bin/python3").exists():
        pytest.skip("no /usr/bin/python3, the only Python the lab can run")
    version = subprocess.run(("/usr/bin/python3", "-V"), capture_output=True, text=True, check=True).stdout
    if version.split()[-1].split(".")[:2] != [str(part) for part in sys.version_info[:2]]:
        pytest.skip(
            f"the libraries here are not for the system's {version.strip()}, the only Python the lab can run"
        )
    unit = Path(__file__).parents[2] / "systemd" / "paiwatch.service"
    lab.write("/opt/paiwatch/bin/paiwatch", _COMMAND, mode=0o755)
    lab.write("/etc/systemd/system/paiwatch.service", unit.read_text())
    lab.run(
        "useradd", "--system", "--home-dir", "/var/lib/paiwatch", "--shell", "/usr/sbin/nologin", "paiwatch"
    )
    lab.run("systemctl", "daemon-reload")
    return lab
