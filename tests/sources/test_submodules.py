"""With `submodules: on` a tree has the files of its submodules, whatever leads there, or the commit is waited for."""

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from paiwatch.errors import ConfigError, StalledError, TransientError
from paiwatch.snapshot import Mode, Tree
from paiwatch.sources import mirror
from paiwatch.sources.whole import WholeRepository
from tests.sources.nests import a_library, a_whole, head, link, publish, push_staged, serve_and_listen
from tests.sources.origins import a_bare, a_work_tree, assert_gone, commit, git, wipe
from tests.sources.servers import reason_against_ssh, serve_http, serve_silence, serve_ssh

Opener = Callable[..., WholeRepository]


@pytest.fixture
def opened() -> Iterator[list[WholeRepository]]:
    made: list[WholeRepository] = []
    yield made
    for each in made:
        each.close()


@pytest.fixture
def follow(tmp_path: Path, opened: list[WholeRepository]) -> Opener:
    """Open the platform's repository, by its path unless another address is given."""

    def follow(
        repo: str | Path = "", *, state: str = "state", lender: Path | None = None, **settings: object
    ) -> WholeRepository:
        made = a_whole(tmp_path / state, repo or tmp_path / "platform.git", lender=lender, **settings)
        opened.append(made)
        return made

    return follow


@pytest.fixture
def lib(tmp_path: Path) -> Path:
    return a_library(tmp_path / "lib", {"run.sh": "one\n", "deep/notes": "x\n"})


@pytest.fixture
def platform(tmp_path: Path, lib: Path) -> Path:
    """A repository that has lib at src/a/lib."""
    work = a_work_tree(tmp_path / "platform", {"src/a/own": "own\n", "src/z": "z\n"})
    a_bare(work)
    link(work, "src/a/lib", head(lib), "../lib.git")
    push_staged(work)
    return work


def texts(origin: WholeRepository, tree: Tree) -> dict[str, str]:
    contents = origin.read(entry.oid for entry in tree.files.values())
    return {path: contents[entry.oid].decode() for path, entry in tree.files.items() if path != ".gitmodules"}


def mirrors(state: Path) -> set[str]:
    return {held.parent.name for held in (state / "sources").glob("*/held")}


def test_the_files_of_a_submodule_are_files_of_the_tree(platform: Path, follow: Opener) -> None:
    origin = follow()

    tree = origin.look(folder="src")

    assert tree.revision.id == head(platform)
    assert list(tree.files) == sorted(tree.files)
    assert texts(origin, tree) == {
        "src/a/lib/deep/notes": "x\n",
        "src/a/lib/run.sh": "one\n",
        "src/a/own": "own\n",
        "src/z": "z\n",
    }


def test_moving_a_submodule_changes_the_files_that_differ_and_no_others(
    platform: Path, lib: Path, follow: Opener
) -> None:
    origin = follow()
    before = origin.look(folder="src")
    link(platform, "src/a/lib", publish(lib, {"run.sh": "two\n", "new": "n\n"}), "../lib.git")
    push_staged(platform)

    after = origin.look(folder="src", since=before)

    assert {path for path in after.files if after.files[path] != before.files.get(path)} == {
        "src/a/lib/run.sh",
        "src/a/lib/new",
    }
    assert texts(origin, after)["src/a/lib/run.sh"] == "two\n"
    assert texts(origin, before)["src/a/lib/run.sh"] == "one\n"  # what runs may still need it
    assert origin.look(folder="src", since=after) is after
    (change,) = origin.log(before.revision.id, after.revision.id)
    assert change.changes == {
        "src/a/lib/new": ("", after.files["src/a/lib/new"].oid),
        "src/a/lib/run.sh": (before.files["src/a/lib/run.sh"].oid, after.files["src/a/lib/run.sh"].oid),
    }


def test_a_commit_that_puts_another_repository_in_place_or_none_changed_the_files_that_differ(
    *, tmp_path: Path, platform: Path, follow: Opener
) -> None:
    other = a_library(tmp_path / "other", {"run.sh": "other\n", "deep/notes": "x\n"})
    origin = follow()
    first = origin.look(folder=".")
    git(platform, "config", "-f", ".gitmodules", "submodule.src/a/lib.url", "../other.git")
    git(platform, "add", ".gitmodules")
    link(platform, "src/a/lib", head(other), "../other.git")
    push_staged(platform)
    second = origin.look(folder=".", since=first)
    git(platform, "rm", "-q", "--cached", "src/a/lib")
    push_staged(platform)
    third = origin.look(folder=".", since=second)

    gone, swapped = origin.log(first.revision.id, third.revision.id)

    assert set(gone.changes) == {"src/a/lib/run.sh", "src/a/lib/deep/notes"}
    assert set(swapped.changes) == {".gitmodules", "src/a/lib/run.sh"}
    before, after = (tree.files["src/a/lib/run.sh"].oid for tree in (first, second))
    assert swapped.changes["src/a/lib/run.sh"] == (before, after)
    assert origin.read([before])[before] == b"one\n"


def test_the_same_tree_as_a_clone_of_all(tmp_path: Path, platform: Path, lib: Path, follow: Opener) -> None:
    inner = a_library(tmp_path / "inner", {"leaf": "l\n", "exec": "#!\n"})
    (inner / "exec").chmod(0o755)
    (inner / "link").symlink_to("../../own")
    publish(inner, {})
    link(lib, "nest/inner", head(inner), "../inner.git")
    push_staged(lib)
    link(platform, "src/a/lib", head(lib), "../lib.git")
    push_staged(platform)
    clone = tmp_path / "clone"
    git(tmp_path, "-c", "protocol.file.allow=always", "clone", "-q", "--recurse-submodules",
        str(tmp_path / "platform.git"), str(clone))  # fmt: skip
    there = {
        str(path.relative_to(clone)): str(path.readlink()) if path.is_symlink() else path.read_text()
        for path in clone.rglob("*")
        if ".git" not in path.parts and (path.is_symlink() or path.is_file())
    }
    origin = follow()

    tree = origin.look(folder="src")

    here = {path: text for path, text in texts(origin, tree).items() if not path.endswith(".gitmodules")}
    assert here == {path: text for path, text in there.items() if not path.endswith(".gitmodules")}
    assert tree.files["src/a/lib/nest/inner/exec"].mode is Mode.EXECUTABLE
    assert tree.files["src/a/lib/nest/inner/link"].mode is Mode.LINK


def test_a_tree_without_submodules_is_given_on_as_it_is(tmp_path: Path, follow: Opener) -> None:
    work = a_work_tree(tmp_path / "plain", {"a": "1"})
    a_bare(work)
    origin = follow(tmp_path / "plain.git")

    tree = origin.look(folder=".")
    git(work, "commit", "-q", "--allow-empty", "-m", "Nothing")
    push_staged(work)

    assert origin.look(folder=".", since=tree).files == tree.files
    assert mirrors(tmp_path / "state") == {name for name in mirrors(tmp_path / "state") if "." not in name}


@pytest.mark.parametrize("form", ["path", "file", "http", "ssh", "strict"])
def test_a_relative_url_is_seen_from_the_repository_whatever_leads_to_it(
    *, tmp_path: Path, platform: Path, follow: Opener, form: str
) -> None:
    bare = tmp_path / "platform.git"
    if form == "http":
        (tmp_path / "token").write_text("s3cret\n")
        with serve_http(tmp_path, password="s3cret") as url:
            origin = follow(f"{url}/platform.git", token_file=tmp_path / "token")
            tree = origin.look(folder=".")
        assert "s3cret" not in (tmp_path / "state").rglob("config").__str__()
    elif form == "ssh":
        if reason := reason_against_ssh():
            pytest.skip(reason)
        with serve_ssh(tmp_path / "ssh") as ssh:
            origin = follow(f"{ssh.url}{bare}", key_file=ssh.key, known_hosts=ssh.known_hosts)
            tree = origin.look(folder=".")
    else:
        more = {"history": "fast-forward-only"} if form == "strict" else {}
        origin = follow(bare.as_uri() if form == "file" else bare, **more)
        tree = origin.look(folder=".")

    assert texts(origin, tree)["src/a/lib/run.sh"] == "one\n"


def test_a_commit_that_is_not_there_yet_is_waited_for(
    *, platform: Path, lib: Path, follow: Opener, tmp_path: Path
) -> None:
    origin = follow()
    before = origin.look(folder=".")
    made = commit(lib, {"run.sh": "two\n"})
    link(platform, "src/a/lib", made, "../lib.git")
    newest = push_staged(platform)

    for _ in range(2):
        with pytest.raises(TransientError) as caught:
            origin.look(folder=".", since=before)
        said = str(caught.value)
        assert said.startswith(f'{tmp_path}/platform.git: commit {newest[:8]} "Link things" by ')
        assert said.endswith(
            f" waits for commit {made[:8]} of its submodule 'src/a/lib', which {tmp_path}/lib.git does not have; push it there"
        )
        assert texts(origin, before)["src/a/lib/run.sh"] == "one\n"
    git(lib, "push", "-q", "origin", "HEAD:refs/heads/side")

    assert texts(origin, origin.look(folder=".", since=before))["src/a/lib/run.sh"] == "two\n"


@pytest.mark.parametrize("kind", ["branch", "tag", "by its id only"])
def test_a_commit_is_found_wherever_it_is(
    *, tmp_path: Path, platform: Path, lib: Path, follow: Opener, kind: str
) -> None:
    bare = tmp_path / "lib.git"
    made = commit(lib, {"run.sh": "hidden\n"})
    where = {"branch": "refs/heads/odd/one", "tag": "refs/tags/v1", "by its id only": "refs/hidden/x"}[kind]
    git(lib, "push", "-q", "origin", f"HEAD:{where}", "HEAD~1:refs/heads/main")
    commit(lib, {})
    if kind == "by its id only":
        git(bare, "config", "uploadpack.allowAnySHA1InWant", "true")
        git(bare, "config", "transfer.hideRefs", "refs/hidden")
    link(platform, "src/a/lib", made, "../lib.git")
    push_staged(platform)
    origin = follow()

    assert texts(origin, origin.look(folder="."))["src/a/lib/run.sh"] == "hidden\n"


def test_a_server_that_gives_no_ids_is_asked_for_its_branches(
    *, platform: Path, lib: Path, tmp_path: Path, follow: Opener
) -> None:
    made = publish(lib, {"run.sh": "old\n"}, to="side")
    publish(lib, {"run.sh": "new\n"}, to="side")
    link(platform, "src/a/lib", made, "../lib.git")
    push_staged(platform)
    with serve_http(tmp_path, is_old=True) as url:
        origin = follow(f"{url}/platform.git")
        tree = origin.look(folder=".")
        link(platform, "src/a/lib", commit(lib, {"run.sh": "newest\n"}), "../lib.git")
        push_staged(platform)
        with pytest.raises(TransientError, match="waits for commit"):
            origin.look(folder=".", since=tree)

    assert texts(origin, tree)["src/a/lib/run.sh"] == "old\n"


def test_a_submodule_that_is_removed_takes_its_files_along_and_later_its_mirror(
    *, tmp_path: Path, platform: Path, follow: Opener, opened: list[WholeRepository]
) -> None:
    origin = follow()
    before = origin.look(folder=".")
    git(platform, "rm", "-q", "--cached", "src/a/lib")
    push_staged(platform)

    after = origin.look(folder=".", since=before)

    assert "src/a/lib/run.sh" not in after.files
    assert len(mirrors(tmp_path / "state")) == 2
    opened.remove(origin)
    origin.close()
    follow().look(folder=".")
    assert len(mirrors(tmp_path / "state")) == 1


def test_a_restart_needs_no_server_of_a_submodule(
    *, tmp_path: Path, platform: Path, lib: Path, follow: Opener, opened: list[WholeRepository]
) -> None:
    origin = follow()
    origin.look(folder=".")
    opened.remove(origin)
    origin.close()
    shutil.move(tmp_path / "lib.git", tmp_path / "away")

    again = follow()
    tree = again.look(folder=".")

    assert texts(again, tree)["src/a/lib/run.sh"] == "one\n"
    link(platform, "src/a/lib", publish(lib_at(lib, tmp_path / "away"), {"run.sh": "two\n"}), "../lib.git")
    push_staged(platform)
    with pytest.raises(TransientError, match="waits for commit"):
        again.look(folder=".", since=tree)
    shutil.move(tmp_path / "away", tmp_path / "lib.git")
    assert texts(again, again.look(folder=".", since=tree))["src/a/lib/run.sh"] == "two\n"


def lib_at(lib: Path, bare: Path) -> Path:
    git(lib, "remote", "set-url", "origin", str(bare))
    return lib


@pytest.mark.parametrize("harm", ["gone", "no packs", "no objects", "torn pack"])
@pytest.mark.parametrize("when", ["while it is used", "between two starts"])
def test_a_damaged_mirror_mends_itself(
    *, tmp_path: Path, platform: Path, follow: Opener, opened: list[WholeRepository], harm: str, when: str
) -> None:
    origin = follow()
    before = origin.look(folder=".")
    (home,) = (tmp_path / "state" / "sources").glob("*.lib-*")
    if when == "between two starts":
        opened.remove(origin)
        origin.close()
    packs = [file for file in (home / "git" / "objects").rglob("*") if file.is_file() and file.stat().st_size]
    if harm == "gone":
        wipe(home)
    elif harm == "no objects":
        wipe(home / "git" / "objects")
    for file in packs if harm in {"no packs", "torn pack"} else ():
        file.chmod(0o600)
        if harm == "no packs":
            file.unlink()
        else:
            file.write_bytes(file.read_bytes()[:20])

    if when == "between two starts":
        origin = follow()
        before = origin.look(folder=".")
    else:
        git(platform, "commit", "-q", "--allow-empty", "-m", "Nothing")
        push_staged(platform)
        before = origin.look(folder=".", since=before)

    assert texts(origin, before)["src/a/lib/run.sh"] == "one\n"


def test_a_password_goes_to_no_other_host(tmp_path: Path, platform: Path, lib: Path, follow: Opener) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    with serve_http(tmp_path, password="s3cret") as url, serve_and_listen() as (other, heard):
        link(platform, "src/evil", head(lib), f"{other}/lib.git")
        push_staged(platform)
        for address, more in (
            (f"{url}/platform.git", {"token_file": tmp_path / "token"}),
            (f"{url.replace('//', '//x-access-token:s3cret@')}/platform.git", {}),
        ):
            origin = follow(address, state=f"state{len(more)}", **more)
            with pytest.raises(TransientError, match="refused the credentials") as caught:
                origin.look(folder=".")
            assert "s3cret" not in str(caught.value)

    assert heard
    assert not [headers for headers in heard if "Authorization" in headers]


def test_a_poll_without_news_starts_no_git_for_a_submodule(
    *, tmp_path: Path, platform: Path, follow: Opener
) -> None:
    origin = follow()
    tree = origin.look(folder=".")
    for home in (tmp_path / "state" / "sources").glob("*.lib-*"):
        wipe(home / "git")
    shutil.rmtree(tmp_path / "lib.git")

    assert origin.look(folder=".", since=tree) is tree
    link_free = commit(platform, {"src/z": "zz\n"})
    git(platform, "push", "-q", "origin", "HEAD:main")
    assert origin.look(folder=".", since=tree).revision.id == link_free


def test_one_with_update_none_is_left_out(*, platform: Path, lib: Path, follow: Opener) -> None:
    link(platform, "src/off", head(lib), "ext::sh -c true", more="\tupdate = none\n")
    push_staged(platform)

    tree = follow().look(folder=".")

    assert tree.files["src/off"].mode is Mode.SUBMODULE
    assert "src/a/lib/run.sh" in tree.files


def test_a_revision_that_a_person_names_has_its_submodules_of_then(
    *, platform: Path, lib: Path, follow: Opener
) -> None:
    then = head(platform)
    link(platform, "src/a/lib", publish(lib, {"run.sh": "two\n"}), "../lib.git")
    push_staged(platform)
    origin = follow()

    old, new = origin.look(folder=".", revision=then), origin.look(folder=".")

    assert texts(origin, old)["src/a/lib/run.sh"] == "one\n"
    assert texts(origin, new)["src/a/lib/run.sh"] == "two\n"


def test_many_new_urls_leave_few_mirrors(
    *, tmp_path: Path, platform: Path, follow: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paiwatch.sources.submodule_mirrors._SPARE", 1)
    origin = follow()
    tree = origin.look(folder=".")
    for number in range(3):
        (tmp_path / f"lib{number}.git").symlink_to(tmp_path / "lib.git")
        git(platform, "config", "-f", ".gitmodules", "submodule.src/a/lib.url", f"../lib{number}.git")
        git(platform, "add", ".gitmodules")
        push_staged(platform)
        tree = origin.look(folder=".", since=tree)

    assert texts(origin, tree)["src/a/lib/run.sh"] == "one\n"
    assert {name.partition(".")[2].partition("-")[0] for name in mirrors(tmp_path / "state")} == {
        "",
        "lib1",
        "lib2",
    }


def test_a_command_that_borrows_the_mirrors_needs_no_server(
    *, tmp_path: Path, platform: Path, lib: Path, follow: Opener
) -> None:
    then = head(platform)
    link(platform, "src/a/lib", publish(lib, {"run.sh": "two\n"}), "../lib.git")
    push_staged(platform)
    daemon = follow()
    daemon.look(folder=".")
    wipe(tmp_path / "lib.git")

    command = follow(state="own", lender=tmp_path / "state")

    assert texts(command, command.look(folder="."))["src/a/lib/run.sh"] == "two\n"
    assert texts(command, command.look(folder=".", revision=then))["src/a/lib/run.sh"] == "one\n"


def test_mirrors_go_when_submodules_are_switched_off(
    *, tmp_path: Path, platform: Path, follow: Opener, opened: list[WholeRepository]
) -> None:
    origin = follow()
    origin.look(folder=".")
    opened.remove(origin)
    origin.close()
    own = min(mirrors(tmp_path / "state"), key=len)
    top = tmp_path / "state" / "sources"

    assert mirror.prune(top, keep={own, f"{own}."}) == ()
    (gone,) = mirror.prune(top, keep={own})
    assert gone.startswith(f"{own}.lib-")
    assert mirrors(tmp_path / "state") == {own}


def test_a_server_that_says_nothing_is_given_up_in_time(*, platform: Path, lib: Path, follow: Opener) -> None:
    with serve_silence() as place:
        link(platform, "src/slow", head(lib), f"http://{place}/lib.git")
        push_staged(platform)
        with pytest.raises(TransientError, match=r"submodule 'src/slow': .* gave no answer within 2 s"):
            follow(timeout=2.0).look(folder=".")


def test_who_waits_for_a_submodule_is_let_go_at_the_end(*, platform: Path, lib: Path, follow: Opener) -> None:
    origin = follow()
    tree = origin.look(folder=".")
    with serve_silence() as place:
        link(platform, "src/slow", head(lib), f"http://{place}/lib.git")
        push_staged(platform)
        ending = threading.Timer(0.5, origin.abort)
        ending.start()
        with pytest.raises(TransientError):
            origin.look(folder=".", since=tree)
        ending.join()
        assert_gone(place)


def test_only_a_repository_with_rules_has_rewrites_to_accept(platform: Path, follow: Opener) -> None:
    with pytest.raises(ConfigError, match="takes any history"):
        follow().accept_rewrite()
    with pytest.raises(ConfigError, match="no rewritten history waits"):
        follow(state="other", history="fast-forward-only").accept_rewrite()


def test_a_refused_commit_has_refused_nothing_else(platform: Path, follow: Opener) -> None:
    link(platform, "src/bad", head(platform), "ext::sh -c true")
    push_staged(platform)
    origin = follow()
    with pytest.raises(StalledError):
        origin.look(folder=".")
    git(platform, "rm", "-q", "--cached", "src/bad")
    push_staged(platform)

    assert "src/a/lib/run.sh" in origin.look(folder=".").files
