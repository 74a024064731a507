"""How git gets in: the URL without its secrets, the token by an askpass program, the ssh command, the environment.

No secret is ever an argument or an environment variable: the askpass program reads the token file when git asks.
"""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from paiwatch.errors import TransientError
from paiwatch.sources import orphans
from paiwatch.sources.mirror import Mirror

_LONGEST_TOKEN = 1 << 16  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A repository's address and credentials as the settings name them.

    What is fetched is flushed to the disk if it is `kept`: nobody else may have it tomorrow. Else it can be fetched again.
    """

    repo: str
    timeout: float = 60.0
    token_file: Path | None = None
    username: str = "x-access-token"
    key_file: Path | None = None
    known_hosts: Path | None = None
    ca_file: Path | None = None
    max_fetch: int = 4 << 30  # bytes
    password: str = field(default="", repr=False)  # from a URL that carries one
    kept: bool = False

    @property
    def is_local(self) -> bool:
        """Whether it is a path on this machine and not a URL."""
        return self.repo.startswith("/")


def separate(access: Access) -> Access:
    """The same access with user name and password taken out of an http URL."""
    parts = urlsplit(access.repo)
    if parts.scheme not in {"http", "https"} or "@" not in parts.netloc:
        return access
    url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return replace(
        access,
        repo=url,
        username=unquote(parts.username or "") or access.username,
        password=unquote(parts.password or ""),
    )


def read_secret(access: Access) -> str:
    """The token as it is now; empty when none is needed. Raises TransientError when its file cannot be read."""
    if access.token_file is None:
        return access.password
    try:
        with open(access.token_file, opener=_unblocked) as file:
            token = file.read(_LONGEST_TOKEN).strip()
    except (OSError, UnicodeDecodeError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "it is no text"
        raise TransientError(
            f"{access.token_file}: cannot read the token for {access.repo}: {why}; check that the file exists and "
            "that paiwatch's user may read it"
        ) from fault
    if not token:
        raise TransientError(f"{access.token_file}: is empty; write the token for {access.repo} into it")
    return token


def _unblocked(path: str, flags: int) -> int:
    """Open it; a pipe in its place is empty, and nobody waits for who writes to it."""
    return os.open(path, flags | os.O_NONBLOCK)


def write_askpass(access: Access, home: Path) -> Path:
    """Make the program that git asks for the password. It answers for this one host, as it is reached now: redirects learn nothing."""
    source = access.token_file
    if source is None:
        source = home / "password"
        _write_private(source, f"{access.password}\n", mode=0o600)
    parts = urlsplit(access.repo)
    host, scheme = shlex.quote(parts.netloc), shlex.quote(parts.scheme.lower())
    program = home / "askpass"
    lines = (
        "#!/bin/sh",
        "# Answers git's question for the password of one host; see paiwatch.",
        'case "$1" in',
        f'    "Password for \'"{scheme}"://"*@{host}"\': ") grep -m 1 "[^[:space:]]" -- {shlex.quote(str(source))} ;;',
        "    *) exit 1 ;;",
        "esac",
    )
    _write_private(program, "\n".join(lines) + "\n", mode=0o700)
    return program


def ssh_command(access: Access) -> str:
    """The command line for GIT_SSH_COMMAND: never asks, never trusts a host it does not know."""
    options = [
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        f"ConnectTimeout={max(1, int(min(10, access.timeout)))}",
        "ServerAliveInterval=10",
        "ControlMaster=no",  # the settings of the user may ask for one: it would outlive every call
    ]
    if access.key_file is not None:
        options += [f"IdentityFile={_ssh_path(access.key_file)}", "IdentitiesOnly=yes"]
    if access.known_hosts is not None:
        options += [f"UserKnownHostsFile={_ssh_path(access.known_hosts)}", "GlobalKnownHostsFile=/dev/null"]
    return shlex.join(["ssh", *(word for option in options for word in ("-o", option))])


def environment(access: Access, mirror: Mirror, askpass: Path | None) -> Mapping[str, str]:
    """What every git call gets: our repository, our settings only, no prompt, no hook, no foreign transport.

    Variables that an outer git may have set (a post-receive hook sets GIT_DIR) are overridden.
    """
    config = {
        "safe.directory": "*",
        "core.hooksPath": "/dev/null",
        "core.fsmonitor": "false",
        "core.alternateRefsCommand": "true" if access.is_local else "",
        "gc.auto": "0",
        "maintenance.auto": "false",
        "fetch.writeCommitGraph": "false",
        "core.fsync": "committed,loose-object,reference" if access.kept else "",
        "core.fsyncMethod": "batch" if access.kept else "",
        "credential.helper": "",
        "credential.username": access.username,
        "http.lowSpeedLimit": "1000",
        "http.lowSpeedTime": str(max(1, int(min(20, access.timeout)))),
        "core.bigFileThreshold": "32m",  # larger ones pass through git piece by piece
        "remote.origin.url": access.repo,
    }
    pairs = [(key, value) for key, value in config.items() if value or key == "credential.helper"]
    return {
        orphans.MARKER: str(mirror.git.parent),
        "GIT_DIR": str(mirror.git),
        "GIT_OBJECT_DIRECTORY": str(mirror.git / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
        "GIT_NAMESPACE": "",
        "GIT_CONFIG_PARAMETERS": "",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(mirror.global_config),
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_TRACE": "0",
        "GIT_ALLOW_PROTOCOL": "file:http:https:ssh",
        "GIT_ASKPASS": str(askpass or "/bin/false"),
        "SSH_ASKPASS": "/bin/false",
        "GIT_SSH_COMMAND": ssh_command(access),
        "GIT_SSH_VARIANT": "ssh",
        **({"GIT_SSL_CAINFO": str(access.ca_file)} if access.ca_file else {}),
        "GIT_CONFIG_COUNT": str(len(pairs)),
        **{f"GIT_CONFIG_KEY_{n}": key for n, (key, _) in enumerate(pairs)},
        **{f"GIT_CONFIG_VALUE_{n}": value for n, (_, value) in enumerate(pairs)},
    }


def _ssh_path(path: Path) -> str:
    """A path as ssh_config(5) reads it: quoted for blanks, doubled percent signs."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def _write_private(file: Path, text: str, *, mode: int) -> None:
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=mode)
    fresh.write_text(text)
    fresh.chmod(mode)
    fresh.replace(file)
