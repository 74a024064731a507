"""Secrets of the configuration: those of yesterday are as secret as those of today."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.platform import Platform
from tests.sources import servers

OLD, NEW = "yesterdays-hunter22", "todays-hunter33"


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """A service whose template holds a secret, also inside a value of another name; the daemon is gone afterwards."""
    lab = Platform(tmp_path, operators="{removed: stop, timeout: 30s}")
    lab.build({"base": ()})
    template = lab.root / "tree" / "src" / "base" / "deploy" / "value.txt.template"
    template.write_text("{{ cluster_cfg.base.password }} {{ cluster_cfg.base.header }}\n")
    set_password(lab, OLD)
    yield lab
    if lab.process is not None and lab.process.poll() is None:
        lab.kill()


def set_password(platform: Platform, password: str) -> str:
    """Push it."""
    (platform.work / "services-configuration.yaml").write_text(
        f"base: {{password: {password}, header: 'Bearer {password}'}}\n"
    )
    return platform.push("another password")


def test_diff_shows_neither_the_old_secret_nor_the_new_one(platform: Platform) -> None:
    platform.start()
    platform.wait_until(lambda: OLD in platform.value("base"), "base started")
    platform.stop()
    set_password(platform, NEW)

    shown = platform.cli("plan", "--diff") + platform.cli("-o", "json", "plan", "--diff")

    assert "value.txt" in shown
    assert OLD not in shown
    assert NEW not in shown


def test_script_of_a_removed_service_prints_no_secret_that_the_configuration_has_forgotten(
    platform: Platform,
) -> None:
    platform.add("base", work="cat value.txt")
    template = platform.root / "tree" / "src" / "base" / "deploy" / "value.txt.template"
    template.write_text("{{ cluster_cfg.base.password }} {{ cluster_cfg.base.header }}\n")
    platform.start()
    platform.wait_until(lambda: OLD in platform.value("base"), "base started")
    platform.stop()

    (platform.root / "tree" / "src" / "README").touch()  # the folder itself stays
    (platform.root / "tree" / "src" / "base" / "deploy").rename(platform.root / "gone")
    (platform.work / "services-configuration.yaml").write_text("other: {a: 1}\n")
    platform.push("no base any more")
    settings = platform.root / "config.yaml"
    settings.write_text(settings.read_text() + "guard: {max_stops: 100%}\n")  # it is the last service
    platform.start()
    platform.wait_until(lambda: platform.value("base") == "", "base stopped")
    platform.wait_until(lambda: "generation.closed" in platform.log(), "all written")
    platform.stop()

    logs = list((platform.root / "state" / "runs").rglob("*.log"))
    assert len(logs) == 2
    assert not [log for log in logs if OLD in log.read_text()]


def test_everything_in_the_state_folder_is_for_its_owner_only_whatever_the_umask(platform: Platform) -> None:
    before = os.umask(0)
    try:
        with servers.serve_http(platform.root) as url:
            platform.repo = f"{url}/config.git"
            platform.write_settings()
            platform.start()
            platform.wait_until(lambda: OLD in platform.value("base"), "base started")
            platform.wait_settled(set_password(platform, NEW))
            platform.stop()
    finally:
        os.umask(before)

    state = platform.root / "state"
    paths = [path for path in (state, *state.rglob("*")) if not path.is_symlink()]
    assert any(path.suffix == ".pack" or "objects" in path.parts for path in paths)
    assert not [path for path in paths if path.stat().st_mode & 0o077]
