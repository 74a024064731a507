"""Secrets of the configuration: those of yesterday are as secret as those of today."""

import base64
import html
import json
import os
import urllib.parse
from collections.abc import Iterable, Iterator
from pathlib import Path

import jinja2
import pytest

from paiwatch.control import client
from tests.e2e.platform import Platform
from tests.sources import servers

OLD, NEW = "yesterdays-hunter22", "todays-hunter33"

#: Planted in places that paiwatch knows to be secret.
CANARIES = {
    "password": "canary-of-a-password",
    "nested": "canary/with+odd&chars=",
    "line of a key": "MIIEvQcanaryQIBADANBgkqhkiG9w0BAQ",
    "env": "canary-of-the-environment",
    "token": "canary-of-the-token-file",
    "url": "canary-in-a-url",
}
LOUD = """\
cat value.txt
printf %s "$APP_TOKEN"; echo
printf 'split: canary-of-'; sleep 0.05; printf 'a-password\\n'
printf %s "$APP_TOKEN" | base64
printf 'x%s' "$APP_TOKEN" | base64 -w0
echo '{"nested": "canary/with+odd&chars="}' 'canary%2Fwith%2Bodd%26chars%3D'
set -x; : "canary/with+odd&chars="; printf '%q\\n' 'canary/with+odd&chars='; set +x
echo "https://admin:canary-in-a-url@example.invalid/x" >&2
exit 3
"""


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


def forms(value: str) -> list[bytes]:
    """How it might be lying around."""
    plain = value.encode()
    quoted = {
        json.dumps(value)[1:-1],
        html.escape(value),
        jinja2.Template("{{ x | tojson }}").render(x=value)[1:-1],
    }
    quoted |= {urllib.parse.quote(value, safe=""), value.replace("&", "\\&")}
    return [plain, base64.b64encode(plain), base64.b64encode(b"x" + plain)[4:-4], *map(str.encode, quoted)]


def finds(text: bytes) -> list[str]:
    """Which canaries sing in this text."""
    return [name for name, value in CANARIES.items() if any(form in text for form in forms(value))]


def plant(platform: Platform, *, port: int) -> str:
    """A configuration full of canaries that scripts print, and templates that do not render, push after push."""
    (platform.work / "services-configuration.yaml").write_text(
        f"base:\n  port: {port}\n  password: {CANARIES['password']}\n  header: 'Bearer {CANARIES['password']}'\n"
        f"  auth: {{api_key: '{CANARIES['nested']}'}}\n"
        f"  private_key: |\n    -----BEGIN KEY-----\n    {CANARIES['line of a key']}\n    -----END KEY-----\n"
    )
    return platform.push(f"port {port}")


def furnish(platform: Platform) -> None:
    """A service whose scripts print all they know, and whose template breaks at port 3."""
    platform.operators = "{removed: stop, timeout: 30s, retries: {attempts: 2, first: 50ms, max: 50ms}}"
    platform.add("base", start=LOUD, refresh=LOUD)
    deploy = platform.root / "tree" / "src" / "base" / "deploy"
    with (deploy / "service.yaml").open("a") as declaration:
        declaration.write(f"env: {{APP_TOKEN: {CANARIES['env']}}}\n")
    broken = "{% if cluster_cfg.base.port == 3 %}{{ cluster_cfg.base.header.x.y }}{% endif %}"
    (deploy / "value.txt.template").write_text(
        "{{ cluster_cfg.base.port }} {{ cluster_cfg.base.header }}\n{{ cluster_cfg.base.private_key }}\n"
        "{{ cluster_cfg.base.auth | tojson }}" + broken + "\n"
    )


def live(platform: Platform, token: Path) -> str:
    """Failures, a broken template, a refused token, a crash; gives all that was said meanwhile."""

    def logged(event: str, times: int = 1) -> None:
        platform.wait_until(lambda: platform.log().count(event) >= times, event)

    plant(platform, port=1)
    platform.start()
    logged('"step.held"')
    said = [platform.cli("logs", "base"), platform.cli("status"), platform.cli("-o", "json", "status")]
    plant(platform, port=2)
    said += [platform.cli("plan", "--diff"), platform.cli("why", "base"), platform.cli("reads", "base")]
    said += [platform.cli("plan", "--diff", "-o", "markdown"), platform.cli("graph")]
    said += [str(client.ask(platform.root / "state", {"verb": "progress"}))]
    platform.cli("suspend", "base", "--reason", f"its password is {CANARIES['password']}")
    said += [platform.cli("status"), platform.cli("why", "base"), platform.cli("-o", "json", "status")]
    said += [platform.cli("resume", "base", "--reason", f"and {CANARIES['password']}")]
    plant(platform, port=3)
    logged('"problem.found"')
    said += [platform.cli("validate", code=2), platform.cli("why", "base")]
    token.write_text("another")
    plant(platform, port=4)
    logged('"source.failed"')
    platform.kill()
    platform.start()
    logged('"daemon.started"', times=2)
    said += [platform.cli("history", "--acts"), platform.cli("-o", "json", "history", "--acts")]
    said += [platform.cli("events", "--since", "0"), platform.cli("-o", "json", "events", "--since", "0")]
    platform.stop()
    return "".join(said)


def singing(files: Iterable[Path]) -> dict[str, list[str]]:
    """Files with canaries in them, and which."""
    found = {str(file): finds(file.read_bytes()) for file in files if file.is_file()}
    return {file: names for file, names in found.items() if names}


def test_no_byte_that_paiwatch_wrote_or_said_holds_a_secret(platform: Platform) -> None:
    furnish(platform)
    token = platform.root / "token"
    token.write_text(CANARIES["token"])
    token.chmod(0o600)
    with servers.serve_http(platform.root, password=CANARIES["token"]) as url:
        platform.repo = f"{url}/config.git"
        platform.source_options = f", token_file: {token}"
        platform.write_settings()
        said = live(platform, token)

    assert finds(said.encode()) == []
    assert finds(platform.log().encode()) == []
    state = platform.root / "state"
    needed = {"archive", "sources", "surroundings", "stages"}  # what scripts run with
    rooms = [room for room in state.iterdir() if room.name not in needed]
    assert {"record.db", "runs"} <= {room.name for room in rooms}
    for file, names in singing([*rooms, *(state / "runs").rglob("*")]).items():
        assert Path(file).name.startswith("record.db")  # what a removed service is to be stopped with one day
        assert names == ["env"]
    assert not [*(state / "stages").glob("*")]
    assert not singing(file for file in (state / "sources").rglob("*") if "objects" not in file.parts)
