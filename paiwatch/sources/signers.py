"""The files that say whose signatures count, as they are on this machine: what is wrong with them before anything is checked."""

import os
import re
import shutil
from pathlib import Path

#: What makes a line of allowed_signers one: principals, maybe options, the key's type, the key.
_SIGNER = re.compile(r"\S+ .*(?:sk-)?(?:ssh|ecdsa)-\S+ +[A-Za-z0-9+/]{16,}={0,3}(?: .*)?")

_Fault = tuple[str, str]


def allowed_fault(file: Path | None) -> _Fault | None:
    """What is wrong with a file of ssh signers, and what to do; None when nothing is."""
    if file is None:
        return None
    if (fault := _unreadable(file, is_folder=False)) is not None:
        return fault
    lines = file.read_text(errors="replace").splitlines()
    signers = [(number, line) for number, line in enumerate(lines, 1) if line.strip() and line[0] != "#"]
    bad = next((number for number, line in signers if not _SIGNER.fullmatch(line.strip())), None)
    if bad is not None:
        remedy = 'write: NAME namespaces="git" ssh-ed25519 AAAA…; see ALLOWED SIGNERS in man ssh-keygen'
        return f"{file}:{bad} names no signer", remedy
    if not signers:
        return f"{file} names no signer", "write a line for each signer: NAME and their public key"
    return _missing("ssh-keygen", "the OpenSSH client")


def keyring_fault(keyring: Path | None) -> _Fault | None:
    """The same for gpg's keys: a file with them, or a folder of such files."""
    if keyring is None:
        return None
    if (fault := _unreadable(keyring, is_folder=keyring.is_dir())) is not None:
        return fault
    files = [file for file in keyring.iterdir() if file.is_file()] if keyring.is_dir() else [keyring]
    for file in files:
        if (fault := _unreadable(file, is_folder=False)) is not None:
            return fault
    if not any(file.stat().st_size for file in files):
        return f"{keyring} has no key in it", "write it with: gpg --armor --export SIGNER"
    return _missing("gpg", "GnuPG")


def _unreadable(path: Path, *, is_folder: bool) -> _Fault | None:
    try:
        is_right = path.is_dir() if is_folder else path.is_file()
        path.stat()
    except OSError as fault:
        return f"{path} cannot be used: {fault.strerror}", "create the file, or correct the path"
    if not is_right:
        return f"{path} is not a file", "name the file itself"
    if not os.access(path, os.R_OK | os.X_OK if is_folder else os.R_OK):
        return f"{path} cannot be read by this user", "change its owner or mode"
    return None


def _missing(program: str, package: str) -> _Fault | None:
    if shutil.which(program) is None:
        return f"{program}, which checks such signatures, is not installed", f"install {package}"
    return None
