"""A repository on this machine, read without starting git: where its parts lie and where a branch points.

Only refs and the format are read here, never objects or hooks; what somebody else's repository configures is not ours to run.
"""

import os
import re
import stat
from pathlib import Path

from paiwatch.errors import StalledError, TransientError

_OID = re.compile(r"[0-9a-f]{40}")
_OTHER_HASH = re.compile(r"^\s*objectformat\s*=\s*\"?sha256", re.MULTILINE | re.IGNORECASE)
_SYMREF_DEPTH = 5  # as git's own limit
_MOST = 64 << 20  # bytes of one file: packed-refs of a million branches


def find(path: Path) -> Path | None:
    """The folder that holds objects and refs: of a bare repository, a work tree or a linked work tree; None if there is none."""
    for candidate in (path / ".git", path):
        gitdir = _follow_file(candidate) if candidate.is_file() else candidate
        if gitdir is None or not (gitdir / "HEAD").is_file():
            continue
        common = _read_line(gitdir / "commondir")
        folder = Path(os.path.realpath(gitdir / common if common else gitdir))
        if (folder / "objects").is_dir():
            return folder
    return None


def found(path: Path) -> Path:
    """As `find`. Raises StalledError where there is no repository, TransientError where nobody can look."""
    try:
        gitdir = find(path)
    except OSError as fault:
        raise TransientError(
            f"{path}: cannot be read: {fault.strerror}; let paiwatch's user read it"
        ) from fault
    if gitdir is not None:
        return gitdir
    if path.is_dir():
        raise StalledError(f"{path}: no git repository there; check `repo`, or `git init` one")
    raise TransientError(f"{path}: no such folder; check `repo`, or mount it")


def has_plain_refs(gitdir: Path) -> bool:
    """False for the reftable format, which only git itself can read."""
    return not (gitdir / "reftable").is_dir()


def has_other_hash(gitdir: Path) -> bool:
    """True for the SHA-256 format, whose ids are no ids here."""
    return _OTHER_HASH.search(_read_text(gitdir / "config") or "") is not None


def read_ref(gitdir: Path, ref: str) -> str | None:
    """The commit a ref points to, through symbolic refs; None when it does not exist."""
    for _ in range(_SYMREF_DEPTH):
        text = _read_line(gitdir / ref)
        if text is None:
            return _packed(gitdir).get(ref)
        if not text.startswith("ref:"):
            return text if _OID.fullmatch(text) else None
        ref = text.removeprefix("ref:").strip()
        if ".." in ref or ref.startswith("/"):
            return None
    return None


def fetched(gitdir: Path, branch: str) -> str | None:
    """The commit that the last fetch found at this branch; None when it was another ref that git took for it."""
    oid, _, what = (_read_line(gitdir / "FETCH_HEAD") or "").partition("\t\t")
    return oid if _OID.fullmatch(oid) and what.startswith(f"branch '{branch}' of ") else None


def branches(gitdir: Path) -> tuple[str, ...]:
    """The names of all branches, sorted."""
    heads = gitdir / "refs" / "heads"
    loose = {
        path.relative_to(heads).as_posix()
        for path in heads.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }
    packed = {ref.removeprefix("refs/heads/") for ref in _packed(gitdir) if ref.startswith("refs/heads/")}
    return tuple(sorted(loose | packed))


def _follow_file(file: Path) -> Path | None:
    """Where a `.git` file (linked work tree, submodule) points."""
    text = _read_line(file)
    if text is None or not text.startswith("gitdir:"):
        return None
    return file.parent / text.removeprefix("gitdir:").strip()


def _packed(gitdir: Path) -> dict[str, str]:
    lines = (_read_text(gitdir / "packed-refs") or "").split("\n")
    pairs = (line.split(" ", 1) for line in lines if line and line[0] not in "#^")
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2 and _OID.fullmatch(pair[0])}


def _read_line(file: Path) -> str | None:
    text = _read_text(file)
    return None if text is None else text.strip()


def _read_text(file: Path) -> str | None:
    """None for what is no plain file: whoever owns the repository may have put a pipe there that nobody writes to."""
    try:
        with open(file, "rb", opener=_unblocked) as opened:
            is_plain = stat.S_ISREG(os.fstat(opened.fileno()).st_mode)
            return opened.read(_MOST).decode(errors="surrogateescape") if is_plain else None
    except OSError:
        return None


def _unblocked(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
