"""What people do is told with who they are, the door they came through, and why; with a daemon and without one."""

import json
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.platform import LIMIT, Platform

ME = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """A started platform; its daemon is gone afterwards."""
    lab = Platform(tmp_path)
    lab.build({"alone": (), "base": (), "top": ("base",)})
    lab.start()
    lab.wait_settled(head(lab))
    yield lab
    if lab.process is not None and lab.process.poll() is None:
        lab.kill()


def head(platform: Platform) -> str:
    return platform.git(platform.work, "rev-parse", "HEAD").strip()


def events(platform: Platform, *words: str) -> list[dict[str, Any]]:
    said = platform.cli("events", "-o", "json", "--since", "0", *words)
    return [json.loads(line) for line in said.splitlines()]


def acts(platform: Platform) -> list[dict[str, Any]]:
    return [event for event in events(platform) if event["kind"] == "command.given"]


def hold_a_plan(platform: Platform) -> str:
    """Push a plan that the guard holds; gives its digest."""
    settings = platform.root / "config.yaml"
    settings.write_text(settings.read_text() + "guard: {max_services: 1}\n")
    platform.write_config({"alone": 5, "base": 5, "top": 5})
    platform.push("raise all")
    digest = platform.json("plan")["held"]["digest"]
    assert isinstance(digest, str)
    return digest


@pytest.mark.parametrize("daemon", [True, False], ids=["daemon", "no daemon"])
def test_each_act_leaves_one_event_with_who_how_and_why(platform: Platform, *, daemon: bool) -> None:
    platform.stop()
    digest = hold_a_plan(platform)
    if daemon:
        platform.start()
        platform.wait_until(lambda: '"plan.held"' in platform.log(), "the plan is held")

    platform.cli("suspend", "alone", "--reason", "reason 1")
    platform.cli("resume", "alone", "--reason", "reason 2")
    platform.cli("approve", digest, "--reason", "reason 3")
    if daemon:
        platform.wait_settled(head(platform))
    else:
        platform.cli("once")
    platform.cli("retry", "alone", "--reason", "reason 4")
    platform.cli("adopt", "alone", "--reason", "reason 5")
    platform.cli("service", "stop", "-n", "top", "--reason", "reason 6")
    platform.cli("rollback", "base", "--reason", "reason 7")

    found = acts(platform)
    said = [(act["data"]["verb"], act["data"]["operator"], act["data"]["reason"]) for act in found]
    assert said == [
        ("suspend", "", "reason 1"),
        ("resume", "", "reason 2"),
        ("approve", "", "reason 3"),
        ("retry", "", "reason 4"),
        ("adopt", "", "reason 5"),
        ("service", "stop", "reason 6"),
        ("rollback", "", "reason 7"),
    ]
    assert {act["by"]["user"] for act in found} == {ME}
    assert {act["by"]["uid"] for act in found} == {os.geteuid()}
    assert {act["by"]["door"] for act in found} == {"control socket" if daemon else "command line"}
    assert platform.log().count('"command.given"') == (7 if daemon else 0)
    held = next(row["held"] for row in platform.json("status")["services"] if row["name"] == "top")
    assert (held["reason"], held["by_whom"]["user"]) == ("service stop: reason 6", ME)
    name = held["by_whom"]["name"]
    assert f"stopped by {name}" in platform.cli("status")
    assert f"stopped by {name}" in platform.cli("why", "top")


def test_what_is_refused_is_no_act(platform: Platform) -> None:
    platform.cli("suspend", "nobody", "--reason", "a typing error", code=2)
    platform.cli("approve", "0123456789", code=2)
    platform.cli("rollback", "alone", code=2)
    platform.cli("adopt", "nobody", code=2)

    assert acts(platform) == []


def test_without_a_reason_nothing_is_made_up(platform: Platform) -> None:
    platform.cli("service", "stop", "-n", "top", "--reason", "  ")

    held = next(row["held"] for row in platform.json("status")["services"] if row["name"] == "top")
    assert held["reason"] == "service stop"
    assert [act["data"]["reason"] for act in acts(platform)] == [""]


def test_who_follows_over_restarts_misses_nothing_and_hears_nothing_twice(platform: Platform) -> None:
    heeds = ("env", "--default-signal=INT")  # whoever runs these tests may ignore it
    command = [*heeds, sys.executable, "-m", "paiwatch", "-c", str(platform.root / "config.yaml")]
    with subprocess.Popen(
        [*command, "events", "-f", "-o", "json", "--since", "0"], stdout=subprocess.PIPE, text=True
    ) as follower:
        platform.write_config({"alone": 1, "base": 1, "top": 1})
        platform.push("raise all")
        platform.kill()
        platform.start()
        platform.wait_settled(head(platform))
        platform.stop()
        platform.cli("retry", "--reason", "the last")
        assert follower.stdout is not None
        heard = []
        for line in follower.stdout:
            heard.append(json.loads(line))
            if heard[-1]["data"].get("reason") == "the last":
                break
        follower.send_signal(signal.SIGINT)
        assert follower.wait(LIMIT) == 130

    assert [event["number"] for event in heard] == [*range(1, len(heard) + 1)]
    assert heard == events(platform)[: len(heard)]
