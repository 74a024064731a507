"""Every reason names the commit, the template's line and the place of the key; what is not certain is not told."""

from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.matchers import path_type

from paiwatch.scrub import MASK
from tests.cli.repositories import History, a_history
from tests.cli.worlds import FILES, SECRET, a_world

SERVICES = "services-configuration.yaml"


def conf(port: int = 8080, *, password: str = SECRET, more: str = "") -> dict[str, str]:
    return {SERVICES: f"web:\n  port: {port}\n  password: {password}\n{more}"}


@pytest.fixture(name="history")
def _history(tmp_path: Path) -> History:
    """Everything in it is applied."""
    history = a_history(tmp_path)
    history.apply_all()
    return history


def reasons(document: Any, service: str) -> list[dict[str, Any]]:
    return next(step["reasons"] for step in document["steps"] if step["service"] == service)


def test_a_key_names_its_commit_line_and_place(history: History) -> None:
    commit = history.commit_config(conf(9090), "Raise the port")

    (reason,) = reasons(history.world.document("plan"), "web")

    assert reason == {
        "kind": "key",
        "detail": "web.port: 8080 → 9090, read by env.template",
        "file": "src/web/deploy/env.template",
        "key": "web.port",
        "before": "8080",
        "after": "9090",
        "template": "src/web/deploy/env.template",
        "line": 1,
        "origin": f"{SERVICES}:2",
        "commit": {"id": commit, "author": "Ana", "subject": "Raise the port"},
    }
    told = f"web.port: 8080 → 9090, read by env.template:1 (set in {SERVICES}:2; {commit[:8]} Ana: Raise the port)"
    assert told in history.world.paiwatch("plan").stdout
    assert told in history.world.paiwatch("why", "web").stdout


def test_of_several_commits_the_newest_that_changed_the_key_and_not_the_file_only(history: History) -> None:
    history.commit_config(conf(8081), "First")
    second = history.commit_config(conf(9090), "Second")
    history.commit_config(conf(9090, more="other: {x: 1}\n"), "Something else in the same file")
    history.commit_config({"README": "hi\n"}, "Not even the file")

    (reason,) = reasons(history.world.document("plan"), "web")

    assert (reason["before"], reason["after"], reason["commit"]["id"]) == ("8080", "9090", second)


def test_a_secret_is_masked_wherever_it_stands(history: History) -> None:
    history.commit_config(conf(password="another-secret"), "Set the password to another-secret")

    text = history.world.paiwatch("-o", "json", "plan").stdout + history.world.paiwatch("why", "web").stdout

    assert "another-secret" not in text
    assert SECRET not in text
    assert f"Set the password to {MASK}" in text


def test_a_default_that_changed_is_found_in_the_component(tmp_path: Path) -> None:
    files = {**FILES, "platform/src/web/config/web.yaml": "size: 1\n"}
    files["platform/src/web/deploy/env.template"] = "\n{{ cluster_cfg.web.size }}\n"
    history = a_history(tmp_path, files)
    history.apply_all()
    commit = history.commit_src({"src/web/config/web.yaml": "# bigger\nsize: 2\n"}, "Grow")

    (reason,) = reasons(history.world.document("plan"), "web")

    assert (reason["origin"], reason["line"]) == ("src/web/config/web.yaml:2", 2)
    assert reason["commit"]["id"] == commit


def test_a_key_that_was_removed_has_a_commit_and_no_place(tmp_path: Path) -> None:
    files = {
        **FILES,
        "platform/src/web/deploy/env.template": "{{ cluster_cfg.web.colour | default('red') }}",
    }
    history = a_history(tmp_path, files | {f"config/{SERVICES}": "web:\n  colour: blue\n"})
    history.apply_all()
    commit = history.commit_config({SERVICES: "web: {}\n"}, "Back to red")

    (reason,) = reasons(history.world.document("plan"), "web")

    assert (reason["after"], reason["commit"]["id"]) == ("(not set)", commit)
    assert "origin" not in reason


def test_a_file_names_the_newest_commit_that_made_it_what_it_is(history: History) -> None:
    history.commit_src({"src/db/deploy/start.sh": "echo one\n"}, "One")
    commit = history.commit_src({"src/db/deploy/start.sh": "echo two\n"}, "Two")
    history.commit_src({"src/web/deploy/notes": "unrelated\n"}, "Elsewhere")

    document = history.world.document("plan")

    (own,) = reasons(document, "db")
    assert (own["file"], own["commit"]["id"]) == ("src/db/deploy/start.sh", commit)
    followed = next(reason for reason in reasons(document, "web") if reason["kind"] == "prerequisite")
    assert (followed["chain"], followed["commit"]["id"]) == (["db"], commit)


def test_a_new_service_names_who_added_it(history: History) -> None:
    added = {"src/new/deploy/service.yaml": "start-script: start.sh\n", "src/new/deploy/start.sh": "true\n"}
    commit = history.commit_src(added, "Add new")
    history.commit_src({"src/new/deploy/service.yaml": "start-script: start.sh # yes\n"}, "Comment")

    (reason,) = reasons(history.world.document("plan"), "new")

    assert (reason["kind"], reason["commit"]["id"]) == ("new", commit)


def test_a_removed_service_names_who_removed_it(history: History) -> None:
    settings = history.world.settings
    settings.write_text(settings.read_text() + "operators: {removed: stop}\n")
    gone = {f"src/db/deploy/{file}": None for file in ("service.yaml", "start.sh", "stop.sh")}
    commit = history.commit_src(gone, "Drop db")

    (reason,) = reasons(history.world.document("plan"), "db")

    assert (reason["kind"], reason["commit"]["subject"], reason["commit"]["id"]) == (
        "removed",
        "Drop db",
        commit,
    )


def test_two_revisions_compared_are_explained_too(history: History) -> None:
    first = history.heads()[0]
    commit = history.commit_config(conf(9090), "Raise the port")
    history.commit_config(conf(9999), "Again")

    document = history.world.document("plan", "--from-config", first, "--to-config", commit)

    assert reasons(document, "web")[0]["commit"]["subject"] == "Raise the port"


def test_a_history_that_was_rewritten_tells_nothing_wrong(history: History) -> None:
    from tests.sources.origins import git

    git(history.config, "commit", "-q", "--amend", "-m", "Begin again")
    git(history.config, "reflog", "expire", "--expire=now", "--all")
    git(history.config, "gc", "-q", "--prune=now")
    history.commit_src({"src/web/deploy/env.template": "{{ cluster_cfg.web.port }}"}, "Simplify")
    history.commit_config(conf(9090), "Raise the port")

    (reason,) = reasons(history.world.document("plan"), "web")

    assert reason["kind"] == "file"
    assert reason["commit"]["subject"] == "Simplify"


def test_a_live_directory_has_lines_and_no_commits(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    History(world).apply_all()
    world.write({f"config/{SERVICES}": conf(9090)[SERVICES]})

    (reason,) = reasons(world.document("plan"), "web")

    assert (reason["line"], reason["origin"]) == (1, f"{SERVICES}:2")
    assert "commit" not in reason


def test_why_as_json(history: History, snapshot: SnapshotAssertion) -> None:
    history.commit_config(conf(9090), "Raise the port")

    shape = path_type(
        {r"(?!.*newest\.(config|src)$).*(id|digest|config|src|started|ended)": (str,)}, regex=True
    )
    assert history.world.document("why", "web") == snapshot(matcher=shape)


def test_what_a_parser_computes_names_the_commit_that_changed_its_outcome(tmp_path: Path) -> None:
    parser = (
        "class RestServer:\n"
        "    def __init__(self, layout, override, default):\n"
        "        self.section = dict(default, **override)\n"
        "    def validation_pre(self):\n"
        "        return True, None\n"
        "    def run(self):\n"
        "        self.section['url'] = 'http://web:%d' % self.section['port']\n"
        "        return self.section\n"
        "    def validation_post(self, model):\n"
        "        return True, None\n"
    )
    files = {
        "config/layout.yaml": "machine-sku:\n  small: {mem: 4Gi}\nmachine-list:\n"
        "  - {hostname: zeus, hostip: 10.0.0.1, machine-type: small, pai-master: 'true'}\n",
        f"config/{SERVICES}": "rest-server:\n  port: 1\n",
        "platform/src/rest-server/config/rest-server.yaml": "size: 1\n",
        "platform/src/rest-server/config/rest_server.py": parser,
        "platform/src/rest-server/deploy/service.yaml": (
            "template-list: [env]\nstart-script: start.sh\nstop-script: start.sh\n"
        ),
        "platform/src/rest-server/deploy/start.sh": "true\n",
        "platform/src/rest-server/deploy/env.template": "\n{{ cluster_cfg['rest-server']['url'] }}\n",
    }
    history = a_history(tmp_path, files)
    history.world.settings.write_text(history.world.settings.read_text() + "cluster: {model: openpai}\n")
    first = history.heads()[0]
    history.commit_config({SERVICES: "rest-server:\n  port: 2\n"}, "Not yet")
    commit = history.commit_config({SERVICES: "rest-server:\n  port: 3\n"}, "Third port")
    history.commit_config({SERVICES: "rest-server:\n  port: 3\n  size: 2\n"}, "Grow")

    document = history.world.document("plan", "--from-config", first)

    (reason, *_) = reasons(document, "rest-server")
    assert (reason["key"], reason["before"], reason["after"]) == (
        "rest-server.url",
        "http://web:1",
        "http://web:3",
    )
    assert (reason["commit"]["id"], reason["line"]) == (commit, 2)
    assert "origin" not in reason
