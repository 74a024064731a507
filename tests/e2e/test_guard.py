"""A plan that does too much waits for a person; a real daemon, and none."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.platform import Platform

SERVICES = ("a", "b", "c", "d")


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """Four services that run; from now on a plan may touch one, and what leaves the tree is deleted."""
    lab = Platform(tmp_path)
    lab.operators = lab.operators.replace("{", "{removed: delete, ", 1)
    lab.build(dict.fromkeys(SERVICES, ()))
    lab.cli("once")
    settings = tmp_path / "config.yaml"
    settings.write_text(settings.read_text() + "guard: {max_services: 1}\n")
    yield lab
    if lab.process is not None and lab.process.poll() is None:
        lab.kill()


def raise_all(platform: Platform, value: int) -> str:
    platform.write_config(dict.fromkeys(SERVICES, value))
    return platform.push(f"all to {value}")


def values(platform: Platform) -> list[str]:
    return [platform.value(name) for name in SERVICES]


def held(platform: Platform) -> str:
    """The digest of the plan that waits and is not approved."""
    found = platform.json("status")["held_plan"]
    return "" if found is None or found["approved"] else str(found["digest"])


def test_the_daemon_holds_a_plan_until_its_digest_is_approved(platform: Platform) -> None:
    platform.start()
    raise_all(platform, 1)
    platform.wait_until(lambda: bool(held(platform)), "the plan is held")
    first = held(platform)

    status = platform.json("status")
    assert {row["state"] for row in status["services"]} == {"held"}
    assert not status["settled"]
    assert status["held_plan"]["reasons"] == ["it touches 4 services, and guard.max_services is 1"]
    plan = platform.json("plan")
    assert plan["held"]["digest"] == plan["digest"] == first
    assert f"paiwatch approve {first[:12]}" in platform.cli("plan")
    assert f"awaiting approval of plan {first[:12]}" in platform.cli("status")
    assert f"held: plan {first[:12]} is held: it touches 4 services" in platform.cli("why", "a")
    assert platform.json("why", "a")["held_plan"]["digest"] == first
    assert "plan.held" in platform.log()
    assert values(platform) == ["0 steady"] * 4

    commit = raise_all(platform, 2)
    platform.wait_until(lambda: held(platform) not in {"", first}, "another plan is held")
    assert "is not the plan that waits" in platform.cli("approve", first[:8], code=2)
    platform.cli("approve", held(platform)[:8])
    platform.wait_settled(commit)

    assert values(platform) == ["2 steady"] * 4
    assert platform.json("status")["held_plan"] is None
    assert "no plan waits" in platform.cli("approve", first, code=2)


def test_a_small_plan_goes_ahead(platform: Platform) -> None:
    platform.write_config({**dict.fromkeys(SERVICES, 0), "a": 5})
    platform.push("a")

    platform.cli("once")

    assert values(platform) == ["5 steady", "0 steady", "0 steady", "0 steady"]


def test_without_a_daemon_an_approval_is_kept_for_the_next_run_and_is_used_up(platform: Platform) -> None:
    raise_all(platform, 1)
    said = platform.cli("once", code=1)
    digest = held(platform)
    assert f"plan {digest[:12]} is held: it touches 4 services" in said

    platform.cli("approve", digest)
    assert {row["state"] for row in platform.json("status")["services"]} == {"waiting"}
    assert platform.json("plan")["held"]["approved"]
    assert values(platform) == ["0 steady"] * 4
    platform.cli("once")
    assert values(platform) == ["1 steady"] * 4

    raise_all(platform, 0)
    platform.cli("once", code=1)
    assert values(platform) == ["1 steady"] * 4


def test_an_approval_ends_when_another_plan_comes(platform: Platform) -> None:
    raise_all(platform, 1)
    platform.cli("once", code=1)
    first = held(platform)
    platform.cli("approve", first)

    raise_all(platform, 2)
    platform.cli("once", code=1)
    assert held(platform) != first
    raise_all(platform, 1)
    platform.cli("once", code=1)

    assert held(platform) == first
    assert values(platform) == ["0 steady"] * 4


def test_a_tree_that_loses_its_services_is_held_by_default(platform: Platform) -> None:
    settings = platform.root / "config.yaml"
    settings.write_text(settings.read_text().replace("guard: {max_services: 1}\n", ""))
    components = platform.root / "tree" / "src"
    for name in ("b", "c", "d"):
        (components / name).rename(platform.root / name)

    said = platform.cli("once", code=1)

    assert "it takes down 3 of the 4 services that are applied, and guard.max_stops is 50%" in said
    assert values(platform) == ["0 steady"] * 4
    (platform.root / "d").rename(components / "d")
    platform.cli("once")
    assert [platform.out(name).exists() for name in SERVICES] == [True, False, False, True]


def test_what_was_accepted_goes_on_while_a_plan_is_held(platform: Platform) -> None:
    platform.add("a", work=f"while [ ! -e {platform.root}/go ]; do sleep 0.05; done")
    platform.start()
    platform.wait_until(
        lambda: any(row["state"] == "running" for row in platform.json("status")["services"]), "a runs"
    )
    commit = raise_all(platform, 1)
    platform.wait_until(lambda: bool(held(platform)), "the plan is held")
    assert platform.json("status")["services"][0]["state"] == "running"

    (platform.root / "go").touch()
    platform.wait_until(
        lambda: platform.value("a") == "0 steady" and platform.json("history")[0]["outcome"] == "succeeded",
        "a done",
    )
    platform.wait_until(
        lambda: platform.json("status")["services"][0]["state"] == "held", "a in the held plan"
    )
    digest = platform.json("plan")["digest"]
    platform.wait_until(lambda: held(platform) == digest, "the plan is made anew")
    platform.cli("approve", digest)
    platform.wait_settled(commit)

    assert values(platform) == ["1 steady"] * 4


def test_what_a_person_asks_for_is_not_held(platform: Platform) -> None:
    platform.cli("service", "stop")

    assert values(platform) == [""] * 4
