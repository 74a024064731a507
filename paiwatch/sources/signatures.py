"""Signatures of commits, checked by git with ssh-keygen and gpg: against the settings' signers, never the user's own.

Every program that git may start for this is named here by its full path, so no configuration chooses one. It decides
nothing: a signature that does not count comes back as a flaw.
"""

import re
import shutil
import signal
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from paiwatch import private
from paiwatch.errors import StalledError, TransientError
from paiwatch.sources.calls import Calls
from paiwatch.sources.mirror import DamagedMirrorError
from paiwatch.sources.rules import Rules

_BATCH = 64  # commits that one git process checks: each costs a process of its own
_LARGEST = (
    1 << 20
)  # bytes of a commit: what git needs to look at a signature grows with the square of its length
_LOG = ("log", "-z", "--no-walk=unsorted", "--no-notes")
_ENDED = "checking signatures was ended; raise `timeout` if that comes again"
_NO_FILE = re.compile(r"(?:could not create temporary file|failed writing detached signature[^:]*): (.+)")
_NOBODY = "/bin/false"  # stands for a program that shall not be asked
_GPG_SETTINGS = b"trust-model always\nno-autostart\nno-auto-key-retrieve\nno-auto-key-locate\n"

_Stamp = tuple[tuple[str, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Flaw:
    """A commit without a signature that counts, and what is wrong with it, as the end of a sentence."""

    commit: str
    why: str


class Signatures:
    """Checks commits of one mirror; `home` takes the private gpg keyring. Remembers what was good. Used by one thread."""

    def __init__(self, calls: Calls, rules: Rules, *, home: Path) -> None:
        self._calls = calls
        self._allowed = rules.allowed_signers
        self._keyring = rules.keyring
        self._gnupg = home / "gnupg"
        self._good: set[str] = set()
        self._stamp: _Stamp | None = None

    def first_flaw(self, commits: Iterable[str]) -> Flaw | None:
        """The first of these commits that no known signer has signed; None when all are signed.

        Raises TransientError when the signers' files or the programs cannot be used now.
        """
        self._renew()
        waiting = (commit for commit in dict.fromkeys(commits) if commit not in self._good)
        while batch := tuple(islice(waiting, _BATCH)):
            for commit, why in self._check(batch):
                if why:
                    return Flaw(commit, why)
                self._good.add(commit)
        return None

    def _check(self, commits: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Each commit, and what is wrong with its signature ("": nothing)."""
        plain = {commit: _plain_fault(text) for commit, text in self._read(commits)}
        judged = self._judge([commit for commit, fault in plain.items() if not fault])
        yield from ((commit, fault or judged[commit]) for commit, fault in plain.items())

    def _read(self, commits: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Each commit as it is written."""
        answer = self._calls.run(*_LOG, "--pretty=raw", "--end-of-options", *commits)
        if answer.is_late or answer.status < 0:
            raise TransientError(_ENDED)
        texts = answer.out.removesuffix(b"\0").split(b"\0")
        if answer.status or len(texts) != len(commits):
            raise DamagedMirrorError(f"{commits[0]} and others cannot be read: {answer.err.strip()}")
        yield from zip(commits, texts, strict=True)

    def _judge(self, commits: Sequence[str]) -> dict[str, str]:
        """What is wrong with the signatures of these commits, which have one that git should be able to look at."""
        if not commits:
            return {}
        form = "--format=%H%x00%G?%x00%GK"
        places = {
            "GNUPGHOME": str(self._gnupg),
            "TMPDIR": str(self._gnupg.parent),
        }  # git writes signatures to files
        words = (*self._options(), *_LOG, form, "--end-of-options", *commits)
        answer = self._calls.run(*words, env=places)
        if found := _NO_FILE.search(answer.err):
            where = self._gnupg.parent
            raise TransientError(
                f"{where}: a signature cannot be written for its check: {found[1]}; see to the disk"
            )
        fields = answer.out.decode(errors="replace").removesuffix("\0").split("\0")
        if answer.status == 0 and fields[::3] == list(commits):
            return {
                commit: self._fault(code, key)
                for commit, code, key in zip(fields[::3], fields[1::3], fields[2::3], strict=True)
            }
        if len(commits) > 1:  # git gives up at one that it cannot make out: which is it?
            return {commit: fault for each in commits for commit, fault in self._judge((each,)).items()}
        if answer.status not in {128, -signal.SIGPIPE}:  # git 2.39 dies of a checker that gives up early
            raise TransientError(_ENDED)
        return {commits[0]: self._fault("B", "")}

    def _options(self) -> tuple[str, ...]:
        """Settings of git that win over all others."""
        gpg = _program("gpg") if self._keyring else _NOBODY
        pairs = {
            "gpg.program": gpg,
            "gpg.openpgp.program": gpg,
            "gpg.x509.program": _NOBODY,
            "gpg.ssh.program": _program("ssh-keygen") if self._allowed else _NOBODY,
            "gpg.ssh.allowedSignersFile": str(self._allowed or "/dev/null"),
            "log.showSignature": "false",
        }
        return tuple(word for key, value in pairs.items() for word in ("-c", f"{key}={value}"))

    def _fault(self, code: str, key: str) -> str:
        """What git's letter for a signature (see PRETTY FORMATS in git-log) means to a person."""
        by = f" {key}" if key else ""
        match code:
            case "G":
                return ""
            case "U" | "E" if key:
                return f"is signed with the key{by}, which {self._signers} does not accept"
            case "X" | "Y":
                return f"is signed with the key{by}, which has expired"
            case "R":
                return f"is signed with the key{by}, which is revoked"
            case _:
                return f"has a signature that is not valid by {self._signers}"

    @property
    def _signers(self) -> str:
        return " or ".join(str(place) for place in (self._allowed, self._keyring) if place)

    # -- whose signatures count

    def _renew(self) -> None:
        """Read the signers' files again when they are others than before: who was good may be no longer."""
        files = [*([self._allowed] if self._allowed else []), *_key_files(self._keyring)]
        stamp = tuple(_stamp_of(file) for file in files)
        if stamp == self._stamp:
            return
        self._good.clear()
        if self._keyring:
            self._import(_key_files(self._keyring))
        self._stamp = stamp

    def _import(self, files: Sequence[Path]) -> None:
        """A private home for gpg that holds these keys and no others."""
        if not files:
            raise StalledError(f"{self._keyring}: has no file with keys in it; write one with `gpg --export`")
        try:
            private.remove_tree(self._gnupg)
            private.make_folder(self._gnupg)
            private.write_file(self._gnupg / "gpg.conf", _GPG_SETTINGS)
        except OSError as fault:
            raise TransientError(f"{self._gnupg}: cannot be written: {fault.strerror}") from fault
        words = ("--batch", "--quiet", "--import", "--", *map(str, files))
        answer = self._calls.run(*words, program=_program("gpg"), env={"GNUPGHOME": str(self._gnupg)})
        for made in self._gnupg.iterdir():
            made.chmod(0o600)
        if answer.status:
            said = answer.err.strip().splitlines() or ["gpg said nothing"]
            raise StalledError(
                f"{self._keyring}: gpg cannot take keys from it ({said[0]}); write it with `gpg --export`"
            )


def _plain_fault(text: bytes) -> str:
    """What is wrong with this commit before anybody looks at its signature; "" when it has one."""
    if len(text) > _LARGEST:
        return f"is larger than {_LARGEST >> 20} MiB, and no signature of such a commit counts"
    return "" if b"\ngpgsig " in text.partition(b"\n\n")[0] else "is not signed"


def _key_files(keyring: Path | None) -> list[Path]:
    """The files with keys: the keyring itself, or those in it. Raises TransientError when it cannot be read."""
    if keyring is None:
        return []
    try:
        return sorted(file for file in keyring.iterdir() if file.is_file()) if keyring.is_dir() else [keyring]
    except OSError as fault:
        raise TransientError(f"{keyring}: cannot be read: {fault.strerror}; check who may read it") from fault


def _stamp_of(file: Path) -> tuple[str, int, int, int]:
    """What differs once the file is another one. Raises TransientError when it cannot be read."""
    remedy = "without it nobody's signature counts: put it back"
    try:
        found = file.stat()
        if stat.S_ISREG(found.st_mode):  # to open a pipe would be to wait for who writes to it
            file.open("rb").close()
    except OSError as fault:
        raise TransientError(f"{file}: cannot be read: {fault.strerror}; {remedy}") from fault
    if not stat.S_ISREG(found.st_mode):
        raise TransientError(f"{file}: is no file; {remedy}")
    return str(file), found.st_mtime_ns, found.st_size, found.st_ino


def _program(name: str) -> str:
    """Where this program lies. Raises TransientError when it is not installed."""
    if (found := shutil.which(name)) is None:
        raise TransientError(
            f"{name} is not installed, and signatures cannot be checked without it; install it"
        )
    return found
