"""What git says when it refuses, as text that says where, what and what to do. Pure; no secret gets through."""

import difflib
import re
from collections.abc import Iterable

_HTTP_USER = re.compile(r"(https?://)[^/\s@']+@")  # a lone user name may be a token
_PASSWORD = re.compile(r"(://[^/\s:@']+):[^/\s@']+@")
_NOISE = re.compile(r"^(?:fatal|error|ssh|remote): *", re.MULTILINE)

#: What git or ssh prints, and what a person can do about it. First match wins.
_REMEDIES = (
    (
        r"^Timeout: the command",
        "gave no answer within {timeout:g} s",
        "check the network, or raise `timeout`",
    ),
    (
        r"Authentication failed|could not read (?:Username|Password)|unable to read askpass|invalid credentials|error: 40[13]",
        "refused the credentials",
        "check `token_file` and `username`",
    ),
    (
        r"Host key verification failed|REMOTE HOST IDENTIFICATION",
        "the host's ssh key is not in known_hosts",
        "check the key with the host's owner and add it to `known_hosts` (ssh-keyscan prints it)",
    ),
    (r"Permission denied \(", "refused the ssh key", "check `key_file` and the keys that the host accepts"),
    (
        r"dubious ownership",
        "belongs to another user",
        "run paiwatch as that user, or give the repository to this one",
    ),
    (
        r"mismatched algorithms|unknown repository extension|object-format",
        "uses a repository format that this git or paiwatch cannot read",
        "use a SHA-1 repository and a git that knows its format",
    ),
    (
        r"transport '.*' not allowed",
        "uses a transport that is not allowed",
        "use an https, ssh or file URL, or a path",
    ),
    (
        r"not found|does not exist|does not appear to be a git repository|No such file or directory",
        "no repository there",
        "check `repo`, and that these credentials may read it",
    ),
    (
        r"Could not resolve host|Could not connect|Failed to connect|Connection (?:refused|timed out|reset|closed)|No route",
        "cannot be reached",
        "check the address and the network",
    ),
    (r"No space left", "no space left for the copy", "free space in the state folder"),
)


def scrub(text: str, *secrets: str) -> str:
    """The text without credentials in URLs, and without these very secrets."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return _PASSWORD.sub(r"\1:***@", _HTTP_USER.sub(r"\1***@", text))


def explain(where: str, stderr: str, *, timeout: float, secrets: tuple[str, ...] = ()) -> str:
    """One line for a person: `where: what (git's own words); remedy`."""
    said = "; ".join(line for line in _NOISE.sub("", scrub(stderr, *secrets)).splitlines() if line.strip())
    for pattern, what, remedy in _REMEDIES:
        if re.search(pattern, stderr, re.MULTILINE):
            quoted = "" if pattern.startswith("^Timeout") else f" ({said[:400]})"
            return f"{where}: {what.format(timeout=timeout)}{quoted}; {remedy}"
    return f"{where}: git failed: {said[:400] or 'it said nothing'}; the next look tries again"


_OURS = re.compile(
    r"^(?!remote:).*(?:bad object|missing (?:blob|tree|commit|necessary)|unable to (?:read|find) |not a git repository"
    r"|corrupt|did not send all necessary|invalid sha1 pointer|not a tree object|is broken|bad tree|unresolved deltas"
    r"|reference broken|unable to resolve reference|unable to unpack|inflate|Could not read [0-9a-f]{40})",
    re.MULTILINE,
)


def speaks_of_damage(stderr: str) -> bool:
    """Whether git complains of the objects and refs it has here, not of the other side."""
    return _OURS.search(stderr) is not None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """`; did you mean 'main'?`, or nothing when no name is close."""
    near = difflib.get_close_matches(name, tuple(names), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
