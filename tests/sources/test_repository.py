import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from paiwatch.errors import BusyError, ConfigError, StalledError, TransientError
from paiwatch.snapshot import Entry, Mode, blob_id
from paiwatch.sources.calls import Answer, Calls
from paiwatch.sources.mirror import Mirror
from paiwatch.sources.repository import Repository
from tests.sources.origins import (
    a_bare,
    a_raw_commit,
    a_raw_tree,
    a_repository,
    a_work_tree,
    assert_gone,
    children,
    commit,
    descriptors,
    git,
    plain,
    push,
    texts,
    wipe,
)
from tests.sources.servers import serve_silence


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A work tree whose origin is the bare repository beside it."""
    folder = a_work_tree(
        tmp_path / "cluster", {"layout.yaml": "machines: []\n", "src/a/deploy/start.sh": "echo a\n"}
    )
    a_bare(folder)
    return folder


@pytest.fixture
def bare(work: Path) -> Path:
    return work.with_name("cluster.git")


@pytest.fixture(params=["path", "file url", "work tree", "linked work tree"])
def address(request: pytest.FixtureRequest, work: Path, bare: Path) -> str:
    """The ways to name a repository on this machine."""
    if request.param == "linked work tree":
        git(work, "worktree", "add", "-q", "--detach", "../linked")
    return {
        "path": str(bare),
        "file url": bare.as_uri(),
        "work tree": str(work),
        "linked work tree": str(work.with_name("linked")),
    }[request.param]


def test_reads_files_of_the_newest_commit_through_any_kind_of_address(
    tmp_path: Path, work: Path, address: str
) -> None:
    pushed = push(work, {"new file": "new\n", "layout.yaml": None}, subject="Move in")
    repository = a_repository(tmp_path / "home", address)

    tree = repository.look(folder=".")

    assert texts(repository, tree) == {"new file": "new\n", "src/a/deploy/start.sh": "echo a\n"}
    assert tree.revision.id == pushed
    assert (tree.revision.author, tree.revision.subject) == ("Ana", "Move in")
    assert abs(tree.revision.at - time.time()) < 60
    repository.close()


def test_a_push_is_seen_by_the_next_look_and_nothing_new_gives_the_same_tree(
    tmp_path: Path, work: Path, address: str
) -> None:
    repository = a_repository(tmp_path / "home", address)
    first = repository.look(folder=".")

    assert repository.look(folder=".", since=first) is first

    pushed = push(work, {"layout.yaml": "machines: [one]\n"})
    second = repository.look(folder=".", since=first)

    assert second.revision.id == pushed
    assert second.files["layout.yaml"] == plain("machines: [one]\n")
    assert second == repository.tree(second.revision, folder=".")
    repository.close()


def test_a_force_push_moves_the_branch_back(tmp_path: Path, work: Path, bare: Path) -> None:
    repository = a_repository(tmp_path / "home", bare.as_uri())
    before = repository.newest()
    push(work, {"layout.yaml": "wrong\n"})
    repository.newest()

    git(work, "reset", "-q", "--hard", before)
    git(work, "push", "-q", "--force", "origin", "main")

    assert repository.newest() == before
    repository.close()


def test_kinds_of_files_and_odd_names_come_through(tmp_path: Path) -> None:
    folder = a_work_tree(
        tmp_path / "odd", {"ta\tb": "1", "line\nbreak": "2", "ünï": "3", " lead": "4", "-dash": "5"}
    )
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "run").chmod(0o755)
    (folder / "link").symlink_to("nowhere/at all")
    (folder / os.fsdecode(b"raw\xff")).write_text("6")
    commit(folder, {})
    repository = a_repository(tmp_path / "home", folder)

    files = repository.look(folder=".").files

    assert files["run"] == Entry(Mode.EXECUTABLE, blob_id(b"#!/bin/sh\n"))
    assert files["link"] == Entry(Mode.LINK, blob_id(b"nowhere/at all"))
    assert repository.read([files["link"].oid])[files["link"].oid] == b"nowhere/at all"
    assert {os.fsencode(path) for path in files} >= {
        b"ta\tb", b"line\nbreak", "ünï".encode(), b" lead", b"-dash", b"raw\xff"
    }  # fmt: skip
    assert list(files) == sorted(files)
    repository.close()


def test_reading_nothing_and_the_same_twice_is_fine(tmp_path: Path, bare: Path) -> None:
    repository = a_repository(tmp_path / "home", bare)
    oid = repository.look(folder=".").files["layout.yaml"].oid

    assert repository.read([]) == {}
    assert repository.read([oid, oid]) == {oid: b"machines: []\n"}
    repository.close()


def test_a_missing_object_is_named(tmp_path: Path, bare: Path) -> None:
    repository = a_repository(tmp_path / "home", bare)
    repository.newest()

    with pytest.raises(TransientError, match="0123456789abcdef0123456789abcdef01234567"):
        repository.read(["0123456789abcdef0123456789abcdef01234567"])
    repository.close()


# -- the branch


def test_a_missing_branch_names_the_nearest(tmp_path: Path, address: str) -> None:
    repository = a_repository(tmp_path / "home", address, branch="mian")

    with pytest.raises(StalledError, match=r"no branch 'mian'; did you mean 'main'\?"):
        repository.newest()
    repository.close()


@pytest.mark.parametrize("form", ["path", "url"])
def test_an_empty_repository_says_so(tmp_path: Path, form: str) -> None:
    git(tmp_path, "init", "-q", "--bare", "empty.git")
    empty = tmp_path / "empty.git"
    repository = a_repository(tmp_path / "home", empty if form == "path" else empty.as_uri())

    with pytest.raises(StalledError, match="no branch yet; push 'main'"):
        repository.newest()
    repository.close()


@pytest.mark.parametrize("branch", ["-x", "a..b", "../../HEAD", "a b", "x.lock", "", "a:b", "a*"])
def test_a_branch_that_is_no_name_is_refused(tmp_path: Path, bare: Path, branch: str) -> None:
    with pytest.raises(StalledError, match="is no name for a branch"):
        a_repository(tmp_path / "home", bare, branch=branch)


def test_a_branch_of_a_longer_name_that_ends_alike_is_not_taken_for_it(
    tmp_path: Path, work: Path, bare: Path
) -> None:
    git(work, "push", "-q", "origin", "main:refs/heads/refs/heads/prod")

    repository = a_repository(tmp_path / "home", bare.as_uri(), branch="prod")

    with pytest.raises(StalledError):
        repository.newest()
    repository.close()


def test_packed_refs_and_branches_in_folders_are_read(tmp_path: Path, work: Path, bare: Path) -> None:
    pushed = commit(work, {"file": "x"})
    git(work, "push", "-q", "origin", "HEAD:team/prod")
    git(bare, "pack-refs", "--all")

    repository = a_repository(tmp_path / "home", bare, branch="team/prod")

    assert repository.newest() == pushed
    repository.close()


# -- revisions that people type


@pytest.mark.parametrize("local", [True, False], ids=["path", "url"])
def test_revisions_resolve_as_people_type_them(
    tmp_path: Path, work: Path, bare: Path, *, local: bool
) -> None:
    first = git(work, "rev-parse", "HEAD")
    second = push(work, {"file": "x"})
    git(work, "tag", "-a", "v1", "-m", "one", first)
    git(work, "push", "-q", "origin", "v1", "main:other/branch")
    repository = a_repository(tmp_path / "home", bare if local else bare.as_uri())

    for text, expected in {
        "main": second, "HEAD": second, "main~1": first, "v1": first, "other/branch": second,
        first: first, first[:10]: first, "main^{/Change}": second,
    }.items():  # fmt: skip
        assert repository.resolve(text) == expected, text
    assert repository.look(folder="src", revision="v1").revision.id == first
    repository.close()


@pytest.mark.parametrize("text", ["nothing", "--all", "-n1", "", "main:file", "0" * 40, "a\0b", "main..v1"])
def test_words_that_mean_no_commit_are_refused(tmp_path: Path, bare: Path, text: str) -> None:
    repository = a_repository(tmp_path / "home", bare.as_uri())

    with pytest.raises(ConfigError, match="no revision"):
        repository.resolve(text)
    repository.close()


def test_a_commit_that_only_the_mirror_still_has_resolves(tmp_path: Path, work: Path, bare: Path) -> None:
    repository = a_repository(tmp_path / "home", bare.as_uri())
    lost = push(work, {"file": "lost"})
    repository.newest()
    git(work, "reset", "-q", "--hard", "HEAD~1")
    git(work, "push", "-q", "--force", "origin", "main")
    git(bare, "gc", "-q", "--prune=now")
    repository.newest()

    assert repository.resolve(lost) == lost
    assert repository.look(folder=".", revision=lost[:12]).files["file"] == plain("lost")
    repository.close()


# -- what could go wrong here


def test_a_poll_without_news_fetches_nothing(tmp_path: Path, bare: Path) -> None:
    repository = a_repository(tmp_path / "home", bare.as_uri())
    tip = repository.newest()
    wipe(bare / "objects")
    (bare / "objects").mkdir()  # nothing could be fetched from there now

    assert repository.newest() == tip
    repository.close()


@pytest.mark.parametrize(
    "harm", ["HEAD", "config", "objects", "packs", "ref", "locks", "refs as file", "everything"]
)
def test_a_broken_mirror_mends_itself(tmp_path: Path, work: Path, bare: Path, harm: str) -> None:
    home = tmp_path / "home"
    repository = a_repository(home, bare.as_uri())
    repository.look(folder=".")
    repository.close()
    mirror = home / "git"

    match harm:
        case "HEAD":
            (mirror / "HEAD").write_bytes(b"\0garbage")
        case "config":
            (mirror / "config").write_text("[core\nfsmonitor = touch /nowhere")
        case "objects":
            wipe(mirror / "objects")
        case "packs":
            for file in mirror.glob("objects/*/*"):
                file.chmod(0o600)
                file.write_bytes(b"xx")
        case "ref":
            (mirror / "refs/heads/main").write_text("0123456789abcdef0123456789abcdef01234567\n")
        case "locks":
            for name in ("refs/heads/main.lock", "packed-refs.lock", "shallow.lock", "config.lock"):
                (mirror / name).touch()
        case "refs as file":
            wipe(mirror / "refs" / "heads")
            (mirror / "refs" / "heads").mkdir()
            (mirror / "refs" / "heads" / "main").mkdir()
        case _:
            wipe(mirror)

    push(work, {"layout.yaml": "after\n"})
    repository = a_repository(home, bare.as_uri())

    assert texts(repository, repository.look(folder="."))["layout.yaml"] == "after\n"
    repository.close()


def test_a_mirror_that_breaks_while_it_is_used_mends_itself(tmp_path: Path, work: Path, bare: Path) -> None:
    repository = a_repository(tmp_path / "home", bare.as_uri())
    tree = repository.look(folder=".")
    for file in (tmp_path / "home" / "git").glob("objects/*/*"):
        file.unlink()

    assert texts(repository, tree)["layout.yaml"] == "machines: []\n"

    wipe(tmp_path / "home" / "git" / "objects")
    pushed = push(work, {"layout.yaml": "after\n"})

    assert repository.look(folder=".", since=tree).revision.id == pushed
    repository.close()


def test_two_processes_never_share_a_mirror(tmp_path: Path, bare: Path) -> None:
    repository = a_repository(tmp_path / "home", bare)

    with pytest.raises(BusyError, match="another paiwatch"):
        a_repository(tmp_path / "home", bare)

    repository.close()
    a_repository(tmp_path / "home", bare).close()


def test_the_mirror_is_private(tmp_path: Path, bare: Path) -> None:
    repository = a_repository(tmp_path / "home", bare)

    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700
    repository.close()


def test_a_path_borrows_objects_and_copies_none(tmp_path: Path, bare: Path) -> None:
    repository = a_repository(tmp_path / "home", bare)
    tree = repository.look(folder=".")
    texts(repository, tree)

    assert [file for file in (tmp_path / "home/git/objects").rglob("*") if file.is_file()] == [
        tmp_path / "home/git/objects/info/alternates"
    ]
    repository.close()


def test_a_lent_mirror_saves_the_fetch(tmp_path: Path, work: Path, bare: Path) -> None:
    owner = a_repository(tmp_path / "state", bare.as_uri())
    owner.newest()
    pushed = push(work, {"layout.yaml": "newer\n"})
    from paiwatch.sources.access import Access

    guest = Repository(
        home=tmp_path / "guest",
        branch="main",
        access=Access(repo=bare.as_uri()),
        lender=tmp_path / "state" / "git" / "objects",
    )

    assert guest.look(folder=".").revision.id == pushed
    copied = git(tmp_path / "guest" / "git", "count-objects", "-v").splitlines()
    assert int(dict(line.split(": ") for line in copied if "alternate" not in line)["count"]) <= 3
    owner.close()
    guest.close()


def test_many_fetches_are_packed(tmp_path: Path, work: Path, bare: Path) -> None:
    repository = a_repository(tmp_path / "home", bare.as_uri())
    repository.newest()
    sample = tmp_path / "home" / "git" / "objects" / "17"
    sample.mkdir(exist_ok=True)
    for n in range(30):
        (sample / f"{n:038x}").touch()

    pushed = push(work, {"layout.yaml": "x\n"})

    assert repository.newest() == pushed
    assert list((tmp_path / "home/git/objects/pack").glob("*.pack"))
    assert texts(repository, repository.look(folder="."))["layout.yaml"] == "x\n"
    repository.close()


def test_packing_that_fails_is_cleared_away_and_not_tried_again(
    tmp_path: Path, work: Path, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = a_repository(tmp_path / "home", bare.as_uri())
    repository.newest()
    asked: list[str] = []
    run = Calls.run

    def failing(self: Calls, verb: str, *arguments: str, **options: Any) -> Answer:
        asked.append(verb)
        if verb != "repack":
            return run(self, verb, *arguments, **options)
        (tmp_path / "home/git/objects/pack/tmp_pack_half").touch()
        return Answer(-9, b"", "", is_late=True)

    monkeypatch.setattr(Calls, "run", failing)
    monkeypatch.setattr(Mirror, "needs_packing", lambda _: True)
    made = [push(work, {"layout.yaml": f"{number}\n"}) for number in range(2) if repository.newest()]

    assert repository.newest() == made[-1]
    assert asked.count("repack") == 1
    assert not list((tmp_path / "home/git/objects/pack").glob("tmp_*"))
    repository.close()


def test_no_child_and_no_descriptor_stays_behind(tmp_path: Path, work: Path, bare: Path) -> None:
    before_children, before = children(), descriptors()
    repository = a_repository(tmp_path / "home", bare.as_uri())
    for n in range(3):
        push(work, {"layout.yaml": f"{n}\n"})
        texts(repository, repository.look(folder="."))

    assert len(children() - before_children) == 1  # it reads objects
    repository.close()
    assert children() == before_children
    assert descriptors() == before


# -- the other side is not trusted


def test_hooks_fsmonitor_filters_and_aliases_of_the_other_side_never_run(
    tmp_path: Path, work: Path, address: str
) -> None:
    witness = tmp_path / "witness"
    evil = f"touch '{witness}'; false"
    for gitdir in (work / ".git", work.with_name("cluster.git")):
        for key in ("core.fsmonitor", "core.sshCommand", "diff.external", "filter.evil.smudge", "core.pager",
                    "core.askPass", "core.alternateRefsCommand", "uploadpack.packObjectsHook"):  # fmt: skip
            git(gitdir, "config", key, evil)
        for hook in ("post-checkout", "reference-transaction", "post-index-change", "pre-receive"):
            (gitdir / "hooks" / hook).write_text(f"#!/bin/sh\n{evil}\n")
            (gitdir / "hooks" / hook).chmod(0o755)
    repository = a_repository(tmp_path / "home", address)

    texts(repository, repository.look(folder="."))
    repository.resolve("main")

    assert not witness.exists()
    repository.close()


def test_the_surroundings_of_an_outer_git_do_not_leak_in(
    tmp_path: Path, work: Path, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "GIT_DIR": str(work / ".git"), "GIT_WORK_TREE": str(work), "GIT_INDEX_FILE": "/nowhere",
        "GIT_OBJECT_DIRECTORY": "/nowhere", "GIT_NAMESPACE": "x", "GIT_CONFIG_PARAMETERS": "'core.pager'='false'",
        "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "remote.origin.url", "GIT_CONFIG_VALUE_0": "/nowhere",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    repository = a_repository(tmp_path / "home", bare.as_uri())

    tree = repository.look(folder=".")

    assert texts(repository, tree)["layout.yaml"] == "machines: []\n"
    repository.close()


@pytest.mark.parametrize(
    "repo", ["ext::sh -c 'touch {witness}'", "--upload-pack=touch {witness}", "fd::7", "git://127.0.0.1:1/x"]
)
def test_foreign_transports_are_refused(tmp_path: Path, repo: str) -> None:
    witness = tmp_path / "witness"
    repository = a_repository(tmp_path / "home", repo.format(witness=witness))

    with pytest.raises(TransientError):
        repository.newest()

    assert not witness.exists()
    repository.close()


def test_variables_in_an_address_are_not_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    repository = a_repository(tmp_path / "home", f"file://{tmp_path}/$SECRET/x.git")

    with pytest.raises(TransientError) as caught:
        repository.newest()

    assert "hunter2" not in str(caught.value)
    repository.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("form", ["path", "url"])
def test_a_repository_of_another_user_is_read(tmp_path: Path, bare: Path, form: str) -> None:
    subprocess.run(("chown", "-R", "65534:65534", str(bare)), check=True)
    repository = a_repository(tmp_path / "home", bare if form == "path" else bare.as_uri())

    assert "layout.yaml" in repository.look(folder=".").files
    assert repository.resolve("main")
    repository.close()


@pytest.mark.parametrize(
    ("repo", "error", "words"),
    [
        ("/nowhere/x.git", TransientError, "/nowhere/x.git: no such folder"),
        ("file:///nowhere/x.git", TransientError, "no repository there"),
    ],
    ids=["path", "url"],
)
def test_no_repository_there_says_so(tmp_path: Path, repo: str, error: type[Exception], words: str) -> None:
    repository = a_repository(tmp_path / "home", repo)

    with pytest.raises(error, match=words):
        repository.newest()
    repository.close()


def test_a_folder_that_is_no_repository_says_so(tmp_path: Path) -> None:
    repository = a_repository(tmp_path / "home", tmp_path)

    with pytest.raises(StalledError, match="no git repository there"):
        repository.newest()
    repository.close()


# -- a server that hangs


def test_a_silent_server_is_given_up_and_leaves_no_process(tmp_path: Path) -> None:
    with serve_silence() as address:
        repository = a_repository(tmp_path / "home", f"http://{address}/x.git", timeout=0.3)
        began = time.monotonic()

        with pytest.raises(TransientError, match=r"gave no answer within 0\.3 s; check the network"):
            repository.newest()

        assert time.monotonic() - began < 5
        assert_gone(address)
        repository.close()


def test_a_hanging_call_is_ended_even_where_pgrep_and_ps_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("git", "sh", "ssh"):
        found = subprocess.run(("which", tool), capture_output=True, text=True, check=True).stdout.strip()
        (tools / tool).symlink_to(found)
    monkeypatch.setenv("PATH", str(tools))
    with serve_silence() as address:
        repository = a_repository(tmp_path / "home", f"http://{address}/x.git", timeout=0.1)

        with pytest.raises(TransientError):
            repository.newest()

        assert_gone(address)
        repository.close()


def test_abort_ends_a_call_that_hangs(tmp_path: Path) -> None:
    faults: list[BaseException] = []
    opened: list[Repository] = []
    ready = threading.Event()

    def work() -> None:
        repository = a_repository(tmp_path / "home", f"http://{address}/x.git", timeout=60)
        opened.append(repository)
        ready.set()
        try:
            repository.newest()
        except TransientError as fault:
            faults.append(fault)
        repository.close()

    with serve_silence() as address:
        thread = threading.Thread(target=work)
        thread.start()
        ready.wait(10)
        for _ in range(500):
            opened[0].abort()
            thread.join(0.02)
            if not thread.is_alive():
                break

        assert faults
        assert_gone(address)


def test_the_log_has_what_each_commit_changed_newest_first(work: Path, tmp_path: Path) -> None:
    first = git(work, "rev-parse", "HEAD")
    commit(work, {"a b": "1\n"}, subject="Add")
    commit(work, {"other": "1\n"}, subject="Elsewhere")
    last = commit(work, {"a b": "2\n", "layout.yaml": None}, subject="Change")
    repository = a_repository(tmp_path / "mirror", work)
    repository.newest()

    found = repository.log(first, last, ["a b", "layout.yaml"])

    assert [each.revision.subject for each in found] == ["Change", "Add"]
    assert found[0].changes == {
        "a b": (blob_id(b"1\n"), blob_id(b"2\n")),
        "layout.yaml": (blob_id(b"machines: []\n"), ""),
    }
    assert found[1].changes == {"a b": ("", blob_id(b"1\n"))}
    assert [each.revision.subject for each in repository.log(first, last)] == ["Change", "Elsewhere", "Add"]
    repository.close()


def test_the_log_names_those_who_were_merged_not_the_merge(work: Path, tmp_path: Path) -> None:
    first = git(work, "rev-parse", "HEAD")
    git(work, "checkout", "-q", "-b", "side")
    commit(work, {"layout.yaml": "machines: [a]\n"}, subject="Side")
    git(work, "checkout", "-q", "main")
    commit(work, {"other": "1\n"}, subject="Main")
    git(work, "merge", "-q", "--no-ff", "-m", "Merge", "side")
    repository = a_repository(tmp_path / "mirror", work)

    found = repository.log(first, repository.newest(), ["layout.yaml"])

    assert [each.revision.subject for each in found] == ["Side"]
    repository.close()


def test_the_log_since_a_commit_that_is_gone_is_empty(work: Path, tmp_path: Path) -> None:
    repository = a_repository(tmp_path / "mirror", work)

    assert repository.log("e" * 40, repository.newest()) == ()
    repository.close()


def test_a_file_that_is_too_large_is_named_and_harms_no_other(
    tmp_path: Path, work: Path, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paiwatch.sources.contents.LARGEST", 1_000_000)
    push(work, {"src/a/huge.bin": b"x" * 1_000_001})
    repository = a_repository(tmp_path / "home", bare.as_uri())

    files = repository.look(folder=".").files

    with pytest.raises(StalledError, match=r"'src/a/huge.bin' has 1,000,001 bytes.*keep it elsewhere"):
        repository.read([files["layout.yaml"].oid, files["src/a/huge.bin"].oid])
    assert repository.read([files["layout.yaml"].oid])[files["layout.yaml"].oid] == b"machines: []\n"
    repository.close()


@pytest.mark.parametrize("kind", ["path", "url"])
def test_a_commit_with_a_file_that_leads_out_of_the_tree_is_refused_and_the_next_one_is_not(
    tmp_path: Path, work: Path, bare: Path, kind: str
) -> None:
    repository = a_repository(tmp_path / "home", bare if kind == "path" else bare.as_uri())
    first = repository.look(folder=".")
    blob = first.files["layout.yaml"].oid
    up = a_raw_tree(bare, ("100644", b"x", blob))
    a_raw_commit(bare, a_raw_tree(bare, ("40000", b"..", up), ("100644", b"layout.yaml", blob)), subject="Up")

    for since in (None, first):
        with pytest.raises(
            StalledError, match=r'newest commit .* "Up" by Ana has \'\.\./x\', .* push one without it'
        ):
            repository.look(folder=".", since=since)

    pushed = push(work, {"new": "new\n"})
    assert repository.look(folder=".", since=first).revision.id == pushed
    repository.close()


def test_a_tree_that_calls_itself_a_file_is_no_file(tmp_path: Path, bare: Path) -> None:
    repository = a_repository(tmp_path / "home", bare)
    tree = git(bare, "rev-parse", "main^{tree}")
    a_raw_commit(bare, a_raw_tree(bare, ("100644", b"wrong", tree)))
    files = repository.look(folder=".").files

    with pytest.raises(StalledError, match="'wrong' is no file but a tree"):
        repository.read([files["wrong"].oid])
    repository.close()


def test_files_that_are_too_large_together_are_refused(
    tmp_path: Path, work: Path, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paiwatch.sources.contents.MOST", 2_500_000)
    push(work, {name: name.encode() * 1_000_000 for name in "abc"})
    repository = a_repository(tmp_path / "home", bare.as_uri())
    oids = [repository.look(folder=".").files[name].oid for name in "abc"]

    with pytest.raises(StalledError, match=r"'c' and the files read with it have more than 2,500,000 bytes"):
        repository.read(oids)
    assert len(repository.read(oids[:2])) == 2
    repository.close()


def test_a_message_as_long_as_a_book_is_shown_in_short_or_refused(
    tmp_path: Path, work: Path, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = a_repository(tmp_path / "home", bare.as_uri())
    push(work, {"a": "a"}, subject="x" * 100_000)
    assert len(repository.look(folder=".").revision.subject) == 300

    monkeypatch.setattr("paiwatch.sources.repository._LARGEST_COMMIT", 50_000)
    with pytest.raises(StalledError, match=r"commit \w+ has 100,\d+ bytes; write a shorter message"):
        repository.look(folder=".")
    repository.close()


@pytest.mark.parametrize("form", ["path", "url"])
@pytest.mark.parametrize("kind", ["tag", "tree", "blob"])
def test_a_branch_that_leads_to_no_commit_says_what_it_leads_to(
    tmp_path: Path, work: Path, bare: Path, form: str, kind: str
) -> None:
    git(work, "tag", "-a", "-m", "x", "v1")
    git(work, "push", "-q", "origin", "v1")
    wrong = git(bare, "rev-parse", {"tag": "v1", "tree": "main^{tree}", "blob": "main:layout.yaml"}[kind])
    (bare / "refs/heads/main").write_text(f"{wrong}\n")
    repository = a_repository(tmp_path / "home", bare if form == "path" else bare.as_uri())

    with pytest.raises(
        (StalledError, TransientError), match=r"no commit; point the branch|not lead to a commit.*point it"
    ):
        repository.look(folder=".")

    pushed = push(work, {"new": "new"})
    assert repository.look(folder=".").revision.id == pushed
    repository.close()


@pytest.mark.parametrize("place", ["refs/heads/main", "packed-refs", "HEAD", "commondir", "config"])
def test_a_pipe_in_a_repository_on_this_machine_holds_nobody_up(
    tmp_path: Path, work: Path, bare: Path, place: str
) -> None:
    tip = git(bare, "rev-parse", "main")
    repository = a_repository(tmp_path / "home", bare)
    if place == "packed-refs":
        (bare / "refs/heads/main").unlink()
    (bare / place).unlink(missing_ok=True)
    os.mkfifo(bare / place)

    if place in {"commondir", "config"}:
        assert repository.newest() == tip
    else:
        with pytest.raises((StalledError, TransientError)):
            repository.newest()
    repository.close()
