"""The main job, end to end: push a config commit, and the affected services are refreshed."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.platform import Platform, overlaps

CHAIN = {"base": (), "middle": ("base",), "top": ("middle",), "alone": ()}


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """A platform of four services; its daemon is gone afterwards."""
    lab = Platform(tmp_path)
    lab.build(CHAIN)
    yield lab
    if lab.process is not None and lab.process.poll() is None:
        lab.kill()


def began(platform: Platform) -> list[str]:
    return [f"{line.operator} {line.service}" for line in platform.trace() if line.what == "begin"]


def test_first_start_runs_every_service_prerequisites_first(platform: Platform) -> None:
    platform.start()

    platform.wait_settled(platform.git(platform.work, "rev-parse", "HEAD").strip())

    ran = began(platform)
    assert sorted(ran) == ["start alone", "start base", "start middle", "start top"]
    assert ran.index("start base") < ran.index("start middle") < ran.index("start top")
    assert platform.value("top") == "0 steady"


def test_one_key_refreshes_the_service_that_reads_it_and_its_dependents(platform: Platform) -> None:
    platform.start()
    platform.wait_settled(platform.git(platform.work, "rev-parse", "HEAD").strip())
    before = len(began(platform))

    platform.write_config({"base": 0, "middle": 7, "top": 0, "alone": 0})
    platform.wait_settled(platform.push("raise middle"))

    assert began(platform)[before:] == ["refresh middle", "refresh top"]
    assert platform.value("middle") == "7 steady"
    newest = platform.json("history", "-n", "2")
    reasons = {run["service"]: run["reasons"] for run in newest}
    assert any("middle.value" in reason["detail"] for reason in reasons["middle"])
    assert any(reason["kind"] == "prerequisite" for reason in reasons["top"])


def test_comment_runs_nothing_and_is_still_seen(platform: Platform) -> None:
    platform.start()
    platform.wait_settled(platform.git(platform.work, "rev-parse", "HEAD").strip())
    before = began(platform)

    platform.write_config({"base": 0, "middle": 0, "top": 0, "alone": 0}, comment="words only")
    commit = platform.push("comment")
    status = platform.wait_settled(commit)

    assert began(platform) == before
    assert status["snapshot"]["config"] == commit


def test_failing_service_blocks_only_its_dependents_and_the_fix_runs_at_once(platform: Platform) -> None:
    platform.add("middle", ("base",), refresh="exit 3")
    platform.start()
    platform.wait_settled(platform.git(platform.work, "rev-parse", "HEAD").strip())

    platform.write_config({"base": 0, "middle": 1, "top": 1, "alone": 1})
    platform.push("break middle")
    platform.wait_until(
        lambda: "quarantined" in {row["state"] for row in platform.json("status")["services"]}, "quarantine"
    )

    assert platform.value("alone") == "1 steady"
    assert platform.value("top") == "0 steady"

    platform.add("middle", ("base",))
    platform.wait_until(lambda: platform.value("top") == "1 steady", "the fix")
    assert platform.value("middle") == "1 steady"


def test_broken_service_file_is_reported_and_others_go_on(platform: Platform) -> None:
    platform.start()
    platform.wait_settled(platform.git(platform.work, "rev-parse", "HEAD").strip())
    file = platform.root / "tree" / "src" / "middle" / "deploy" / "service.yaml"

    file.write_text("start-script: [what\n")
    platform.wait_until(lambda: "middle/deploy/service.yaml" in platform.log(), "the problem in the log")
    platform.write_config({"base": 0, "middle": 5, "top": 5, "alone": 5})
    platform.push("go on")
    platform.wait_until(lambda: platform.value("alone") == "5 steady", "alone refreshed")

    states = {row["name"]: row["state"] for row in platform.json("status")["services"]}
    assert states["middle"] == "invalid"
    assert platform.value("middle") == "0 steady"
    assert platform.value("top") == "0 steady"
    assert "service.yaml:" in platform.cli("validate", code=2)


def test_vanished_service_is_stopped_with_its_own_last_scripts(platform: Platform) -> None:
    platform.operators = "{removed: stop, timeout: 30s}"
    platform.write_settings()
    platform.start()
    platform.wait_settled(platform.git(platform.work, "rev-parse", "HEAD").strip())

    (platform.root / "tree" / "src" / "top" / "deploy").rename(platform.root / "gone")

    platform.wait_until(lambda: "stop top" in began(platform), "top stopped")
    platform.wait_until(lambda: not platform.value("top"), "top's file gone")
    assert "stop middle" not in began(platform)


def test_killed_daemon_converges_after_restart_and_never_overlaps(platform: Platform) -> None:
    once = platform.root / "once"
    platform.add("middle", ("base",), work=f"[ -e {once} ] || {{ touch {once}; sleep 60; }}")
    platform.start()
    platform.wait_until(once.exists, "middle in flight")

    platform.kill()
    platform.start()
    platform.wait_settled(platform.git(platform.work, "rev-parse", "HEAD").strip())

    assert platform.value("top") == "0 steady"
    outcomes = [run["outcome"] for run in platform.json("history", "middle")]
    assert outcomes == ["succeeded", "interrupted"]
    began_runs = [line.run for line in platform.trace() if line.service == "middle" and line.what == "begin"]
    ended_runs = {line.run for line in platform.trace() if line.what == "end"}
    assert [run in ended_runs for run in began_runs] == [False, True]


def test_term_lets_a_running_script_finish_and_begins_nothing_more(platform: Platform) -> None:
    platform.add("base", work="sleep 0.3")
    platform.start()
    platform.wait_until(lambda: "start base" in began(platform), "base in flight")

    assert platform.stop() == 0

    assert "start middle" not in began(platform)
    assert [run["outcome"] for run in platform.json("history", "base")] == ["succeeded"]
    assert not platform.json("status")["settled"]


@pytest.mark.timeout(300)
def test_many_pushes_while_scripts_run_end_at_the_last_commit(platform: Platform) -> None:
    chance = random.Random(20)
    for name, needs in CHAIN.items():
        platform.add(name, needs, work="sleep 0.0$((RANDOM % 9))")
    platform.start()
    values = dict.fromkeys(CHAIN, 0)
    commit = ""
    for number in range(40):
        name = chance.choice(sorted(values))
        values[name] = number
        platform.write_config(values, motto=chance.choice(("steady", "swift")))
        commit = platform.push(f"push {number}")
    platform.write_config(values, motto="last")
    commit = platform.push("last")
    platform.wait_settled(commit)

    assert {name: platform.value(name) for name in values} == {
        name: f"{value} last" for name, value in values.items()
    }
    assert overlaps(platform.trace()) == []
    assert {run["outcome"] for run in platform.json("history", "-n", "1000")} == {"succeeded"}


def test_unusable_configuration_is_told_and_the_last_good_state_stays(platform: Platform) -> None:
    platform.start()
    platform.wait_settled(platform.git(platform.work, "rev-parse", "HEAD").strip())
    (platform.work / "layout.yaml").write_text("machine-list: [\n")
    broken = platform.push("break the layout")
    platform.wait_until(lambda: "layout.yaml" in platform.log(), "the problem in the log")

    status = platform.json("status")
    assert status["settled"] is False
    assert "layout.yaml:" in platform.cli("status")
    assert broken[:8] in platform.cli("status")
    assert {row["state"] for row in status["services"]} <= {"up-to-date", "invalid"}

    (platform.work / "layout.yaml").write_text("machine-list: []\n")
    platform.wait_settled(platform.push("mend it"))
    assert platform.json("status")["settled"] is True


def test_folder_that_is_not_in_the_tree_removes_nothing(platform: Platform) -> None:
    platform.operators = "{removed: delete}"
    platform.write_settings()
    platform.start()
    platform.wait_settled(platform.git(platform.work, "rev-parse", "HEAD").strip())

    (platform.root / "tree" / "src").rename(platform.root / "tree" / "source")
    platform.wait_until(lambda: "the folder 'src' does not exist" in platform.log(), "the problem in the log")

    assert not [step for step in began(platform) if step.startswith(("stop", "delete"))]
    assert "the folder 'src' does not exist" in platform.cli("validate", code=2)


def test_restart_without_news_opens_no_generation(platform: Platform) -> None:
    platform.start()
    before = platform.wait_settled(platform.git(platform.work, "rev-parse", "HEAD").strip())

    platform.stop()
    platform.cli("once")

    assert platform.json("status")["generation"] == before["generation"]


def test_child_that_a_script_leaves_behind_is_ended_and_told(platform: Platform) -> None:
    platform.add("alone", start="setsid sleep 300 & sleep 0.1")
    platform.start()
    platform.wait_until(lambda: "processes left behind" in platform.log(), "the warning")

    assert "env -u PAIWATCH_RUN_ID" in platform.log()


def test_once_tells_of_services_whose_files_have_errors(platform: Platform) -> None:
    declaration = platform.root / "tree" / "src" / "alone" / "deploy" / "service.yaml"
    declaration.write_text("start-script: [\n")

    said = platform.cli("once", code=1)

    assert "src/alone/deploy/service.yaml:2:1: error: is not valid YAML" in said
    assert began(platform) == ["start base", "start middle", "start top"]
    document, _ = json.JSONDecoder().raw_decode(
        platform.cli("once", "-o", "json", code=1)
    )  # errors follow it
    (problem,) = document["problems"]
    assert (problem["service"], problem["file"], problem["line"]) == (
        "alone",
        "src/alone/deploy/service.yaml",
        2,
    )
