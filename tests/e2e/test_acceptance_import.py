"""A state folder of an older paiwatch, with what its sources accepted in files, under a daemon of today that dies at each step."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from paiwatch import failpoint
from paiwatch.control import client
from tests.e2e.platform import Platform
from tests.sources.memories import rows, set_back


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """One service, whose configuration takes fast-forwards only; deployed once, and then rewritten."""
    lab = Platform(tmp_path / "p", source_options=", history: fast-forward-only")
    lab.build({"web": ()})
    lab.write_config({"web": 1})
    lab.push("first")
    lab.cli("once")
    lab.git(lab.work, "reset", "--quiet", "--hard", "HEAD~1")
    lab.write_config({"web": 2})
    lab.git(lab.work, "add", "--all")
    lab.git(lab.work, "commit", "--quiet", "--message", "rewritten")
    lab.git(lab.work, "push", "--quiet", "--force", "origin", "HEAD:main")
    yield lab
    if lab.process is not None and lab.process.poll() is None:
        lab.kill()


def state(platform: Platform) -> Path:
    return platform.root / "state"


def begun(platform: Platform) -> int:
    """How many scripts began."""
    return sum(line.what == "begin" for line in platform.trace())


def faults(platform: Platform) -> str:
    """What the daemon says is wrong."""
    progress = client.ask(state(platform), {"verb": "progress"}) or {}
    return str(progress.get("faults", ""))


def die_at(platform: Platform, place: str) -> None:
    """Start the daemon, which is killed there."""
    platform.environment = {failpoint.VARIABLE: place}
    platform.start()
    assert platform.process is not None
    assert platform.process.wait(30) == -9, f"{place}: {platform.log()[-3000:]}"
    platform.environment = {}


def test_an_accepted_rewrite_that_waits_survives_the_import_killed_at_each_step(platform: Platform) -> None:
    platform.cli("once", code=1)
    tip = platform.json("accept-rewrite")["commit"]
    ((name, (accepted, _)),) = rows(state(platform)).items()
    assert tip in accepted
    set_back(state(platform))

    die_at(platform, "record.uncommitted")
    assert rows(state(platform)) == {}
    for place in ("past.cleared", "source.fetched", "source.accepted"):
        die_at(platform, place)
        assert tip in rows(state(platform))[name][0], place
    assert (state(platform) / "sources" / name / "accepted").read_text() == accepted
    assert begun(platform) == 1

    platform.start()
    platform.wait_settled(tip)
    assert platform.value("web") == "2 steady"
    assert begun(platform) == 2


def test_one_that_was_accepted_and_not_looked_at_yet_survives_a_restart(platform: Platform) -> None:
    platform.cli("once", code=1)
    tip = platform.json("accept-rewrite")["commit"]

    for _ in range(2):
        die_at(platform, "past.cleared")
    platform.start()
    platform.wait_settled(tip)
    assert platform.value("web") == "2 steady"


def test_the_upgrade_alone_runs_nothing_and_still_refuses_what_was_refused(platform: Platform) -> None:
    platform.cli("once", code=1)
    set_back(state(platform))
    assert "history was rewritten" in platform.cli("status"), "nobody opened it yet"
    assert "history was rewritten" in platform.cli("plan")

    platform.start()
    platform.wait_until(lambda: "history was rewritten" in faults(platform), "the rewrite is refused")
    platform.stop()

    assert begun(platform) == 1
    assert "history was rewritten" in platform.cli("status")
    assert "history was rewritten" in platform.cli("plan")


def test_a_file_that_cannot_be_read_is_told_and_nothing_is_taken_in_its_place(platform: Platform) -> None:
    set_back(state(platform))
    (file,) = state(platform).glob("sources/*/accepted")
    text = file.read_text()
    file.unlink()
    file.mkdir()

    platform.start()
    platform.wait_until(lambda: f"{file}: cannot be read: Is a directory" in faults(platform), "it is told")
    assert begun(platform) == 1
    file.rmdir()
    file.write_text(text)
    platform.cli("nudge")

    platform.wait_until(lambda: "history was rewritten" in faults(platform), "the rewrite is refused")
    assert begun(platform) == 1


def test_a_lost_record_refuses_to_trust_what_the_branch_has_now(platform: Platform) -> None:
    for file in state(platform).glob("record.db*"):
        file.unlink()
    (state(platform) / "archive").rename(platform.root / "archive")
    (mirror,) = state(platform).glob("sources/*")

    for verb in ("run", "once", "plan", "status"):
        said = " ".join(platform.cli(verb, code=1).split())
        assert f"missing or empty, but {mirror} mirrors a source with rules" in said, verb
    assert begun(platform) == 1

    mirror.rename(platform.root / "mirror")
    platform.cli("once")
    assert platform.value("web") == "2 steady"
