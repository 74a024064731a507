"""What can happen to the branch that is followed, over there and in the settings."""

from pathlib import Path

import pytest

from paiwatch.errors import StalledError, TransientError
from tests.sources.origins import a_bare, a_repository, a_work_tree, commit, git, push, texts, wipe

UNRELATED = {"layout.yaml": "quite another\n", "new/file": "x\n"}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = a_work_tree(tmp_path / "cluster", {"layout.yaml": "one\n", "old/file": "o\n"})
    a_bare(folder)
    return folder


@pytest.fixture
def bare(work: Path) -> Path:
    return work.with_name("cluster.git")


@pytest.fixture(params=["path", "url"])
def address(request: pytest.FixtureRequest, bare: Path) -> str:
    """The two ways to follow: reading in place, and fetching."""
    return str(bare) if request.param == "path" else bare.as_uri()


def an_unrelated_history(work: Path) -> str:
    """Put a history that shares nothing in place of main; gives its tip."""
    git(work, "checkout", "-q", "--orphan", "other")
    git(work, "rm", "-q", "-r", "-f", ".")
    made = commit(work, UNRELATED)
    git(work, "push", "-q", "--force", "origin", "other:main")
    return made


def test_an_unrelated_history_pushed_by_force_is_compared_by_content(
    tmp_path: Path, work: Path, bare: Path, address: str
) -> None:
    repository = a_repository(tmp_path / "home", address)
    before = repository.look(folder=".")
    made = an_unrelated_history(work)
    git(bare, "reflog", "expire", "--expire=now", "--all")
    git(bare, "gc", "-q", "--prune=now")

    after = repository.look(folder=".", since=before)

    assert after.revision.id == made
    assert texts(repository, after) == UNRELATED
    assert after.files == repository.tree(after.revision, folder=".").files
    repository.close()


def test_a_rebase_is_followed(tmp_path: Path, work: Path, address: str) -> None:
    first = git(work, "rev-parse", "HEAD")
    push(work, {"layout.yaml": "two\n"})
    repository = a_repository(tmp_path / "home", address)
    before = repository.look(folder=".")
    git(work, "reset", "-q", "--hard", first)
    commit(work, {"under": "below\n"})

    made = push(work, {"layout.yaml": "two\n"})

    after = repository.look(folder=".", since=before)
    assert after.revision.id == made
    assert texts(repository, after) == {"layout.yaml": "two\n", "old/file": "o\n", "under": "below\n"}
    repository.close()


def test_a_deleted_branch_leaves_the_last_tree_readable_and_is_found_when_it_is_back(
    tmp_path: Path, work: Path, bare: Path, address: str
) -> None:
    git(work, "push", "-q", "origin", "main:maim")
    repository = a_repository(tmp_path / "home", address)
    tree = repository.look(folder=".")

    git(bare, "update-ref", "-d", "refs/heads/main")
    for _ in range(2):
        with pytest.raises(StalledError, match=r"no branch 'main'; did you mean 'maim'\?; push it"):
            repository.look(folder=".", since=tree)
    assert texts(repository, tree)["layout.yaml"] == "one\n"

    made = push(work, {"layout.yaml": "two\n"})
    assert repository.look(folder=".", since=tree).revision.id == made
    repository.close()


def test_an_emptied_repository_says_so_and_may_be_filled_again(
    tmp_path: Path, work: Path, bare: Path, address: str
) -> None:
    repository = a_repository(tmp_path / "home", address)
    repository.look(folder=".")
    wipe(bare)
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(bare))

    with pytest.raises(StalledError, match="no branch yet; push 'main' to it"):
        repository.newest()

    assert an_unrelated_history(work) == repository.newest()
    assert texts(repository, repository.look(folder=".")) == UNRELATED
    repository.close()


def test_a_branch_that_became_a_tag_is_not_followed(
    tmp_path: Path, work: Path, bare: Path, address: str
) -> None:
    git(work, "push", "-q", "origin", "main:prod")
    repository = a_repository(tmp_path / "home", address, branch="prod")
    repository.newest()
    git(bare, "tag", "prod", "refs/heads/prod")
    git(bare, "update-ref", "-d", "refs/heads/prod")

    with pytest.raises(StalledError, match="'prod' is a tag, and only branches are followed"):
        repository.newest()
    repository.close()


@pytest.mark.parametrize("kind", ["light", "annotated"])
def test_a_tag_of_the_same_name_is_not_taken_for_the_branch(
    tmp_path: Path, work: Path, bare: Path, address: str, kind: str
) -> None:
    first = git(work, "rev-parse", "HEAD")
    options = ("-a", "-m", "x") if kind == "annotated" else ()
    git(work, "tag", *options, "main", first)
    git(work, "push", "-q", "origin", "refs/tags/main")
    repository = a_repository(tmp_path / "home", address)

    second = commit(work, {"layout.yaml": "two\n"})
    git(work, "push", "-q", "origin", "refs/heads/main:refs/heads/main")

    assert repository.newest() == second
    assert repository.resolve("main") == second
    assert repository.resolve("refs/tags/main") == first
    repository.close()


@pytest.mark.parametrize("written", ["v1", "refs/tags/v1"])
def test_a_tag_in_the_settings_is_refused(tmp_path: Path, work: Path, address: str, written: str) -> None:
    git(work, "push", "-q", "origin", "main:refs/tags/v1")
    repository = a_repository(tmp_path / "home", address, branch=written)

    with pytest.raises(StalledError, match="is a tag, and only branches are followed; name a branch"):
        repository.newest()
    repository.close()


def test_a_full_ref_in_the_settings_is_its_branch(tmp_path: Path, work: Path, address: str) -> None:
    repository = a_repository(tmp_path / "home", address, branch="refs/heads/main")

    assert repository.newest() == git(work, "rev-parse", "HEAD")
    repository.close()


def test_a_ref_elsewhere_that_ends_alike_is_not_taken_for_the_branch(
    tmp_path: Path, bare: Path, address: str
) -> None:
    repository = a_repository(tmp_path / "home", address)
    repository.newest()
    git(bare, "update-ref", "refs/tags/refs/heads/main", "refs/heads/main")
    git(bare, "update-ref", "-d", "refs/heads/main")

    for _ in range(2):
        with pytest.raises(StalledError, match="no branch"):
            repository.newest()
    repository.close()


def test_a_branch_whose_name_was_a_folder_of_branches_is_followed(
    tmp_path: Path, work: Path, bare: Path, address: str
) -> None:
    git(work, "push", "-q", "origin", "main:team", "main:x/y/z")
    repository = a_repository(tmp_path / "home", address, branch="team/prod")
    repository.resolve("team")
    repository.resolve("x/y/z")
    git(bare, "update-ref", "-d", "refs/heads/team")
    git(bare, "update-ref", "-d", "refs/heads/x/y/z")
    git(work, "push", "-q", "origin", "main:team/prod", "main:x")

    found = None
    for _ in range(2):  # what the last one kept may be in the way once
        try:
            found = repository.newest()
        except TransientError:
            continue

    assert found == git(work, "rev-parse", "HEAD")
    assert repository.resolve("x") == found
    repository.close()


def test_names_that_differ_in_case_alone_are_different(tmp_path: Path, work: Path, address: str) -> None:
    git(work, "push", "-q", "origin", "main:Main")
    made = push(work, {"Layout.yaml": "big\n", "old/File": "F\n", "OLD/file": "O\n"})
    repository = a_repository(tmp_path / "home", address)

    tree = repository.look(folder=".")

    assert tree.revision.id == made
    assert texts(repository, tree) == {
        "Layout.yaml": "big\n", "layout.yaml": "one\n", "old/File": "F\n", "old/file": "o\n", "OLD/file": "O\n",
    }  # fmt: skip
    repository.close()


def test_a_commit_that_is_announced_before_it_is_there_is_waited_for(
    tmp_path: Path, work: Path, bare: Path, address: str
) -> None:
    repository = a_repository(tmp_path / "home", address)
    before = repository.look(folder=".")
    made = commit(work, {"layout.yaml": "two\n"})
    (bare / "refs/heads/main").write_text(f"{made}\n")

    for _ in range(2):
        with pytest.raises(TransientError, match="next look tries again"):
            repository.look(folder=".", since=before)
    assert texts(repository, before)["layout.yaml"] == "one\n"

    (bare / "objects/info/alternates").write_text(f"{work / '.git/objects'}\n")
    after = repository.look(folder=".", since=before)
    assert (after.revision.id, texts(repository, after)["layout.yaml"]) == (made, "two\n")
    repository.close()


@pytest.mark.parametrize("form", ["path", "url"])
def test_a_shallow_repository_is_followed(tmp_path: Path, work: Path, bare: Path, form: str) -> None:
    for number in range(3):
        push(work, {"layout.yaml": f"{number}\n"})
    shallow = tmp_path / "shallow.git"
    git(tmp_path, "clone", "-q", "--bare", "--depth", "2", bare.as_uri(), str(shallow))
    repository = a_repository(tmp_path / "home", shallow if form == "path" else shallow.as_uri())
    before = repository.look(folder=".")
    made = push(work, {"layout.yaml": "after\n"})

    git(shallow, "fetch", "-q", "--depth", "1", "origin", "+main:main")
    after = repository.look(folder=".", since=before)

    assert after.revision.id == made
    assert texts(repository, after)["layout.yaml"] == "after\n"
    assert [one.revision.id for one in repository.log(before.revision.id, made)] in ([], [made])
    assert texts(repository, before)["layout.yaml"] == "2\n"
    repository.close()


@pytest.mark.parametrize("form", ["path", "url"])
def test_a_repository_of_the_other_hash_is_refused(tmp_path: Path, form: str) -> None:
    folder = tmp_path / "sha256"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main", "--object-format=sha256")
    commit(folder, {"file": "x\n"})
    repository = a_repository(tmp_path / "home", folder if form == "path" else folder.as_uri())

    with pytest.raises((StalledError, TransientError), match="use a SHA-1 repository"):
        repository.newest()
    repository.close()
