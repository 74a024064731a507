"""systemd/paiwatch.service as systemd reads it: nothing unknown in it, walls up."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

needs_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


@pytest.fixture
def unit(project_root: Path, tmp_path: Path) -> Path:
    """The unit, with a program in ExecStart that exists on this machine."""
    text = (project_root / "systemd" / "paiwatch.service").read_text()
    target = tmp_path / "paiwatch.service"
    target.write_text(text.replace("/opt/paiwatch/bin/paiwatch", sys.executable))
    return target


@needs_analyze
def test_systemd_understands_every_line_of_the_unit(unit: Path) -> None:
    result = subprocess.run(("systemd-analyze", "verify", unit), capture_output=True, text=True, check=False)

    # Unknown keys and bad values are reported with exit code 0.
    assert (result.returncode, result.stderr) == (0, "")


@needs_analyze
def test_the_verification_would_notice_an_unknown_key(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("KillMode=", "KilMode="))

    result = subprocess.run(("systemd-analyze", "verify", unit), capture_output=True, text=True, check=False)

    assert "KilMode" in result.stderr


@needs_analyze
def test_the_exposure_stays_low(unit: Path) -> None:
    result = subprocess.run(
        (
            "systemd-analyze",
            "security",
            "--offline=true",
            "--threshold=25",
            "--no-pager",
            unit,
        ),  # tenths of 10
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout
