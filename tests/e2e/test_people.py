"""What people do by hand, with a daemon and without one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.platform import Platform


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """A started platform; its daemon is gone afterwards."""
    lab = Platform(tmp_path)
    lab.build({"alone": (), "base": (), "middle": ("base",), "top": ("middle",)})
    lab.start()
    lab.wait_settled(head(lab))
    yield lab
    if lab.process is not None and lab.process.poll() is None:
        lab.kill()


def head(platform: Platform) -> str:
    return platform.git(platform.work, "rev-parse", "HEAD").strip()


def began(platform: Platform) -> list[str]:
    return [f"{line.operator} {line.service}" for line in platform.trace() if line.what == "begin"]


def states(platform: Platform) -> dict[str, str]:
    return {row["name"]: row["state"] for row in platform.json("status")["services"]}


@pytest.mark.parametrize("daemon", [True, False], ids=["daemon", "no daemon"])
def test_stop_goes_dependents_first_and_lasts_until_start(platform: Platform, *, daemon: bool) -> None:
    if not daemon:
        platform.stop()
    before = len(began(platform))

    platform.cli("service", "stop", "-n", "top", "middle")
    assert began(platform)[before:] == ["stop top", "stop middle"]
    assert {name for name, state in states(platform).items() if state == "stopped"} == {"middle", "top"}

    platform.cli("service", "refresh")
    assert sorted(began(platform)[before + 2 :]) == ["refresh alone", "refresh base"]
    assert "stopped by a person" in platform.cli("service", "refresh", "-n", "top", code=2)

    platform.cli("service", "start", "-n", "top", "-n", "middle")
    assert began(platform)[before + 4 :] == ["start middle", "start top"]
    assert set(states(platform).values()) == {"up-to-date"}


def test_stopped_service_stays_down_through_commits(platform: Platform) -> None:
    platform.cli("service", "stop", "-n", "top")

    platform.write_config({"alone": 0, "base": 3, "middle": 3, "top": 3})
    platform.push("raise all")
    platform.wait_until(lambda: platform.value("middle") == "3 steady", "middle refreshed")

    assert platform.value("top") == ""
    before = began(platform)
    platform.cli("service", "start", "-n", "top")
    assert platform.value("top") == "3 steady"
    assert began(platform)[len(before) :] == ["start top"]  # nothing refreshes what is down


def test_suspending_a_stopped_service_does_not_let_it_pass_for_one_that_runs(platform: Platform) -> None:
    platform.cli("service", "stop", "-n", "top")

    refused = platform.cli("suspend", "top", "--reason", "holiday", code=2)

    assert "top is stopped by a person" in refused
    assert "service start" in refused
    assert states(platform)["top"] == "stopped"


def test_a_named_service_that_has_errors_is_not_done(platform: Platform) -> None:
    (platform.root / "tree/src/alone/deploy/service.yaml").write_text("start-script: [\n")
    platform.wait_until(lambda: states(platform)["alone"] == "invalid", "alone broken")

    said = platform.cli("service", "refresh", "-n", "alone", code=1)

    assert "'alone' is left out: it has errors; `paiwatch validate` lists them" in said
    assert "nothing was done" in said


def test_suspended_service_waits_and_resume_catches_up(platform: Platform) -> None:
    platform.cli("suspend", "middle", "--reason", "holiday")
    platform.stop()
    platform.start()

    platform.write_config({"alone": 0, "base": 1, "middle": 1, "top": 1})
    platform.push("raise all")
    platform.wait_until(lambda: platform.value("base") == "1 steady", "base refreshed")
    assert platform.value("middle") == "0 steady"
    assert "holiday" in platform.cli("status")

    platform.cli("resume", "middle")
    platform.wait_until(lambda: platform.value("top") == "1 steady", "top refreshed")


def test_retry_tries_a_quarantined_service_again_and_nothing_else_did(platform: Platform) -> None:
    gate = platform.root / "gate"
    platform.add(
        "middle", ("base",), refresh=f"[ -e {gate} ] || exit 9; cp value.txt {platform.out('middle')}"
    )
    platform.write_config({"alone": 0, "base": 0, "middle": 2, "top": 2})
    platform.push("needs the gate")
    platform.wait_until(lambda: states(platform)["middle"] == "quarantined", "quarantine")
    tries = began(platform).count("refresh middle")

    platform.write_config({"alone": 5, "base": 0, "middle": 2, "top": 2})
    platform.push("unrelated")
    platform.wait_until(lambda: platform.value("alone") == "5 steady", "alone refreshed")
    assert began(platform).count("refresh middle") == tries

    gate.touch()
    platform.cli("retry", "middle")
    platform.wait_until(lambda: platform.value("top") == "2 steady", "top refreshed")

    assert began(platform).count("refresh middle") == tries + 1
    assert states(platform)["middle"] == "up-to-date"


def test_adopt_records_the_present_tree_and_runs_nothing(platform: Platform) -> None:
    platform.stop()
    platform.write_config({"alone": 0, "base": 9, "middle": 9, "top": 9})
    platform.push("already done by hand")
    before = began(platform)

    platform.cli("adopt")

    assert "nothing to do" in platform.cli("plan")
    assert began(platform) == before


def test_second_daemon_is_refused_and_told_who_holds_the_state(platform: Platform) -> None:
    assert platform.process is not None
    first = platform.process.pid

    platform.cli("run", code=2)
    message = platform.cli("once", code=2)

    assert str(first) in message
    assert "run" in message


def test_delete_asks_and_without_a_terminal_refuses(platform: Platform) -> None:
    platform.cli("service", "delete", "-n", "top", code=2)
    assert platform.value("top") == "0 steady"

    platform.cli("service", "delete", "-n", "top", "--yes")
    assert states(platform)["top"] == "deleted"


def test_a_slip_in_a_name_suspends_and_retries_nobody_unseen(platform: Platform) -> None:
    for verb in (("suspend", "bse", "--reason", "night"), ("retry", "bse")):
        assert "there is no service 'bse'; did you mean 'base'?" in platform.cli(*verb, code=2)

    platform.stop()
    remark = platform.json("suspend", "bse", "--reason", "night")["remark"]
    assert remark == "no service 'bse' was ever applied; did you mean 'base'?"
    assert "bse was not suspended" not in platform.cli("resume", "bse")
