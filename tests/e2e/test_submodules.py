"""A daemon that follows submodules: it deploys what a moved submodule changes, waits for what is not there, runs nothing else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paiwatch.control import client
from tests.e2e.platform import Platform


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """Two services in a src repository; `web` copies what the submodule in its deploy folder holds, `db` is by itself."""
    lab = Platform(tmp_path / "lab")
    lab.build({"web": (), "db": ()})
    copies = f"cp vendor/words {lab.out('web')}"
    lab.add("web", start=copies, refresh=copies)
    for name, work in (("lib", lab.root / "lib"), ("src", lab.root / "tree")):
        work.mkdir(exist_ok=True)
        lab.git(lab.root, "init", "--quiet", "--bare", "--initial-branch=main", f"{name}.git")
        lab.git(work, "init", "--quiet", "--initial-branch=main")
        lab.git(work, "remote", "add", "origin", f"{lab.root}/{name}.git")
    say(lab, "one")
    lab.git(lab.root / "lib", "push", "--quiet", "origin", "HEAD:main")
    modules = '[submodule "words"]\n\tpath = src/web/deploy/vendor\n\turl = ../lib.git\n'
    (lab.root / "tree" / ".gitmodules").write_text(modules)
    lab.git(lab.root / "tree", "add", "--all")
    move(lab)
    (lab.root / "config.yaml").write_text(
        f"config: {{repo: {lab.root}/config.git}}\n"
        f"src: {{repo: 'file://{lab.root}/src.git', folder: src, poll: 100ms, submodules: on}}\n"
        f"state: {lab.root}/state\noperators: {lab.operators}\n"
    )
    yield lab
    if lab.process is not None and lab.process.poll() is None:
        lab.kill()


def say(platform: Platform, words: str) -> None:
    """Commit these words in the submodule's repository; nobody else gets them yet."""
    (platform.root / "lib" / "words").write_text(words)
    platform.git(platform.root / "lib", "add", "--all")
    platform.git(platform.root / "lib", "commit", "--quiet", "--message", f"Say {words}")


def move(platform: Platform) -> str:
    """Push a src commit whose submodule is at the newest commit of its repository; gives it."""
    tree = platform.root / "tree"
    newest = platform.git(platform.root / "lib", "rev-parse", "HEAD").strip()
    platform.git(tree, "update-index", "--add", "--cacheinfo", f"160000,{newest},src/web/deploy/vendor")
    platform.git(tree, "commit", "--quiet", "--message", "Move the words")
    platform.git(tree, "push", "--quiet", "origin", "HEAD:main")
    return platform.git(tree, "rev-parse", "HEAD").strip()


def settle(platform: Platform, src: str) -> None:
    """Wait until the daemon has settled on this src commit."""

    def settled() -> bool:
        progress: Any = client.ask(platform.root / "state", {"verb": "progress"}) or {}
        return bool(progress.get("settled")) and (progress.get("snapshot") or {}).get("src") == src

    platform.wait_until(settled, f"settled on {src[:8]}")


def test_a_moved_submodule_is_deployed_once_all_of_it_is_there(platform: Platform) -> None:
    tree = platform.root / "tree"
    platform.start()
    settle(platform, platform.git(tree, "rev-parse", "HEAD").strip())
    assert platform.value("web") == "one"
    before = len(platform.trace())

    say(platform, "two")
    moved = move(platform)
    platform.wait_until(lambda: "source.failed" in platform.log(), "the commit waits")
    assert "waits for commit" in (status := platform.cli("status"))
    assert "'src/web/deploy/vendor'" in status
    assert platform.value("web") == "one"
    platform.git(platform.root / "lib", "push", "--quiet", "origin", "HEAD:main")
    platform.cli("nudge")
    settle(platform, moved)

    assert platform.value("web") == "two"
    assert [line.service for line in platform.trace()[before:] if line.what == "begin"] == ["web"]

    platform.kill()
    (platform.root / "lib.git").rename(platform.root / "away.git")
    platform.start()  # its server is gone, its files are here
    settle(platform, moved)
    canary = platform.root / "canary"
    platform.git(tree, "config", "-f", ".gitmodules", "submodule.words.url", f"ext::sh -c 'touch {canary}'")
    platform.git(tree, "add", ".gitmodules")
    say(platform, "three")
    move(platform)
    platform.wait_until(lambda: "cannot be taken" in platform.log(), "the commit is refused")

    assert ".gitmodules:1: submodule 'words' has the url " in platform.cli("validate", code=1)
    assert platform.stop() == 0
    assert ".gitmodules:1: submodule 'words'" in platform.cli("once", code=1)
    assert not canary.exists()
    assert platform.value("web") == "two"
