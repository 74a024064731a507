"""Whoever writes .gitmodules runs nothing here and reads nothing: what is not harmless is refused, with its place."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from paiwatch.errors import PaiwatchError, StalledError, TransientError
from paiwatch.snapshot import Mode
from paiwatch.sources import address, gitmodules
from paiwatch.sources.access import Access
from paiwatch.sources.submodules import DEEPEST, MOST
from paiwatch.sources.whole import WholeRepository
from tests.sources.nests import a_library, a_whole, head, link, publish, push_staged
from tests.sources.origins import a_bare, a_work_tree, git
from tests.sources.servers import serve_http


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "canary"


@pytest.fixture
def lib(tmp_path: Path) -> Path:
    return a_library(tmp_path / "lib", {"file": "f\n"})


@pytest.fixture
def platform(tmp_path: Path, lib: Path) -> Path:
    work = a_work_tree(tmp_path / "platform", {"src/own": "own\n"})
    a_bare(work)
    return work


@pytest.fixture
def origin(tmp_path: Path, platform: Path) -> Iterator[WholeRepository]:
    made = a_whole(tmp_path / "state", tmp_path / "platform.git", timeout=20.0)
    yield made
    made.close()


def refusal_of(origin: WholeRepository) -> str:
    with pytest.raises(StalledError) as caught:
        origin.look(folder=".")
    return str(caught.value)


HELPERS = ["ext::sh -c 'touch {canary}'", "fd::17", "foo::https://x/y", "EXT::sh -c 'touch {canary}'"]
OPTIONS = [
    "-u./payload",
    "--upload-pack=touch {canary}",
    "-oProxyCommand=touch {canary}",
    "-oProxyCommand=x:y",
]
LOCAL = ["file://{secret}", "FILE://{secret}", "{secret}", "file:{secret}", "secret", ".", "..", "~/secret"]
HOSTS = [
    "ssh://-oProxyCommand=touch$IFS{canary}/x", "ssh://-oProxyCommand=x@host/y", "git://host/x", "ftp://host/x",
    "rsync://host/x", "https://", "https:///host/x", "https://host", "http://good.example@/x", "https://a b/x",
    "https://evil.example\\@git.example/x", "https://host/x\nhost=git.example", "https://host/%0ahost=x",
    "https://host?x=%0a", "https://host#@git.example/x", "host:-x", "http://host:port/x", "host:x\ty", "",
]  # fmt: skip
CLIMBERS = ["../" * 40 + "etc", "../a/../../b", "./../../x/./y", "..//x", "../-x", "../" * 40, "../.."]
URLS = [*HELPERS, *OPTIONS, *LOCAL, *HOSTS, *CLIMBERS]


def test_urls_that_are_not_followed_are_refused_with_their_places(
    *, tmp_path: Path, platform: Path, origin: WholeRepository, canary: Path
) -> None:
    secret = a_work_tree(tmp_path / "secret", {"password": "x"})
    more = f"\tupdate = !touch {canary}\n\tignore = all\n\tbranch = --output={canary}\n"
    for number, url in enumerate(URLS):
        written = url.format(canary=canary, secret=secret).replace("\\", "\\\\").replace("\n", "\\n")
        link(platform, f"m{number:02}", head(secret), f'"{written}"', name=f"m{number:02}", more=more)
    newest = push_staged(platform)

    said = refusal_of(origin)

    assert f"platform.git: commit {newest[:8]} " in said
    assert "cannot be taken: .gitmodules:1: submodule 'm00' has the url" in said
    for number in range(len(URLS)):
        assert f".gitmodules:{1 + 6 * number}: submodule 'm{number:02}' has " in said
    assert said.isprintable()
    assert not canary.exists()
    assert not list((tmp_path / "state" / "sources").glob("*.*"))


@pytest.mark.parametrize("url", URLS)
def test_a_url_that_is_not_followed_is_none_for_any_parent(url: str) -> None:
    for parent in ("https://git.example/p", "git@git.example:p", "/srv/p", "file:///srv/p"):
        assert address.fault(url, parent=parent) is not None


NAMES = ["../../hooks", "a/../b", "..", "x\\\\..\\\\y"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_leads_elsewhere_is_refused(
    *, platform: Path, lib: Path, origin: WholeRepository, name: str
) -> None:
    link(platform, "src/m", head(lib), "../lib.git", name=name)
    push_staged(platform)

    assert "has a name that leads elsewhere; give it another name" in refusal_of(origin)


@pytest.mark.parametrize("name", ["-q", "--upload-pack=x", "$(touch x)", "a.b.c", "Case", "ünï"])
@pytest.mark.parametrize("path", ["-x", "src/--help", "src/$(touch x)", "src/ü b"])
def test_odd_names_and_paths_are_only_names(
    *, platform: Path, lib: Path, origin: WholeRepository, name: str, path: str
) -> None:
    link(platform, path, head(lib), "../lib.git", name=name, more="\tupdate = !touch /tmp/x\n")
    push_staged(platform)

    assert f"{path}/file" in origin.look(folder=".").files


def test_every_fault_is_told_at_once_with_its_line(
    *, platform: Path, lib: Path, origin: WholeRepository
) -> None:
    (platform / ".gitmodules").write_text("# ours\n\n")
    link(platform, "src/one", head(lib), "ext::x")
    link(platform, "src/two", head(lib), "/etc")
    git(platform, "update-index", "--add", "--cacheinfo", f"160000,{head(lib)},src/three")
    push_staged(platform)

    said = refusal_of(origin)

    assert (
        ".gitmodules:3: submodule 'src/one' has the url 'ext::x', which is not followed; use an https" in said
    )
    assert ".gitmodules:6: submodule 'src/two' has the url '/etc', a place on paiwatch's own machine" in said
    assert (
        ".gitmodules: has no entry for the submodule at 'src/three'; add it (git submodule add), or remove the "
        "submodule (git rm --cached src/three)" in said
    )


def test_two_submodules_at_one_path_are_refused(platform: Path, lib: Path, origin: WholeRepository) -> None:
    (platform / ".gitmodules").write_text(
        '[submodule "a"]\n\tpath = src/m\n\turl = ../lib.git\n[submodule "b"]\n\tpath = src/m\n\turl = ../other.git\n'
    )
    git(platform, "add", ".gitmodules")
    link(platform, "src/m", head(lib), "")
    push_staged(platform)

    assert ".gitmodules:4: has two submodules at 'src/m'; remove one" in refusal_of(origin)


def test_a_second_value_is_refused(platform: Path, lib: Path, origin: WholeRepository) -> None:
    link(platform, "src/m", head(lib), "../lib.git", more="\turl = ../other.git\n")
    push_staged(platform)

    assert "submodule 'src/m' has two values for 'url'; remove one" in refusal_of(origin)


def test_an_entry_without_a_submodule_means_nothing(platform: Path, origin: WholeRepository) -> None:
    (platform / "folder").symlink_to("/etc")
    (platform / ".gitmodules").write_text(
        '[submodule "a"]\n\tpath = gone\n\turl = ext::x\n[submodule "b"]\n\tpath = folder\n\turl = ../lib.git\n'
    )
    git(platform, "add", "-A")
    push_staged(platform)

    assert origin.look(folder=".").files["folder"].mode is Mode.LINK


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("a link", ".gitmodules: is no plain file; make it one"),
        ("no configuration", ".gitmodules: git cannot read it ("),
        ("huge", "and may have 1,048,576; make it shorter"),
        ("missing", "has no entry for the submodule at 'src/m'"),
        ("another's", "has no entry for the submodule at 'src/m'"),
    ],
)
def test_a_gitmodules_that_cannot_be_read_is_refused(
    *, tmp_path: Path, platform: Path, lib: Path, origin: WholeRepository, kind: str, said: str
) -> None:
    link(platform, "src/m", head(lib), "../lib.git")
    modules = platform / ".gitmodules"
    entry = modules.read_text()
    modules.unlink()
    if kind == "a link":
        (tmp_path / "elsewhere").write_text(entry)
        modules.symlink_to(tmp_path / "elsewhere")
    elif kind == "no configuration":
        modules.write_text(f"{entry}[submodule\n")
    elif kind == "huge":
        modules.write_text(entry + "# filler\n" * 200_000)
    elif kind == "another's":  # git would follow the include of a blob
        (tmp_path / "elsewhere").write_text(entry)
        modules.write_text(f"[include]\n\tpath = {tmp_path}/elsewhere\n")
    git(platform, "add", "-A", ".gitmodules")
    push_staged(platform)

    assert said in refusal_of(origin)


def test_a_history_that_contains_itself_ends(platform: Path, origin: WholeRepository) -> None:
    for _ in range(DEEPEST + 1):
        link(platform, "self", head(platform), "./")
        push_staged(platform)

    assert f"has submodules more than {DEEPEST} deep, at 'self/self/" in refusal_of(origin)


def test_submodules_without_number_are_refused(
    *, platform: Path, lib: Path, origin: WholeRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paiwatch.sources.submodules.MOST", 3)
    for number in range(4):
        link(platform, f"src/m{number}", head(lib), "../lib.git")
    push_staged(platform)

    assert "has more than 3 submodules" in refusal_of(origin)
    assert MOST == 256


def test_files_without_number_are_refused(
    *, platform: Path, lib: Path, origin: WholeRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paiwatch.sources.submodules.MOST_FILES", 1)
    for number in range(2):
        link(platform, f"src/m{number}", head(lib), "../lib.git")
    push_staged(platform)

    assert "has more than 1 files in submodules" in refusal_of(origin)


def test_what_is_no_commit_is_waited_for(platform: Path, lib: Path, origin: WholeRepository) -> None:
    blob = git(lib, "rev-parse", "HEAD:file")
    link(platform, "src/m", blob, "../lib.git")
    push_staged(platform)

    with pytest.raises(TransientError, match="waits for commit"):
        origin.look(folder=".")


def test_no_file_of_a_submodule_leads_out_of_the_tree(
    *, platform: Path, lib: Path, origin: WholeRepository
) -> None:
    blob = git(lib, "rev-parse", "HEAD:file")
    inner = git(lib, "mktree", stdin=f"100644 blob {blob}\tpre-commit\n")
    tree = git(lib, "mktree", stdin=f"040000 tree {inner}\t..\n")
    made = git(lib, "commit-tree", tree, "-m", "Out")
    git(lib, "push", "-q", "origin", f"{made}:refs/heads/out")
    link(platform, "src/m", made, "../lib.git")
    push_staged(platform)

    assert "lib.git: the newest commit" in (said := refusal_of(origin))
    assert "'../pre-commit', a name that leads out of the tree" in said


def test_paths_that_are_too_long_only_together_are_refused(
    *, platform: Path, lib: Path, origin: WholeRepository
) -> None:
    half = "/".join(["x" * 200] * 3)
    link(platform, half, publish(lib, {f"{half}/f": "x"}), "../lib.git")
    push_staged(platform)

    assert "a path of more than 1,024 bytes" in refusal_of(origin)


def test_settings_of_a_submodule_run_nothing(
    *, tmp_path: Path, platform: Path, lib: Path, origin: WholeRepository, canary: Path
) -> None:
    """Neither what lies in its tree nor what its repository on this machine is configured to do."""
    bare = tmp_path / "lib.git"
    trap = tmp_path / "trap"
    trap.write_text(f'#!/bin/sh\ntouch {canary}\nexec "$@"\n')
    trap.chmod(0o755)
    for key in ("core.fsmonitor", "uploadpack.packObjectsHook", "core.sshCommand", "filter.x.smudge"):
        git(bare, "config", key, str(trap))
    made = publish(
        lib, {".gitattributes": "* filter=x\n", ".gitconfig": "[core]\n", "hooks/post-checkout": "x"}
    )
    link(platform, "src/m", made, "../lib.git")
    push_staged(platform)

    tree = origin.look(folder=".")
    contents = origin.read(entry.oid for entry in tree.files.values())

    assert contents[tree.files["src/m/.gitattributes"].oid] == b"* filter=x\n"
    assert not canary.exists()


def test_an_error_shows_no_password(*, tmp_path: Path, platform: Path, lib: Path) -> None:
    with serve_http(tmp_path, password="s3cret") as url:
        link(platform, "src/m", head(lib), f"{url.replace('//', '//who:hunter2@')}/lib.git")
        push_staged(platform)
        made = a_whole(tmp_path / "state", tmp_path / "platform.git")
        with pytest.raises(PaiwatchError) as caught:
            made.look(folder=".")
        made.close()

    assert "hunter2" not in str(caught.value)
    assert "refused the credentials" in str(caught.value)


@pytest.mark.parametrize(
    ("parent", "url", "there"),
    [
        ("https://h/g/p.git", "../lib.git", "https://h/g/lib.git"),
        ("https://h/g/p.git/", "../../o/lib", "https://h/o/lib"),
        ("https://h/p.git", "./sub", "https://h/p.git/sub"),
        ("git@h:g/p.git", "../lib.git", "git@h:g/lib.git"),
        ("git@h:p.git", "../lib.git", "git@h:lib.git"),
        ("h:/srv/p.git", "../../x/lib", "h:/x/lib"),
        ("ssh://u@h:22/~u/p.git", "../lib", "ssh://u@h:22/~u/lib"),
        ("/srv/git/p.git", "../lib.git", "/srv/git/lib.git"),
        ("file:///srv/git/p.git", "../lib.git/", "file:///srv/git/lib.git"),
        ("https://h/g/p.git", "https://other/x.git", "https://other/x.git"),
    ],
)
def test_a_relative_url_takes_parts_off_the_address(parent: str, url: str, there: str) -> None:
    assert address.fault(url, parent=parent) is None
    assert address.resolve(url, parent=parent) == there


@pytest.mark.parametrize(
    ("parent", "url", "is_shown"),
    [
        ("https://git.example/p", "https://git.example/lib", True),
        ("https://git.example/p", "https://GIT.example:443/lib", True),
        ("https://git.example/p", "../lib", True),
        ("https://git.example/p", "https://git.example:8443/lib", False),
        ("https://git.example/p", "http://git.example/lib", False),
        ("https://git.example/p", "https://git.example.evil/lib", False),
        ("https://git.example/p", "https://git.example@evil/lib", False),
        ("https://git.example/p", "ssh://git.example/lib", False),
        ("git@git.example:p", "ssh://root@git.example:22/lib", True),
        ("git@git.example:p", "git@other.example:lib", False),
        ("file:///srv/p", "https://git.example/lib", False),
    ],
)
def test_credentials_are_for_the_same_scheme_host_and_port(parent: str, url: str, is_shown: bool) -> None:
    given = Access(repo=parent, token_file=Path("/t"), key_file=Path("/k"), username="me", password="pw")

    found = address.access(address.resolve(url, parent=parent), url, parent=given)

    shown = (found.token_file, found.key_file, found.username, found.password)
    assert shown == ((Path("/t"), Path("/k"), "me", "pw") if is_shown else (None, None, "x-access-token", ""))


def test_what_git_lists_is_read_by_name_and_key() -> None:
    listed = b"core.x\n1\0submodule.a.b.path\nlib\0submodule.a.b.url\nhttps://h/x\ny\0submodule.path\nz\0submodule.a.b.shallow\0"

    (module,) = gitmodules.parse(listed, b'\n[submodule "a.b"]\n')

    assert (module.name, module.line, module.value("path")) == ("a.b", 2, "lib")
    assert module.value("url") == "https://h/x\ny"
    assert module.value("update") == ""
