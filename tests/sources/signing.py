"""Builders of signers: ssh keys, gpg keys, and commits signed with them."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.sources.origins import Content, git, write

needs_gpg = pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not installed (package gnupg)")
needs_ssh = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed (package openssh-client)"
)


@dataclass(frozen=True, slots=True)
class SshKey:
    """A key without a passphrase."""

    file: Path
    public: str

    def line(self, options: str = 'namespaces="git"') -> str:
        """Its line of allowed_signers."""
        return f"{self.file.name}@example.com {options} {self.public}\n"

    def allowed_by(self, file: Path) -> Path:
        """Write an allowed_signers file that names this key alone."""
        file.write_text(self.line())
        return file

    @property
    def options(self) -> tuple[str, ...]:
        """Options of git that sign with it."""
        return ("-c", "gpg.format=ssh", "-c", f"user.signingkey={self.file}")


def an_ssh_key(folder: Path, name: str) -> SshKey:
    """A fresh ed25519 key."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file), check=True)
    return SshKey(file, " ".join(file.with_name(f"{name}.pub").read_text().split()[:2]))


def signed(
    work: Path,
    key: SshKey | None,
    files: Mapping[str, Content] | None = None,
    *,
    subject: str = "Change things",
    amend: bool = False,
) -> str:
    """Commit these changes, signed with this key (None: unsigned); gives the commit's id."""
    write(work, files or {})
    git(work, "add", "-A")
    how = ("--gpg-sign",) if key else ("--no-gpg-sign",)
    more = ("--amend",) if amend else ()
    options = key.options if key else ()
    git(work, *options, "commit", "-q", "--allow-empty", *how, *more, "-m", subject)
    return git(work, "rev-parse", "HEAD")


class GpgHome:
    """Somebody's gpg in a folder with a short path (its agent's socket is there): makes keys and signs with them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._environment = {**os.environ, "GNUPGHOME": str(folder)}

    def run(self, *words: str) -> str:
        """Run gpg; gives what it printed."""
        done = subprocess.run(
            ("gpg", "--batch", "--quiet", "--yes", *words),
            env=self._environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def a_key(self, name: str, *, at: str = "") -> None:
        """A key for `name`@example.com, without a passphrase, that lives a year from now or from this time."""
        clock = ("--faked-system-time", at) if at else ()
        words = ("--quick-gen-key", f"{name}@example.com", "ed25519", "sign", "1y")
        self.run(*clock, "--passphrase", "", *words)

    def export(self, file: Path, *names: str) -> Path:
        """Write their public keys to a file."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.run("--armor", "--export", *(f"{name}@example.com" for name in names)))
        return file

    def revoke_the_only_key(self) -> None:
        """Revoke it with the certificate that gpg made beside it."""
        (made,) = (self.folder / "openpgp-revocs.d").glob("*.rev")
        made.write_text(made.read_text().replace(":-----BEGIN", "-----BEGIN"))
        self.run("--import", str(made))

    def commit(self, work: Path, name: str, *, at: str = "") -> str:
        """An empty commit signed by this key, at this time by gpg's clock; gives its id."""
        program = self.folder / "gpg-at"
        program.write_text(f'#!/bin/sh\nexec gpg {f"--faked-system-time {at}" if at else ""} "$@"\n')
        program.chmod(0o700)
        options = ("-c", "gpg.format=openpgp", "-c", f"gpg.program={program}")
        subprocess.run(
            (
                "git",
                *options,
                "commit",
                "-q",
                "--allow-empty",
                f"-S{name}@example.com",
                "-m",
                "Change things",
            ),
            cwd=work,
            env=self._environment,
            check=True,
            capture_output=True,
        )
        return git(work, "rev-parse", "HEAD")

    def close(self) -> None:
        """End its agent."""
        subprocess.run(("gpgconf", "--kill", "all"), env=self._environment, check=False)
