"""Builders of real repositories, and what a test needs to look at processes and descriptors."""

import contextlib
import shutil
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from paiwatch.snapshot import Entry, Mode, Tree, blob_id
from paiwatch.sources.access import Access
from paiwatch.sources.repository import Repository

Content = str | bytes | None


def git(folder: Path, *arguments: str, stdin: str | None = None) -> str:
    """Run git in a folder; its output without the last newline."""
    ran = subprocess.run(
        ("git", *arguments), cwd=folder, check=True, capture_output=True, text=True, input=stdin
    )
    return ran.stdout.removesuffix("\n")


def a_work_tree(folder: Path, files: Mapping[str, Content] | None = None) -> Path:
    """A repository with a work tree and one commit on main."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    commit(folder, files if files is not None else {"README": "hello\n"})
    return folder


def a_bare(work: Path) -> Path:
    """A bare repository that `work` pushes to as origin."""
    bare = work.with_name(f"{work.name}.git")
    git(work.parent, "init", "-q", "--bare", "-b", "main", str(bare))
    git(work, "remote", "add", "origin", str(bare))
    git(work, "push", "-q", "origin", "main")
    return bare


def write(folder: Path, files: Mapping[str, Content]) -> None:
    """Write files below a folder; None removes one."""
    for path, content in files.items():
        file = folder / path
        if content is None:
            file.unlink()
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)


def commit(work: Path, files: Mapping[str, Content], *, subject: str = "Change things") -> str:
    """Commit these changes; gives the commit's id."""
    write(work, files)
    git(work, "add", "-A")
    git(work, "commit", "-q", "--allow-empty", "-m", subject)
    return git(work, "rev-parse", "HEAD")


def push(work: Path, files: Mapping[str, Content], *, subject: str = "Change things") -> str:
    """Commit and push to origin's main."""
    made = commit(work, files, subject=subject)
    git(work, "push", "-q", "--force", "origin", "HEAD:main")
    return made


def a_repository(home: Path, repo: Path | str, *, branch: str = "main", **access: object) -> Repository:
    """A Repository of ours on this address; `access` are fields of Access."""
    return Repository(home=home, branch=branch, access=Access(repo=str(repo), **access))  # type: ignore[arg-type]  # fields by name


def texts(origin: Repository, tree: Tree) -> dict[str, str]:
    """Every file of a tree with its content."""
    contents = origin.read(entry.oid for entry in tree.files.values() if entry.mode is not Mode.SUBMODULE)
    return {path: contents[entry.oid].decode() for path, entry in tree.files.items()}


def plain(content: str) -> Entry:
    """The entry of a plain file."""
    return Entry(Mode.FILE, blob_id(content.encode()))


def children() -> set[int]:
    """Processes of other programs that this one started and that still exist: not the forks that other tests keep."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a thread that just ended
            found.update(int(pid) for pid in (task / "children").read_text().split() if not _is_fork(pid))
    return found


def _is_fork(pid: str) -> bool:
    with contextlib.suppress(OSError):
        return (Path("/proc") / pid / "exe").readlink() == Path("/proc/self/exe").readlink()
    return False


def descriptors() -> int:
    """How many files this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def processes_naming(text: str) -> list[str]:
    """Command lines of all processes that contain this text."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if text in line and state != "Z":
            found.append(line)
    return found


def assert_gone(text: str) -> None:
    """No process names it; one that was killed a moment ago may still be on its way out."""
    pause = threading.Event()
    for _ in range(1000):
        if not processes_naming(text):
            return
        pause.wait(0.01)
    raise AssertionError(processes_naming(text))


def wipe(folder: Path) -> None:
    """Remove a folder with all below."""
    shutil.rmtree(folder)


def a_raw_tree(repo: Path, *entries: tuple[str, bytes, str]) -> str:
    """A tree object with exactly these modes, names and ids, however impossible; gives its id."""
    content = b"".join(
        mode.encode() + b" " + name + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries
    )
    return hash_raw(repo, "tree", content)


def hash_raw(repo: Path, kind: str, content: bytes) -> str:
    """Any object, unchecked; gives its id."""
    words = ("git", "hash-object", "-t", kind, "-w", "--literally", "--stdin")
    return (
        subprocess.run(words, cwd=repo, check=True, capture_output=True, input=content)
        .stdout.decode()
        .strip()
    )


def a_raw_commit(repo: Path, tree: str, *, subject: str = "Change things", branch: str = "main") -> str:
    """A commit of this tree as the new tip of a branch; gives its id."""
    made = git(repo, "commit-tree", tree, "-m", subject)
    git(repo, "update-ref", f"refs/heads/{branch}", made)
    return made
