"""`plan` between any two snapshots, `render` of any snapshot, and the exit code that tells changes from nothing."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.repositories import History, a_history
from tests.cli.worlds import SECRET, a_world, modes

PORT = {"services-configuration.yaml": f"web:\n  port: 9090\n  password: {SECRET}\n"}


@pytest.fixture(name="history")
def _history(tmp_path: Path) -> History:
    return a_history(tmp_path)


def steps(document: Any) -> list[str]:
    return [f"{step['operator']} {step['service']}" for step in document["steps"]]


def test_two_commits_of_config_are_compared_without_a_record(history: History) -> None:
    first, _ = history.heads()
    second = history.commit_config(PORT)
    before = modes(history.world.root)

    document = history.world.document("plan", "--from-config", first, "--to-config", second)

    assert steps(document) == ["refresh web"]
    assert document["snapshot"]["config"] == second
    assert document["summary"] == {"new": 0, "changed": 1, "removed": 0, "dependents": 0}
    assert document["steps"][0]["reasons"][0]["key"] == "web.port"
    assert modes(history.world.root) == before


def test_what_is_left_out_is_the_newest(history: History) -> None:
    first, _ = history.heads()
    history.commit_config(PORT)

    assert steps(history.world.document("plan", "--from-config", first)) == ["refresh web"]
    assert steps(history.world.document("plan", "--to-config", first)) == ["refresh web"]
    assert steps(history.world.document("plan", "--from-config", "main", "--to-config", "main")) == []
    assert history.world.document("plan", "--to-config", "main~1")["snapshot"]["config"] == first


def test_a_dependent_is_counted_apart(history: History) -> None:
    _, first = history.heads()
    history.commit_src({"src/db/deploy/start.sh": "echo db starts anew\n"})

    document = history.world.document("plan", "--from-src", first)
    text = history.world.paiwatch("plan", "--from-src", first).stdout

    assert steps(document) == ["stop db", "start db", "refresh web"]
    assert document["summary"] == {"new": 0, "changed": 1, "removed": 0, "dependents": 1}
    assert "2 services: 1 changed, 1 pulled in as dependents" in text


def test_a_service_that_came_and_one_that_went(history: History) -> None:
    _, first = history.heads()
    history.commit_src(
        {
            "src/new/deploy/service.yaml": "start-script: start.sh\n",
            "src/new/deploy/start.sh": "true\n",
            "src/web/deploy/service.yaml": None,
            "src/web/deploy/start.sh": None,
            "src/web/deploy/env.template": None,
        }
    )

    result = history.world.paiwatch("plan", "--from-src", first)

    assert "start     new" in result.stdout
    assert "kept, though gone from the tree: web" in result.stdout


def test_a_watched_file_is_a_reason(history: History) -> None:
    declaration = "watch: [VERSION]\nstart-script: start.sh\nrefresh-script: start.sh\n"
    history.commit_src(
        {"src/db/deploy/service.yaml": declaration, "src/db/deploy/VERSION": "x", "VERSION": "1\n"}
    )
    first = history.heads()[1]
    commit = history.commit_src({"VERSION": "2\n"}, "Release 2")

    document = history.world.document("plan", "--from-src", first)

    (reason,) = document["steps"][0]["reasons"]
    assert (reason["file"], reason["commit"]["id"]) == ("VERSION", commit)


def test_the_diff_is_of_both_renderings_and_masked(history: History) -> None:
    first, _ = history.heads()
    history.commit_config({"services-configuration.yaml": "web:\n  port: 9090\n  password: another-secret\n"})

    text = history.world.paiwatch("plan", "--diff", "--from-config", first).stdout

    assert "\n-port=8080\n+port=9090\n password=" in text
    assert SECRET not in text
    assert "another-secret" not in text


def test_a_page_for_a_pull_request(history: History) -> None:
    first, _ = history.heads()
    history.commit_config(
        {"services-configuration.yaml": "web:\n  port: a|b<c>`d`\n  password: another-secret\n"},
        "Use <b>strange|ports</b>, another-secret, @ana",
    )

    result = history.world.paiwatch("plan", "-o", "markdown", "--exit-code", "--from-config", first)

    assert result.exit_code == 4
    text = result.stdout
    assert text.startswith("### paiwatch: 1 service: 1 changed, 0 pulled in as dependents\n")
    row = next(line for line in text.split("\n") if line.startswith("| 1 |"))
    assert row.startswith("| 1 | 0 | refresh | web | changed | ")
    assert row.count("|") == 7
    assert "8080 → a&#124;b&#60;c&#62;&#96;d&#96;, read by env.template:1" in row
    assert "Ana: Use &#60;b&#62;strange&#124;ports&#60;/b&#62;, •••, @&#8203;ana" in row
    assert "<details><summary>web</summary>\n\n```diff\n" in text
    assert "another-secret" not in text
    assert SECRET not in text


def test_comparing_equals_what_the_daemon_plans_after_applying(history: History) -> None:
    config, src = history.heads()
    history.apply_all()
    history.commit_config(PORT)
    history.commit_src({"src/db/deploy/start.sh": "echo db starts anew\n"})

    daemon = history.world.document("plan", "--diff")
    compared = history.world.document("plan", "--diff", "--from-config", config, "--from-src", src)

    assert daemon["steps"]
    assert compared == daemon


def test_a_live_directory_has_no_revisions(tmp_path: Path) -> None:
    world = a_world(tmp_path)

    result = world.paiwatch("plan", "--from-config", "main")

    assert result.exit_code == 2
    assert f"{tmp_path}/config: a live directory has no revisions; leave 'main' out" in result.stderr


def test_a_revision_that_does_not_exist_is_bad_input(history: History) -> None:
    result = history.world.paiwatch("plan", "--from-config", "mian")

    assert result.exit_code == 2
    assert "no revision 'mian'; did you mean 'main'?" in result.stderr


def test_nothing_can_have_been_applied_of_a_broken_tree(history: History) -> None:
    broken = history.commit_config({"services-configuration.yaml": "web: [\n"})
    history.commit_config(PORT)

    result = history.world.paiwatch("plan", "--from-config", broken)

    assert result.exit_code == 2
    assert f"nothing can have been applied of config {broken[:8]}" in result.stderr
    assert "services-configuration.yaml:" in result.stderr


def test_the_exit_code_tells_changes_from_nothing(history: History) -> None:
    first, _ = history.heads()
    history.commit_config(PORT)

    assert history.world.paiwatch("plan", "--exit-code", "--from-config", first).exit_code == 4
    assert history.world.paiwatch("plan", "--exit-code", "--from-config", "main").exit_code == 0
    assert history.world.paiwatch("plan", "--exit-code", "-o", "json").exit_code == 4
    assert history.world.paiwatch("plan").exit_code == 0
    assert history.world.paiwatch("plan", "--exit-code", "--from-config", "mian").exit_code == 2


def test_any_snapshot_is_rendered(history: History) -> None:
    config, src = history.heads()
    history.commit_config(PORT)
    history.commit_src({"src/web/deploy/env.template": "p={{ cluster_cfg['web'].port }}\n"})
    out = history.world.root / "out"

    document = history.world.document(
        "render", "--out", str(out), "--config-rev", config, "--src-rev", "main~1", "web"
    )

    assert document["snapshot"] == {"config": config, "src": src}
    assert (out / "src/web/deploy/env").read_text() == f"port=8080\npassword={SECRET}"


def test_a_repository_that_is_both_sources_has_two_revisions(tmp_path: Path) -> None:
    history = a_history(tmp_path)
    history.commit_src({"services-configuration.yaml": "web: {port: 1, password: p}\n"}, "Both in one")
    history.world.settings.write_text(
        f"config: {{repo: {history.platform}, folder: .}}\n"
        f"src: {{repo: {history.platform}, folder: src}}\n"
        f"state: {tmp_path}/state\n"
    )
    first = history.heads()[1]
    history.commit_src({"services-configuration.yaml": "web: {port: 2, password: p}\n"})
    history.commit_src({"src/db/deploy/start.sh": "echo anew\n"})

    assert steps(history.world.document("plan", "--from-config", first)) == ["refresh web"]
    assert steps(history.world.document("plan", "--from-src", first)) == [
        "stop db",
        "start db",
        "refresh web",
    ]
