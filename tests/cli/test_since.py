"""Why a service is not in the plan: what changed instead, and whom that concerns."""

from pathlib import Path

import pytest

from tests.cli.repositories import History, a_history
from tests.cli.worlds import FILES, SECRET, a_world

SERVICES = "services-configuration.yaml"
STORE = {
    "platform/src/store/deploy/service.yaml": "template-list: [t]\nstart-script: start.sh\nrefresh-script: start.sh\n",
    "platform/src/store/deploy/start.sh": "true\n",
    "platform/src/store/deploy/t.template": "{{ cluster_cfg.store.size > 3 }}",
    "platform/src/web/deploy/env.template": "{{ cluster_cfg.cluster.theme.colour }}",
    "config/cluster.yaml": "theme: {colour: blue}\n",
    f"config/{SERVICES}": f"store: {{size: 5, password: {SECRET}}}\n",
}


@pytest.fixture(name="history")
def _history(tmp_path: Path) -> History:
    """Everything in it is applied."""
    history = a_history(tmp_path, {**FILES, **STORE})
    history.apply_all()
    return history


def test_a_key_that_others_read(history: History) -> None:
    commit = history.commit_config({"cluster.yaml": "theme: {colour: red}\n"}, "Paint it")

    text = history.world.paiwatch("why", "store").stdout

    assert text.startswith("would not run: 'store' is up to date")
    assert (
        f"  the newest commit of config ({commit[:8]} Ana: Paint it) changed cluster.theme.colour, "
        "which 'store' does not read\n  cluster.theme.colour is read by 'web'\n"
    ) in text
    document = history.world.document("why", "store")
    assert document["changed_elsewhere"] == [{"key": "cluster.theme.colour", "readers": ["web"]}]
    assert history.world.document("why", "web")["changed_elsewhere"] == []


def test_a_key_that_is_read_and_makes_no_difference(history: History) -> None:
    history.commit_config({SERVICES: f"store: {{size: 6, password: {SECRET}}}\n"})

    text = history.world.paiwatch("why", "store").stdout

    assert "changed store.size; 'store' reads that and renders the same\n" in text


def test_several_commits_a_secret_and_nobody(history: History) -> None:
    history.commit_config({SERVICES: "store: {size: 5, password: another-secret}\n"}, "Now another-secret")
    history.commit_config({"cluster.yaml": "theme: {colour: blue}\nname: x\n"}, "Name it")

    text = history.world.paiwatch("why", "store").stdout

    assert "since then 2 commits of config (the newest: " in text
    assert "changed cluster.name, store.password, which 'store' does not read\n" in text
    assert "store.password is read by no template\n" in text
    assert "another-secret" not in text


def test_a_comment_is_nothing_that_a_template_can_see(history: History) -> None:
    history.commit_config({"cluster.yaml": "# hi\ntheme: {colour: blue}\n"}, "Say hi")

    assert (
        "Ana: Say hi) changed nothing that a template can see\n"
        in history.world.paiwatch("why", "store").stdout
    )


def test_a_default_that_others_read(history: History) -> None:
    history.commit_src({"src/db/config/db.yaml": "disk: 1\n"})

    text = history.world.paiwatch("why", "store").stdout

    assert "since then the components' defaults or parsers changed db, which 'store' does not read\n" in text


def test_files_of_others(history: History) -> None:
    history.commit_src({"src/db/deploy/start.sh": "echo anew\n"}, "Start anew")

    text = history.world.paiwatch("why", "store").stdout

    assert (
        "Ana: Start anew) changed src/db/deploy/start.sh, which is no part of the release of 'store'\n"
        in text
    )


def test_nothing_is_told_where_nothing_is_known(history: History, tmp_path: Path) -> None:
    live = a_world(tmp_path / "live")
    History(live).apply_all()
    live.write({f"config/{SERVICES}": f"web:\n  port: 8080\n  password: {SECRET}\nmore: {{}}\n"})

    assert history.world.document("why", "store")["changed_elsewhere"] == []
    assert len(live.document("why", "web")["why_not"]) == 1
