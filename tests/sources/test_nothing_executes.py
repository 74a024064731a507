"""Git can be told by files to run programs. Whoever writes the repository, or a stray setting of the user's, tells ours nothing.

Every trap touches one canary file. That the traps do work is shown by plain git.
"""

import subprocess
from pathlib import Path

import pytest

from paiwatch.errors import PaiwatchError
from paiwatch.snapshot import Mode
from tests.sources.origins import a_bare, a_repository, a_work_tree, commit, git, push, texts
from tests.sources.servers import serve_http


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "canary"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = a_work_tree(tmp_path / "served" / "cluster", {"layout.yaml": "one\n"})
    a_bare(folder)
    return folder


def trap(canary: Path) -> Path:
    """A program that lets the canary sing and fails."""
    program = canary.with_name("trap")
    program.write_text(f"#!/bin/sh\necho \"$0 $*\" >> '{canary}'\nexit 1\n")
    program.chmod(0o755)
    return program


def trapped_config(canary: Path, name: str) -> Path:
    """A git configuration in which everything that can run something does."""
    program, file = trap(canary), canary.with_name(name)
    included = canary.with_name(f"{name}-included")
    included.write_text(f"[core]\n\tsshCommand = {program}\n")
    keys = (
        "core.fsmonitor", "core.sshCommand", "core.pager", "core.editor", "core.askPass", "core.gitProxy",
        "core.alternateRefsCommand", "uploadpack.packObjectsHook", "credential.helper", "diff.external", "filter.lfs.smudge",
        "filter.lfs.process", "filter.evil.smudge", "filter.evil.clean", "diff.evil.textconv", "gpg.program",
        "gpg.ssh.program", "remote.origin.uploadpack", "remote.origin.vcs", "alias.fetch", "alias.rev-parse",
        "sequence.editor", "interactive.diffFilter",
    )  # fmt: skip
    for key in keys:
        value = f"!{program}" if key.startswith(("alias", "credential")) else str(program)
        git(canary.parent, "config", "--file", str(file), key, value)
    for key, value in (
        ("include.path", str(included)),
        ("core.hooksPath", str(hooks(canary))),
        ("protocol.ext.allow", "always"),
    ):
        git(canary.parent, "config", "--file", str(file), key, value)
    git(canary.parent, "config", "--file", str(file), f"url.ext::{program} .insteadOf", "http://127.0.0.1")
    git(canary.parent, "config", "--file", str(file), f"url.ext::{program}  .insteadOf", "file:///")
    return file


def hooks(canary: Path) -> Path:
    """A folder of hooks that all spring the trap."""
    folder = canary.with_name("hooks")
    folder.mkdir(exist_ok=True)
    for name in ("post-checkout", "reference-transaction", "post-index-change", "pre-auto-gc", "post-rewrite",
                 "fsmonitor-watchman", "pre-receive", "update", "post-receive", "post-update", "proc-receive"):  # fmt: skip
        link = folder / name
        if not link.exists():
            link.symlink_to(trap(canary))
    return folder


def work_with(home: Path, address: str, work: Path, *, token_file: Path | None = None) -> None:
    """All that paiwatch does with a repository."""
    repository = a_repository(home, address, token_file=token_file)
    try:
        first = repository.look(folder=".")
        texts(repository, first)
        git(work, "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "branch", "-f", "seen")
        repository.resolve("main")
        repository.log(first.revision.id, "main")
        (home / "git/objects/17").mkdir(exist_ok=True)
        for number in range(30):  # so that it packs, too
            (home / "git/objects/17" / f"{number:038x}").touch()
        repository.look(folder=".", since=first)
    finally:
        repository.close()


@pytest.mark.parametrize("form", ["path", "work tree", "url"])
def test_the_configuration_and_hooks_of_a_repository_on_this_machine(
    tmp_path: Path, work: Path, canary: Path, form: str
) -> None:
    bare = work.with_name("cluster.git")
    commit(work, {".gitattributes": "* filter=evil diff=evil ident text eol=crlf\n"})
    git(work, "push", "-q", "origin", "main")
    text = trapped_config(canary, "hostile").read_text()
    for gitdir in (work / ".git", bare):
        with (gitdir / "config").open("a") as file:
            file.write(text)
        for hook in hooks(canary).iterdir():
            target = gitdir / "hooks" / hook.name
            target.unlink(missing_ok=True)
            target.symlink_to(hook.resolve())
    address = {"path": str(bare), "work tree": str(work), "url": bare.as_uri()}[form]
    canary.unlink(missing_ok=True)

    work_with(tmp_path / "home", address, bare)

    assert not canary.exists(), canary.read_text()
    subprocess.run(("git", "status"), cwd=work, capture_output=True, check=False)
    assert canary.exists()  # the trap works, for whoever reads that configuration


@pytest.mark.parametrize("form", ["path", "file url", "http"])
@pytest.mark.parametrize("where", [".gitconfig", ".config/git/config"])
def test_the_settings_of_the_user_who_runs_it(
    *, tmp_path: Path, work: Path, canary: Path, form: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    (own / ".config/git").mkdir(parents=True)
    config = trapped_config(canary, "settings").read_text()
    monkeypatch.setenv("HOME", str(own))
    monkeypatch.delenv("GIT_CONFIG_GLOBAL")
    bare = work.with_name("cluster.git")
    (tmp_path / "token").write_text("s3cret\n")
    with serve_http(work.parent, password="s3cret") as url:
        (own / where).write_text(config)
        addresses = {"path": str(bare), "file url": bare.as_uri(), "http": f"{url}/cluster.git"}
        work_with(tmp_path / "home", addresses[form], bare, token_file=tmp_path / "token")

        assert not canary.exists(), canary.read_text()
        fetched = subprocess.run(
            ("git", "fetch", addresses[form]), cwd=work, capture_output=True, check=False
        )
    assert canary.exists(), fetched  # the trap works, for whoever reads these settings


@pytest.mark.parametrize("attributes", [
    "* filter=lfs", "* filter=evil", "* ident", "* text eol=crlf", "* working-tree-encoding=UTF-16", "* export-subst",
    "* text=auto diff=evil merge=evil", "[attr]x filter=evil\n* x",
])  # fmt: skip
def test_attributes_change_no_byte(tmp_path: Path, work: Path, attributes: str) -> None:
    odd = b"$Id$ $Format:%H$\r\none\rtwo\n\xff\xfe\0"
    oid = git(work, "hash-object", "-w", "--stdin", "--no-filters", stdin="$Id$ x\r\n")
    git(work, "update-index", "--add", "--cacheinfo", f"100644,{oid},raw")
    git(work, "-c", "core.safecrlf=false", "commit", "-q", "-m", "raw")
    (work / "odd").write_bytes(odd)
    git(work, "add", "odd")
    (work / ".gitattributes").write_text(f"{attributes}\n")
    git(work, "update-index", "--add", "--cacheinfo",
        f"100644,{git(work, 'hash-object', '-w', '--stdin', stdin=attributes)},.gitattributes")  # fmt: skip
    git(work, "commit", "-q", "-m", "attributes")
    git(work, "push", "-q", "origin", "main")
    repository = a_repository(tmp_path / "home", work.with_name("cluster.git"))

    files = repository.look(folder=".").files

    assert repository.read([files["odd"].oid])[files["odd"].oid] == odd
    assert repository.read([files["raw"].oid])[files["raw"].oid] == b"$Id$ x\r\n"
    repository.close()


@pytest.mark.parametrize(
    "url", ["ext::sh -c 'touch {canary}'", "file://{secret}", "{secret}", "-u./payload", "../secret"]
)
@pytest.mark.parametrize("form", ["path", "url"])
def test_submodules_are_names_of_commits_and_nothing_is_fetched_for_them(
    *, tmp_path: Path, work: Path, canary: Path, url: str, form: str
) -> None:
    secret = a_work_tree(tmp_path / "secret", {"password": "x"})
    tip = git(secret, "rev-parse", "HEAD")
    written = url.format(canary=canary, secret=secret)
    modules = f'path = src/a/deploy/module\n\turl = "{written}"\n\tupdate = !touch {canary}'
    commit(work, {".gitmodules": f'[submodule "m"]\n\t{modules}\n'})
    git(work, "update-index", "--add", "--cacheinfo", f"160000,{tip},src/a/deploy/module")
    git(work, "commit", "-q", "-m", "Add a module")
    made = git(work, "rev-parse", "HEAD")
    git(work, "push", "-q", "origin", "main")
    bare = work.with_name("cluster.git")
    repository = a_repository(tmp_path / "home", bare if form == "path" else bare.as_uri())

    tree = repository.look(folder=".")

    assert tree.revision.id == made
    assert tree.files["src/a/deploy/module"].mode is Mode.SUBMODULE
    with pytest.raises(PaiwatchError):
        repository.revision(tip)
    assert not canary.exists()
    repository.close()


def test_a_repository_that_fetches_by_itself_does_not(tmp_path: Path, work: Path, canary: Path) -> None:
    """A partial clone has somebody to ask for what it lacks, and may say how: with any program."""
    bare = work.with_name("cluster.git")
    blob = git(work, "rev-parse", "HEAD:layout.yaml")
    (bare / "objects" / blob[:2] / blob[2:]).unlink()
    for key, value in (("remote.o.url", str(work)), ("remote.o.promisor", "true"), ("remote.o.uploadpack", str(trap(canary))),
                       ("extensions.partialClone", "o"), ("core.repositoryFormatVersion", "1")):  # fmt: skip
        git(bare, "config", key, value)

    for number, address in enumerate((str(bare), bare.as_uri())):
        with pytest.raises(PaiwatchError):
            work_with(tmp_path / f"home{number}", address, bare)

    assert not canary.exists(), canary.read_text()


def test_links_that_leave_the_tree_are_texts(tmp_path: Path, work: Path) -> None:
    for name, target in {
        "out": "../../../etc/passwd",
        "root": "/etc/passwd",
        "up": "..",
        "loop": "loop",
    }.items():
        (work / name).symlink_to(target)
    push(work, {})
    repository = a_repository(tmp_path / "home", work.with_name("cluster.git"))

    files = repository.look(folder=".").files

    assert {repository.read([files[name].oid])[files[name].oid] for name in ("out", "root", "up", "loop")} == {
        b"../../../etc/passwd", b"/etc/passwd", b"..", b"loop",
    }  # fmt: skip
    repository.close()


@pytest.mark.parametrize("form", ["path", "url"])
def test_what_somebody_wrote_into_our_own_copys_settings(
    tmp_path: Path, work: Path, canary: Path, form: str
) -> None:
    bare = work.with_name("cluster.git")
    repository = a_repository(tmp_path / "home", bare if form == "path" else bare.as_uri())
    first = repository.look(folder=".")
    evil = trapped_config(canary, "hostile").read_text()
    canary.unlink(missing_ok=True)
    for name in ("git/config", "gitconfig"):
        with (tmp_path / "home" / name).open("a") as file:
            file.write(evil)

    pushed = push(work, {"layout.yaml": "two\n"})

    assert repository.look(folder=".", since=first).revision.id == pushed
    assert not canary.exists(), canary.read_text()
    repository.close()
