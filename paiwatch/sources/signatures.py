"""Signatures of commits, checked by git with ssh-keygen and gpg: against the settings' signers, never the user's own.

Every program that git may start for this is named here by its full path, so no configuration chooses one. It decides
nothing: a signature that does not count comes back as a flaw.
"""

import shutil
import signal
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
        form = "--format=%H%x00%G?%x00%GK"
        words = (*self._options(), "log", "-z", "--no-walk=unsorted", form, "--end-of-options", *commits)
        places = {
            "GNUPGHOME": str(self._gnupg),
            "TMPDIR": str(self._gnupg.parent),
        }  # git writes signatures to files
        answer = self._calls.run(*words, env=places)
        if (
            answer.status == -signal.SIGPIPE
        ):  # git 2.39 dies of a checker that gives up early on a broken signature
            if len(commits) == 1:
                yield commits[0], self._fault("B", "")
            else:
                yield from (found for commit in commits for found in self._check((commit,)))
            return
        if answer.is_late or answer.status < 0:
            raise TransientError("checking signatures was ended; raise `timeout` if that comes again")
        fields = answer.out.decode(errors="replace").removesuffix("\0").split("\0")
        found = tuple(zip(fields[::3], fields[1::3], fields[2::3], strict=False))
        if answer.status or tuple(commit for commit, _, _ in found) != tuple(commits):
            raise DamagedMirrorError(
                f"signatures of {commits[0]} and others cannot be read: {answer.err.strip()}"
            )
        for commit, code, key in found:
            yield commit, self._fault(code, key)

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
            case "N":
                return "is not signed"
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
    try:
        with file.open("rb"):
            found = file.stat()
    except OSError as fault:
        raise TransientError(f"{file}: cannot be read: {fault.strerror}; whose signatures count?") from fault
    return str(file), found.st_mtime_ns, found.st_size, found.st_ino


def _program(name: str) -> str:
    """Where this program lies. Raises TransientError when it is not installed."""
    if (found := shutil.which(name)) is None:
        raise TransientError(
            f"{name} is not installed, and signatures cannot be checked without it; install it"
        )
    return found
