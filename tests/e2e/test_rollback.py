"""Going back to a release that worked: by a person, by policy, with a daemon and without one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.platform import Platform

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


def began(lab: Platform) -> list[str]:
    return [f"{line.operator} {line.service}" for line in lab.trace() if line.what == "begin"]


def test_policy_goes_back_to_the_last_good_release_until_a_commit_changes_it(platform: Platform) -> None:
    rolls_back(platform)
    platform.start()
    platform.wait_settled(commit(platform, web=1))

    commit(platform, web=100)
    platform.wait_until(lambda: state(platform, "web") == "rolled-back", "web is rolled back")

    assert values(platform)["web"] == "1"
    row = rows(platform)["web"]
    assert (row["rolled_back"]["by"], row["rolled_back"]["because"]) == ("policy", "refresh failed 2 times")
    assert row["rolled_back"]["release"] == row["applied"]["digest"]
    assert row["held"]["by"] == "quarantined"
    assert not platform.json("status")["settled"]
    told = f"release {row['applied']['digest'][:8]} runs instead of {row['rolled_back']['instead_of'][:8]}"
    assert told in platform.cli("status").replace("\n", " ").replace("  ", " ")
    assert "'web' is rolled back" in platform.cli("why", "web")
    assert "'web' is rolled back" in platform.cli("plan")

    platform.stop()
    before = began(platform)
    platform.start()
    commit(platform, web=100, side=5)
    platform.wait_until(lambda: values(platform)["side"] == "5", "an unrelated commit is applied")
    assert began(platform)[len(before) :] == ["refresh side"]
    assert state(platform, "web") == "rolled-back"

    platform.wait_settled(commit(platform, web=2, side=5))
    assert values(platform)["web"] == "2"
    assert rows(platform)["web"]["rolled_back"] is None
