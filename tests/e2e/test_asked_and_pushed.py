"""A person's command and commits at the same time: services that have nothing to do with it do not wait for it."""

from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from sys import executable

import pytest

from tests.e2e.platform import LIMIT, Platform, overlaps


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """`slow` runs for as long as the file `gate` is there; `top` stands on it, `alone` has nothing to do with them."""
    lab = Platform(tmp_path)
    lab.build({"slow": (), "top": ("slow",), "alone": ()})
    wait = f"while [ -e {tmp_path / 'gate'} ]; do read -t 0.05 <> <(:) || :; done"
    lab.add("slow", work=wait)
    lab.start()
    lab.wait_settled(lab.git(lab.work, "rev-parse", "HEAD").strip())
    (tmp_path / "gate").touch()
    yield lab
    (tmp_path / "gate").unlink(missing_ok=True)
    if lab.process is not None and lab.process.poll() is None:
        lab.kill()


def asked(platform: Platform, *words: str) -> "Popen[str]":
    """A person's command, once its first script runs."""
    before = len(platform.trace())
    command = [executable, "-m", "paiwatch", "-c", str(platform.root / "config.yaml"), "service", *words]
    person = Popen(command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, text=True)
    platform.wait_until(lambda: len(platform.trace()) > before, "the asked script runs")
    return person


def states(platform: Platform) -> dict[str, str]:
    return {row["name"]: row["state"] for row in platform.json("status")["services"]}


def push_all(platform: Platform, value: int) -> str:
    platform.write_config({"slow": value, "top": value, "alone": value})
    return platform.push(f"all to {value}")


def test_commit_is_deployed_beside_a_command_that_runs_for_long(platform: Platform) -> None:
    person = asked(platform, "refresh", "-n", "slow")

    newest = push_all(platform, 1)
    platform.wait_until(lambda: platform.value("alone") == "1 steady", "a stranger has the commit")

    assert (platform.value("slow"), platform.value("top")) == ("0 steady", "0 steady")
    assert person.poll() is None

    (platform.root / "gate").unlink()
    out, _ = person.communicate(timeout=LIMIT)
    platform.wait_settled(newest)

    assert (person.returncode, "refresh slow" in out) == (0, True)
    assert {platform.value(name) for name in ("slow", "top", "alone")} == {"1 steady"}
    assert overlaps(platform.trace()) == []


def test_rest_of_a_command_goes_on_under_a_newer_commit(platform: Platform) -> None:
    person = asked(platform, "stop")  # top first, then slow, which waits at the gate; alone at once
    platform.wait_until(
        lambda: any(line.service == "slow" for line in platform.trace()[-3:]), "slow is stopping"
    )

    push_all(platform, 2)
    (platform.root / "gate").unlink()
    person.communicate(timeout=LIMIT)

    assert person.returncode == 0
    assert [platform.value(name) for name in ("slow", "top", "alone")] == ["", "", ""]
    assert {row["state"] for row in platform.json("status")["services"]} == {"stopped"}


def test_command_whose_service_leaves_the_tree_fails_at_its_end(platform: Platform) -> None:
    person = asked(platform, "refresh", "-n", "slow", "-n", "top")

    (platform.root / "tree" / "src" / "top").rename(platform.root / "gone")
    platform.wait_until(lambda: states(platform).get("top") == "kept", "the tree has lost it")
    (platform.root / "gate").unlink()
    person.communicate(timeout=LIMIT)

    assert person.returncode == 1
    assert states(platform)["slow"] == "up-to-date"
