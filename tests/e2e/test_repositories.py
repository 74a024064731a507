"""What happens to repositories behind a running daemon: it converges by content, runs nothing twice, and says how things stand."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree

import pytest

from tests.e2e.platform import Platform
from tests.sources.origins import a_raw_commit, a_raw_tree, git

SERVICES = {"base": (), "top": ("base",), "other": ()}


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """Three services; the config repository is fetched."""
    lab = Platform(tmp_path / "lab")
    lab.build(SERVICES)
    lab.repo = (lab.root / "config.git").as_uri()
    lab.write_settings()
    yield lab
    if lab.process is not None and lab.process.poll() is None:
        lab.kill()


def settle(platform: Platform, *, since: int) -> list[str]:
    """Start if need be, and wait for the newest commit; gives the services that ran after so many lines of the trace."""
    if platform.process is None or platform.process.poll() is not None:
        platform.start()
    platform.wait_settled(platform.git(platform.work, "rev-parse", "HEAD").strip())
    return [line.service for line in platform.trace()[since:] if line.what == "begin"]


def wait_for(platform: Platform, event: str, *, times: int) -> None:
    """Until the log has it this often."""
    platform.wait_until(lambda: platform.log().count(event) == times, f"{event} in the log, {times} times")


def rewrite(platform: Platform, values: dict[str, int]) -> None:
    """Put a history that shares no commit in place of the old one, of which nothing remains."""
    platform.git(platform.work, "checkout", "--quiet", "--orphan", "again")
    platform.write_config(values)
    platform.git(platform.work, "add", "--all")
    platform.git(platform.work, "commit", "--quiet", "--message", "All over again")
    platform.git(platform.work, "push", "--quiet", "--force", "origin", "HEAD:main")
    bare = platform.root / "config.git"
    platform.git(bare, "reflog", "expire", "--expire=now", "--all")
    platform.git(bare, "gc", "--quiet", "--prune=now")


@pytest.mark.parametrize("when", ["under it", "between two starts"])
def test_a_rewritten_history_without_the_deployed_commit_is_planned_by_content(
    platform: Platform, when: str
) -> None:
    if when == "under it":
        platform.repo = ""  # read in place
        platform.write_settings()
    assert sorted(settle(platform, since=0)) == ["base", "other", "top"]
    before = len(platform.trace())
    if when != "under it":
        platform.stop()
        rmtree(platform.root / "state" / "sources")

    rewrite(platform, {"base": 0, "top": 7, "other": 0})

    assert settle(platform, since=before) == ["top"]
    assert platform.value("top") == "7 steady"


def test_a_mirror_that_is_gone_is_no_reason_to_deploy(platform: Platform) -> None:
    settle(platform, since=0)
    platform.stop()
    before = len(platform.trace())
    for home in (platform.root / "state" / "sources").iterdir():
        rmtree(home)
        home.write_text("not a folder")

    assert settle(platform, since=before) == []
    platform.write_config({"base": 0, "top": 0, "other": 5})
    platform.push("raise other")

    assert settle(platform, since=before) == ["other"]


def test_a_branch_that_is_deleted_leaves_all_as_it_is_until_it_is_back(platform: Platform) -> None:
    settle(platform, since=0)
    bare = platform.root / "config.git"

    for round_number in (1, 2):
        platform.git(bare, "update-ref", "-d", "refs/heads/main")
        wait_for(platform, "source.failed", times=round_number)
        assert "no branch yet; push 'main' to it" in platform.cli("status")
        platform.write_config({"base": 0, "top": 0, "other": round_number})
        before = len(platform.trace())
        platform.push("back again")

        assert settle(platform, since=before) == ["other"]
        assert platform.log().count("source.recovered") == round_number
        assert "no branch" not in platform.cli("status")
    assert platform.log().count("source.failed") == 2


def test_names_that_only_git_can_hold_come_through_or_are_told_of(tmp_path: Path) -> None:
    lab = Platform(tmp_path / "lab")
    lab.build({"plain": (), "odd": (), "linked": ()})
    tree = lab.root / "tree"
    deploy = tree / "src" / "odd" / "deploy"
    odd = [
        b"new\nline",
        b"quo'te\"",
        b"\xff\xfe",
        b"-dash",
        b" blank ",
        b"tab\t",
        b"$(touch x)",
        b"Case",
        b"case",
    ]
    for name in odd:
        (deploy / os.fsdecode(name)).write_bytes(name)
    with (deploy / "start.sh").open("a") as script:
        script.write(f"cat -- $'new\\nline' $'\\xff\\xfe' Case case > {lab.out('odd')}\n")
    (tree / "src" / "linked" / "deploy" / "out").symlink_to("/etc/passwd")
    lab.git(tree, "init", "--quiet", "--initial-branch=main")
    lab.git(tree, "add", "--all")
    lab.git(tree, "commit", "--quiet", "--message", "odd names")
    text = (lab.root / "config.yaml").read_text()
    live = f"{{directory: {tree}, folder: src, settle: 50ms}}"
    assert live in text
    (lab.root / "config.yaml").write_text(text.replace(live, f"{{repo: '{tree.as_uri()}', folder: src}}"))

    said = lab.cli("once", code=1)
    assert "src/linked/deploy/out: error: is a symbolic link that leaves the deploy folder" in said

    assert lab.out("odd").read_bytes() == b"new\nline\xff\xfeCasecase"
    assert lab.value("plain") == "0 steady"
    assert not lab.out("linked").exists()
    assert "leaves the deploy folder" in lab.cli("validate", code=2)
    assert subprocess.run(("find", lab.root, "-name", "x"), capture_output=True, check=True).stdout == b""


def fetch_src(lab: Platform) -> Path:
    """Put the components into a bare repository of their own, and have the settings name it; gives it."""
    tree, bare = lab.root / "tree", lab.root / "src.git"
    lab.git(tree, "init", "--quiet", "--initial-branch=main")
    lab.git(tree, "add", "--all")
    lab.git(tree, "commit", "--quiet", "--message", "components")
    lab.git(lab.root, "clone", "--quiet", "--bare", str(tree), "src.git")
    text = (lab.root / "config.yaml").read_text()
    live = f"{{directory: {tree}, folder: src, settle: 50ms}}"
    assert live in text
    fetched = f"{{repo: '{bare.as_uri()}', folder: src, poll: 200ms}}"
    (lab.root / "config.yaml").write_text(text.replace(live, fetched))
    return bare


def hang_beside(bare: Path, entry: tuple[str, bytes, str], *, subject: str) -> None:
    """Commit the newest tree with one more entry, of which git has no opinion."""
    before = [line.partition("\t") for line in git(bare, "ls-tree", "main").splitlines()]
    kept = [(facts.split()[0].lstrip("0"), name.encode(), facts.split()[2]) for facts, _, name in before]
    a_raw_commit(bare, a_raw_tree(bare, entry, *kept), subject=subject)


def test_a_commit_that_would_write_outside_of_the_tree_changes_nothing_and_the_next_one_is_taken(
    platform: Platform,
) -> None:
    bare = fetch_src(platform)
    settle(platform, since=0)
    before = len(platform.trace())
    good = git(bare, "rev-parse", "main")
    evil = git(bare, "hash-object", "-w", "--stdin", stdin="evil")
    up = a_raw_tree(bare, ("100644", b"evil", evil))
    for _ in range(3):
        up = a_raw_tree(bare, ("40000", b"..", up))

    hang_beside(bare, ("40000", b"..", up), subject="Climb")
    wait_for(platform, "source.failed", times=1)

    status = platform.cli("status")
    assert "has '../../../../evil', a name that leads out of the tree" in status
    assert "push one without it" in status
    git(bare, "update-ref", "refs/heads/main", good)
    wait_for(platform, "source.recovered", times=1)
    assert len(platform.trace()) == before
    assert not list(platform.root.parent.rglob("evil"))


def test_a_git_lfs_pointer_is_not_run_whether_or_not_attributes_tell_of_it(platform: Platform) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'4d' * 32}\nsize 12345\n"
    (platform.root / "tree/src/other/deploy/big.bin").write_text(pointer)
    fetch_src(platform)

    said = platform.cli("once", code=1)

    assert "other/deploy/big.bin: is a Git LFS pointer, not the file itself" in " ".join(said.split())
    assert platform.value("top") == "0 steady"
    assert not platform.out("other").exists()
