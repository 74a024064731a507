"""The main job over the network: the config repository behind http with a token, and behind ssh with a key."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.platform import Platform
from tests.sources import servers

TOKEN = "a-token-that-nobody-may-see"


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """A platform of two services; its daemon is gone afterwards."""
    lab = Platform(tmp_path / "lab")
    lab.build({"base": (), "top": ("base",)})
    yield lab
    if lab.process is not None and lab.process.poll() is None:
        lab.kill()


def _push_and_check(platform: Platform) -> None:
    platform.start()
    platform.wait_settled(platform.git(platform.work, "rev-parse", "HEAD").strip())
    platform.write_config({"base": 0, "top": 4})
    platform.wait_settled(platform.push("raise top"))

    assert platform.value("top") == "4 steady"
    assert [run["service"] for run in platform.json("history", "-n", "1")] == ["top"]


def test_config_repository_over_http_with_a_token(platform: Platform) -> None:
    token = platform.root / "token"
    token.write_text(f"{TOKEN}\n")
    token.chmod(0o600)
    with servers.serve_http(platform.root, password=TOKEN) as url:
        platform.repo = f"{url}/config.git"
        platform.source_options = f", token_file: {token}"
        platform.write_settings()

        _push_and_check(platform)
        platform.stop()

    written = [path for path in (platform.root / "state").rglob("*") if path.is_file()]
    assert not [
        path for path in (*written, platform.root / "daemon.log") if TOKEN.encode() in path.read_bytes()
    ]


@pytest.mark.skipif(bool(servers.reason_against_ssh()), reason=servers.reason_against_ssh())
def test_config_repository_over_ssh_with_a_key(platform: Platform) -> None:
    with servers.serve_ssh(platform.root / "ssh") as ssh:
        platform.repo = f"{ssh.url}{platform.root}/config.git"
        platform.source_options = f", key_file: '{ssh.key}', known_hosts: '{ssh.known_hosts}'"
        platform.write_settings()

        _push_and_check(platform)


def test_repository_that_cannot_be_reached_is_named_and_found_again(platform: Platform) -> None:
    away = platform.root / "config.git"
    away.rename(platform.root / "away.git")
    platform.start()
    platform.wait_until(lambda: "source.failed" in platform.log(), "the fault in the log")

    (platform.root / "away.git").rename(away)
    platform.cli("nudge")

    platform.wait_settled(platform.git(platform.work, "rev-parse", "HEAD").strip())
    assert "source.recovered" in platform.log()
