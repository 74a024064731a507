"""Going back to a release that worked: by a person, by policy, with a daemon and without one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paiwatch.control import client
from paiwatch.record.history import History
from tests.e2e.inside import Inside as Platform

SERVICES = {"base": (), "web": ("base",), "app": ("web",), "side": ()}

#: Values from 100 on are taken over and then fail.
WORK = 'cp value.txt {out}; [ "$(cut -d" " -f1 value.txt)" -lt 100 ] || exit 9'


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """Four services at 0; app stands on web, which stands on base."""
    lab = Platform(tmp_path)
    lab.operators = "{parallel: 4, timeout: 30s, grace: 1s, retries: {attempts: 2, first: 20ms, max: 50ms}}"
    lab.build(SERVICES)
    for name, needs in SERVICES.items():
        work = WORK.format(out=lab.out(name))
        lab.add(name, needs, start=work, refresh=work)
    yield lab
    if lab.process is not None and lab.process.poll() is None:
        lab.kill()


def rolls_back(lab: Platform) -> None:
    """From now on a release that fails is gone back from."""
    settings = lab.root / "config.yaml"
    settings.write_text(settings.read_text().replace("operators: {", "operators: {on_failure: rollback, "))


def commit(lab: Platform, **values: int) -> str:
    lab.write_config({**dict.fromkeys(SERVICES, 0), **values})
    return lab.push(" ".join(f"{name} {value}" for name, value in values.items()) or "all 0")


def values(lab: Platform) -> dict[str, str]:
    return {name: lab.value(name).partition(" ")[0] for name in SERVICES}


def rows(lab: Platform) -> dict[str, Any]:
    return {row["name"]: row for row in lab.json("status")["services"]}


def state(lab: Platform, name: str) -> str:
    return str(rows(lab)[name]["state"]) if name in rows(lab) else ""


def is_back(lab: Platform, name: str) -> bool:
    """Whether the service is rolled back, and that is done."""
    with History.open(lab.root / "state") as past:
        applied = past.applied().get(name)
    if applied is None or applied.pin is None or applied.touched:
        return False
    return applied.digest == applied.pin.release.digest


def is_at_rest(lab: Platform) -> bool:
    """Whether the daemon has nothing to do."""
    return bool(ask(lab, verb="progress")["settled"])


def began(lab: Platform) -> list[str]:
    return [f"{line.operator} {line.service}" for line in lab.trace() if line.what == "begin"]


def test_policy_goes_back_to_the_last_good_release_until_a_commit_changes_it(platform: Platform) -> None:
    rolls_back(platform)
    platform.start()
    platform.wait_settled(commit(platform, web=1))

    commit(platform, web=100)
    platform.wait_until(lambda: is_back(platform, "web"), "web is rolled back")

    assert values(platform)["web"] == "1"
    row = rows(platform)["web"]
    assert (row["rolled_back"]["by"], row["rolled_back"]["because"]) == ("policy", "refresh failed 2 times")
    assert row["rolled_back"]["release"] == row["applied"]["digest"]
    assert row["held"]["by"] == "quarantined"
    assert not platform.json("status")["settled"]
    told = f"release {row['applied']['digest'][:8]} runs instead of {row['rolled_back']['instead_of'][:8]}"
    assert told in platform.cli("status").replace("\n", " ").replace("  ", " ")
    assert "'web' is rolled back" in platform.cli("why", "web")
    planned = platform.cli("plan")
    assert "not all is well: web is rolled back" in planned
    assert "'web' is rolled back" in planned

    platform.stop()
    before = began(platform)
    platform.start()
    commit(platform, web=100, side=5)
    platform.wait_until(lambda: values(platform)["side"] == "5", "an unrelated commit is applied")
    platform.wait_until(lambda: is_at_rest(platform), "all is at rest")
    assert began(platform)[len(before) :] == ["refresh side"]
    assert state(platform, "web") == "rolled-back"

    platform.wait_settled(commit(platform, web=2, side=5))
    assert values(platform)["web"] == "2"
    assert rows(platform)["web"]["rolled_back"] is None


def test_a_person_goes_back_with_the_dependents_that_changed_together_and_retry_goes_forward(
    platform: Platform,
) -> None:
    platform.start()
    platform.wait_settled(commit(platform, web=1, app=1))
    platform.wait_settled(commit(platform, base=2, web=2, app=2))
    before = len(began(platform))

    said = platform.cli("rollback", "web", "--reason", "it lost requests")

    assert values(platform) == {"base": "2", "web": "1", "app": "1", "side": "0"}
    assert began(platform)[before:] == ["refresh web", "refresh app"]
    assert "web is rolled back to release" in said
    assert ", and app with it" in said
    told = rows(platform)
    assert (told["web"]["rolled_back"]["because"], told["web"]["rolled_back"]["by"]) == (
        "it lost requests",
        "person",
    )
    assert told["app"]["rolled_back"]["leader"] == "web"
    assert {told[name]["state"] for name in ("web", "app")} == {"rolled-back"}
    assert "instead of what the tree asks for already" in platform.cli("rollback", "web", code=2)
    assert "it follows the rollback of 'web'" in platform.cli("why", "app")

    platform.cli("retry", "web")
    platform.wait_until(lambda: values(platform)["app"] == "2", "app runs what the tree asks for")
    platform.wait_until(lambda: is_at_rest(platform), "all is at rest")
    assert values(platform) == {"base": "2", "web": "2", "app": "2", "side": "0"}
    assert {row["state"] for row in rows(platform).values()} == {"up-to-date"}


def test_without_a_daemon_a_run_or_a_revision_is_gone_back_to_and_mistakes_are_told(
    platform: Platform,
) -> None:
    commits = []
    for value in (1, 2, 3):
        commits.append(commit(platform, web=value))
        platform.cli("once")
    runs = {row["run"]: row for row in platform.json("history", "web")}
    first = min(runs)

    platform.cli("rollback", "web", "--to", commits[1][:10])
    assert values(platform)["web"] == "2"
    assert rows(platform)["web"]["rolled_back"]["origin"] == f"revision {commits[1][:8]}"
    platform.cli("rollback", "web", "--to", str(first))
    assert values(platform)["web"] == "1"
    assert rows(platform)["web"]["rolled_back"]["origin"] == f"run {first}"

    def refused(*words: str) -> str:
        return platform.cli("rollback", *words, code=2)

    assert "no generation knows a run or revision 'fffff'" in refused("web", "--to", "fffff")
    assert "no generation knows" in refused("web", "--to", "9" * 30)
    assert "there is no run '777'" in refused("web", "--to", "777")
    assert f"run {first} is one of 'web', not of 'side'" in refused("side", "--to", str(first))
    assert "is what the tree asks for; `paiwatch retry web` runs it" in refused("web", "--to", commits[2])
    assert "there is no earlier good release" in refused("side")
    assert "there is no service 'nobody'" in refused("nobody")
    assert values(platform)["web"] == "1"

    assert "web is rolled back; `paiwatch why web` says" in platform.cli("once", code=1)
    platform.cli("adopt")
    platform.cli("once")
    assert rows(platform)["web"]["rolled_back"] is None


def test_what_has_nothing_to_go_back_to_stays_failed_and_says_so(platform: Platform) -> None:
    rolls_back(platform)
    commit(platform, web=100)

    platform.cli("once", code=1)

    assert state(platform, "web") == "quarantined"
    assert "no earlier good release to roll back to" in rows(platform)["web"]["held"]["reason"]
    assert began(platform).count("start web") == 2


def test_a_rollback_that_fails_leads_to_no_other_and_what_ran_well_before_is_kept(platform: Platform) -> None:
    rolls_back(platform)
    bad = platform.root / "bad"
    fragile = f"[ ! -e {bad} ] || exit 7; cp value.txt {platform.out('web')}"
    platform.add("web", ("base",), start=fragile, refresh=fragile)
    platform.cli("once")
    bad.touch()

    commit(platform, web=1)
    platform.cli("once", code=1)
    assert state(platform, "web") == "quarantined"
    runs = platform.json("history", "web")
    assert [run["outcome"] for run in runs] == ["failed"] * 4 + ["succeeded"]
    platform.cli("once", code=1)
    assert platform.json("history", "web") == runs

    bad.unlink()
    platform.cli("retry", "web")
    platform.cli("once")
    assert values(platform)["web"] == "1"

    bad.touch()
    commit(platform, web=1, base=1)
    platform.cli("once", code=1)
    reason = rows(platform)["web"]["held"]["reason"]
    assert "this release ran well before" in reason
    assert reason.endswith("it was to follow 'base': `paiwatch rollback base` takes that back")
    assert rows(platform)["web"]["rolled_back"] is None

    bad.unlink()
    platform.cli("rollback", "base")
    platform.cli("once", code=1)  # it says that base is rolled back
    assert values(platform)["base"] == "0"
    assert state(platform, "web") == "up-to-date"  # what it failed beside is not there any more


def test_a_service_with_errors_goes_back_with_those_that_changed_with_it_until_it_is_mended(
    platform: Platform,
) -> None:
    platform.cli("once")
    for value in (1, 2):
        commit(platform, web=value, app=value)
        platform.cli("once")
    declaration = platform.root / "tree/src/web/deploy/service.yaml"
    sound = declaration.read_text()

    declaration.write_text("start-script: [\n")
    assert "and app with it" in platform.cli("rollback", "web")
    assert values(platform) == {"base": "0", "web": "1", "app": "1", "side": "0"}
    assert "its files in the tree have errors" in platform.cli("plan")

    declaration.write_text(sound)
    platform.cli("once", code=1)  # asked for again is what it left
    assert values(platform)["web"] == "1"
    commit(platform, web=3, app=2)
    platform.cli("once")
    assert values(platform) == {"base": "0", "web": "3", "app": "2", "side": "0"}


def test_what_never_ran_or_is_gone_has_nothing_to_go_back_to_and_says_what_to_do(platform: Platform) -> None:
    platform.cli("once")
    (platform.root / "tree/src/side/deploy/service.yaml").unlink()
    platform.add("young")
    (platform.root / "tree/src/young/deploy/service.yaml").write_text("start-script: [\n")

    assert "revert the commit that removed it" in platform.cli("rollback", "side", code=2)
    assert "never ran" in platform.cli("rollback", "young", code=2)
    first = str(platform.json("history", "app")[-1]["run"])
    assert "is what it runs already" in platform.cli("rollback", "app", "--to", first, code=2)


def ask(lab: Platform, **request: Any) -> Any:
    """The daemon's last reply, news left out."""
    return [*client.converse(lab.root / "state", request, timeout=30.0)][-1]


def gated(lab: Platform, name: str, needs: tuple[str, ...] = ()) -> Path:
    """From now on scripts of this service wait for a file."""
    gate = lab.root / f"go-{name}"
    work = f"while [ ! -e {gate} ]; do sleep 0.05; done; {WORK.format(out=lab.out(name))}"
    lab.add(name, needs, start=work, refresh=work)
    return gate


def test_what_fails_goes_back_while_a_plan_waits_for_an_approval(platform: Platform) -> None:
    rolls_back(platform)
    settings = platform.root / "config.yaml"
    settings.write_text(settings.read_text() + "guard: {max_services: 2}\n")
    gate = gated(platform, "web", ("base",))
    gate.touch()
    platform.cli("once", code=1)
    platform.cli("approve", platform.json("plan")["digest"])
    platform.cli("once")
    gate.unlink()
    platform.start()
    commit(platform, web=100)
    platform.wait_until(lambda: began(platform)[-1] == "refresh web", "web runs")

    commit(platform, web=100, base=1, side=1)
    platform.wait_until(lambda: "plan.held" in platform.log(), "the newer plan is held")
    gate.touch()
    platform.wait_until(lambda: values(platform)["web"] == "0", "web is back")

    platform.wait_until(
        lambda: '"generation": 3, "outcome": "succeeded"' in platform.log(), "it is written down"
    )
    assert values(platform) == dict.fromkeys(SERVICES, "0")
    assert began(platform)[-3:] == ["refresh web"] * 3
    assert platform.json("status")["held_plan"]["services"] == sorted(SERVICES)


def test_a_rollback_waits_for_the_script_that_runs_and_for_whoever_holds_the_service(
    platform: Platform,
) -> None:
    gate = gated(platform, "side")
    gate.touch()
    platform.start()
    platform.wait_settled(commit(platform, side=1, web=1))
    platform.wait_settled(commit(platform, side=1, web=2))
    ask(platform, verb="suspend", service="web")

    held = ask(platform, verb="rollback", service="web")
    assert (held["succeeded"], held["note"]) == (None, "a person holds it; it begins once that is over")
    assert values(platform)["web"] == "2"
    shown = platform.cli("plan", "--diff")
    assert "-2 steady" in shown
    assert "+1 steady" in shown
    ask(platform, verb="resume", service="web")
    platform.wait_until(lambda: values(platform)["web"] == "1", "web went back")

    gate.unlink()
    commit(platform, side=2, web=2)
    platform.wait_until(lambda: began(platform)[-1] == "refresh side", "side runs")
    busy = ask(platform, verb="rollback", service="side")
    assert (busy["succeeded"], busy["note"]) == (None, "it begins when the script that runs now has ended")
    gate.touch()
    platform.wait_until(lambda: is_back(platform, "side"), "side went back")
    assert values(platform)["side"] == "1"
    assert began(platform)[-2:] == ["refresh side", "refresh side"]


def test_killed_when_a_rollback_is_written_down_it_goes_on_with_it(platform: Platform) -> None:
    rolls_back(platform)
    platform.environment = {"PAIWATCH_FAILPOINT": "service.pinned"}
    platform.start()
    commit(platform, web=0)
    platform.wait_until(lambda: values(platform)["app"] == "0", "all runs")
    platform.wait_until(lambda: is_at_rest(platform), "all is at rest")
    commit(platform, web=100, app=1)
    assert platform.process is not None
    assert platform.process.wait(30) == -9
    before = began(platform)

    platform.environment = {}
    platform.start()
    platform.wait_until(lambda: len(began(platform)) == len(before) + 2, "web is back, and app refreshed")
    platform.wait_until(lambda: is_at_rest(platform), "all is at rest")

    assert is_back(platform, "web")
    assert is_back(platform, "app")
    assert values(platform) == dict.fromkeys(SERVICES, "0")
    assert began(platform)[len(before) :] == ["refresh web", "refresh app"]

    platform.stop()
    platform.environment = {"PAIWATCH_FAILPOINT": "service.unpinned"}
    platform.start()
    commit(platform, web=3, app=1)
    assert platform.process.wait(30) == -9
    platform.environment = {}
    platform.start()
    platform.wait_until(lambda: values(platform)["app"] == "1", "the fix runs, and what waited with it")
    assert values(platform)["web"] == "3"
