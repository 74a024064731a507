"""`plan`, `render`, `validate`, `why` and `graph` on real folders: they see what the daemon would see, and touch nothing."""

import re
import subprocess
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from paiwatch.cli import view
from paiwatch.plan.applied import HeldBy, Hold
from paiwatch.record import layout
from paiwatch.record.archive import Archive, static_ids
from paiwatch.record.lock import StateLock
from paiwatch.scrub import MASK
from paiwatch.settings import file as settings_file
from tests.cli.worlds import SECRET, World, a_world, modes
from tests.record.runs import SUCCEEDED, Records, a_step, accept, carry, hold


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> World:
    return a_world(tmp_path)


# ── plan ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_plan_as_json(world: World, snapshot: SnapshotAssertion) -> None:
    assert world.document("plan") == snapshot


def test_plan_starts_prerequisites_first_and_gives_a_reason_for_each(world: World) -> None:
    text = world.paiwatch("plan").stdout

    numbered = [line.split()[:5] for line in text.splitlines() if re.match(r"\d+  ", line)]
    assert numbered == [["1", "0", "start", "db", "new"], ["2", "1", "start", "web", "new"]]
    assert text.startswith("config  ")


def test_the_same_trees_give_the_same_plan_byte_for_byte(world: World) -> None:
    assert (
        world.paiwatch("plan", "-o", "json").stdout_bytes == world.paiwatch("plan", "-o", "json").stdout_bytes
    )


def test_looking_writes_nothing(world: World) -> None:
    before = modes(world.root)

    for verb in (["plan", "--diff"], ["validate"], ["why", "web"], ["graph"], ["status"], ["history"]):
        assert world.paiwatch(*verb).exit_code == 0

    assert modes(world.root) == before


def test_plan_shows_new_files_as_a_diff_with_secrets_masked(world: World) -> None:
    text = world.paiwatch("plan", "--diff").stdout

    assert "+++ b/src/web/deploy/env" in text
    assert "+port=8080" in text
    assert SECRET not in text


def apply(world: World, *services: str) -> None:
    """What the daemon remembers and archives after it started these services."""
    seen_settings = settings_file.load(world.settings, {})
    with view.look(seen_settings) as seen, Records.open(world.state) as record:
        for name in services:
            files = seen.render(name)
            step = next(step for step in seen.plan.steps if step.id.service == name)
            carry(record, step, SUCCEEDED, release=files.release)
            blobs = seen.read_src(static_ids(files.release))
            Archive(layout.archive_folder(world.state)).keep(files, blobs)


def test_plan_shows_the_old_and_the_new_of_what_changed(world: World) -> None:
    world.state.mkdir()
    apply(world, "db", "web")
    changed = world.root / "config/services-configuration.yaml"
    changed.write_text(changed.read_text().replace("8080", "9090"))

    text = world.paiwatch("plan", "--diff").stdout

    assert "diff --git a/src/web/deploy/env b/src/web/deploy/env\n" in text
    assert "\n-port=8080\n+port=9090\n password=" in text
    assert text.count("diff --git") == 1
    assert SECRET not in text
    assert "start.sh" not in text.partition("diff --git")[2]


def test_plan_shows_watched_files_outside_the_folder_as_far_as_they_are_known(world: World) -> None:
    declaration = "start-script: start.sh\nstop-script: stop.sh\nwatch: [version/*]\n"
    world.write({"platform/src/db/deploy/service.yaml": declaration, "platform/version/DB": "1\n"})
    world.state.mkdir()
    apply(world, "db", "web")
    world.write({"platform/version/DB": "2\n", "platform/version/NEW": f"{SECRET}\n"})

    text = world.paiwatch("plan", "--diff").stdout

    assert (
        "diff --git a/version/DB b/version/DB\nwatched, and changed; what it was is not known any more"
        in text
    )
    assert "+++ b/version/NEW" in text
    assert SECRET not in text


def test_nothing_to_do_after_all_was_applied(world: World) -> None:
    world.state.mkdir()
    apply(world, "db", "web")

    assert world.document("plan")["steps"] == []
    assert "nothing to do: every service runs what " in world.paiwatch("plan", "--diff").stdout


def test_looking_at_a_repository_leaves_state_and_repository_alone(world: World) -> None:
    config = world.root / "config"
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "First\x1b[31m"]):
        subprocess.run(["git", *command], cwd=config, check=True)
    text = world.settings.read_text().replace(
        f"config: {{directory: {config}", f"config: {{repo: {config}, branch: main"
    )
    world.settings.write_text(text)
    world.state.mkdir()
    before = modes(world.root)

    shown = world.paiwatch("plan")

    assert shown.exit_code == 0
    assert re.search(r"First.*\(Ana, ", shown.stdout)
    assert "\x1b" not in shown.stdout
    assert modes(world.root) == before


def test_a_repository_that_cannot_be_read_is_a_failure_not_a_bug(world: World) -> None:
    text = world.settings.read_text().replace(
        f"config: {{directory: {world.root}/config", "config: {repo: /absent.git"
    )
    world.settings.write_text(text)

    result = world.paiwatch("plan")

    assert result.exit_code == 1
    assert "/absent.git" in result.stderr


def test_a_problem_is_shown_but_does_not_fail_the_plan(world: World) -> None:
    world.write({"platform/src/bad/deploy/service.yaml": "start-script: absent.sh\n"})

    result = world.paiwatch("plan")

    assert result.exit_code == 0
    assert "src/bad/deploy/service.yaml:1" in result.stdout
    assert "start     web" in result.stdout


def test_a_held_service_is_named_with_its_reason(world: World) -> None:
    world.state.mkdir()
    with Records.open(world.state) as record:
        hold(record, Hold(service="web", by=HeldBy.SUSPENDED, reason="disk is full", since=112.0))

    text = world.paiwatch("plan").stdout

    assert re.search(r"held: web: suspended .*: disk is full; go on with `paiwatch resume web`", text)


def test_nothing_to_do_is_said_in_so_many_words(tmp_path: Path) -> None:
    world = a_world(tmp_path, {"config/layout.yaml": "{}\n", "platform/src/notes.txt": "no services\n"})

    text = world.paiwatch("plan").stdout

    assert "nothing to do: every service runs what " in text


# ── render ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_render_writes_what_would_be_run_for_the_owner_only(world: World) -> None:
    out = world.root / "out"
    (world.root / "platform/src/web/deploy/start.sh").chmod(0o755)
    (world.root / "platform/src/web/deploy/link").symlink_to("start.sh")

    result = world.paiwatch("render", "--out", str(out), "web")

    assert result.exit_code == 0
    assert modes(out) == {
        "src": "drwx------",
        "src/web": "drwx------",
        "src/web/deploy": "drwx------",
        "src/web/deploy/env": "-rw-------",
        "src/web/deploy/env.template": "-rw-------",
        "src/web/deploy/link": "lrwxrwxrwx",
        "src/web/deploy/service.yaml": "-rw-------",
        "src/web/deploy/start.sh": "-rwx------",
    }
    assert (out / "src/web/deploy/env").read_text() == f"port=8080\npassword={SECRET}"
    run = subprocess.run(
        ["/bin/bash", "src/web/deploy/start.sh"], cwd=out, capture_output=True, text=True, check=True
    )
    assert run.stdout == "web starts\n"


def test_render_refuses_a_folder_that_is_not_empty(world: World) -> None:
    out = world.root / "out"
    world.write({"out/src/web/deploy/stale": "", "out/mine": ""})

    refused = world.paiwatch("render", "--out", str(out))
    forced = world.paiwatch("render", "--out", str(out), "--force")

    assert refused.exit_code == 2
    assert "is not empty" in refused.stderr
    assert forced.exit_code == 0
    assert (out / "mine").exists()
    assert not (out / "src/web/deploy/stale").exists()


def test_render_of_an_unknown_service_is_bad_input(world: World) -> None:
    result = world.paiwatch("render", "--out", str(world.root / "out"), "wbe")

    assert result.exit_code == 2
    assert "no service 'wbe'" in result.stderr


def test_a_service_that_cannot_be_rendered_fails_and_the_others_are_written(world: World) -> None:
    world.write({"platform/src/web/deploy/env.template": "{{ cluster_cfg['web'].absent }}\n"})
    out = world.root / "out"

    result = world.paiwatch("render", "--out", str(out))

    assert result.exit_code == 1
    assert "src/web/deploy/env.template:1" in result.stderr
    assert [path.name for path in (out / "src").iterdir()] == ["db"]


def test_render_as_json(world: World) -> None:
    document = world.document("render", "--out", str(world.root / "out"))

    assert [(each["name"], each["folder"]) for each in document["services"]] == [
        ("db", "src/db/deploy"),
        ("web", "src/web/deploy"),
    ]


def test_logs_of_a_run_that_is_not_over_are_masked(world: World) -> None:
    world.state.mkdir()
    with Records.open(world.state) as record, StateLock(world.state, command="once"):
        step = a_step("web", "d" * 64)
        accept(record, [step])
        log = record.log(record.begin(step))
        log.parent.mkdir(parents=True)
        log.write_text(f"password is {SECRET}\n")

        result = world.paiwatch("logs", "web")

    assert result.stdout == f"password is {MASK}\n"
    assert result.stderr == "run 1: start web, running\n"


# ── validate ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_good_tree_is_valid(world: World) -> None:
    result = world.paiwatch("validate")

    assert (result.exit_code, result.stdout) == (0, "2 services: no errors, no warnings\n")


def test_every_problem_has_its_place_and_severity(world: World) -> None:
    world.write({"platform/src/web/deploy/service.yaml": "start-script: start.sh\nstop-script: absent.sh\n"})

    result = world.paiwatch("validate")

    assert result.exit_code == 2
    assert re.search(r"^src/web/deploy/service\.yaml:2:\d+: error: ", result.stdout, re.MULTILINE)


def test_a_service_that_cannot_be_read_is_counted_too(world: World) -> None:
    world.write({"platform/src/web/deploy/service.yaml": "start-script: start.sh\ntimeout: soon\n"})

    assert world.paiwatch("validate").stdout.endswith("\n2 services: 1 error, no warnings\n")


def test_warnings_count_only_when_strict(world: World) -> None:
    world.write({"platform/src/db/deploy/service.yaml": "prerequisite: [wbe]\nstart-script: start.sh\n"})

    assert world.paiwatch("validate").exit_code == 0
    assert world.paiwatch("validate", "--strict").exit_code == 2


def test_faulty_settings_are_problems_too(world: World) -> None:
    world.settings.write_text(world.settings.read_text() + "unknown: 1\n")

    result = world.paiwatch("validate")

    assert result.exit_code == 2
    assert f"{world.settings}:4:1: error: " in result.stdout


def test_validate_as_json(world: World, snapshot: SnapshotAssertion) -> None:
    world.write({"platform/src/db/deploy/service.yaml": "prerequisite: [wbe]\nstart-script: start.sh\n"})

    assert world.document("validate") == snapshot


# ── why ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_why_gives_the_reasons_of_the_step(world: World) -> None:
    text = world.paiwatch("why", "web").stdout

    assert text.startswith("would run: start web (new)")


def test_why_remembers_the_last_run(world: World) -> None:
    world.state.mkdir()
    with Records.open(world.state) as record:
        carry(record, a_step("gone", "d" * 64), SUCCEEDED)

    document = world.document("why", "gone")

    assert document["steps"] == []
    assert document["why_not"]
    assert document["last_run"]["service"] == "gone"


def test_why_of_an_unknown_service_guesses(world: World) -> None:
    result = world.paiwatch("why", "wbe")

    assert result.exit_code == 2
    assert "did you mean 'web'?" in result.stderr


# ── graph ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_graph_has_four_forms(world: World) -> None:
    assert world.paiwatch("graph").stdout == "db\nweb <- db\n"
    assert '"db" -> "web";' in world.paiwatch("graph", "-o", "dot").stdout
    assert world.paiwatch("graph", "-o", "mermaid").stdout.startswith("flowchart LR\n")
    assert world.document("graph")["services"] == ["db", "web"]
