"""What git says when it refuses, as text that says where, what and what to do. Pure; no secret gets through."""

import difflib
import re
from collections.abc import Iterable

from paiwatch.scrub import MASK, without_credentials

_NOISE = re.compile(
    r"^(?:fatal|error|ssh|remote): *| after \d+ (?:ms|milliseconds)", re.MULTILINE
)  # equal faults look equal

_FORMAT = "uses a repository format that this git or paiwatch cannot read"
_OTHER_FORMAT = "use a SHA-1 repository and a git that knows its format"
OTHER_HASH = f"{_FORMAT} (SHA-256); {_OTHER_FORMAT}"

_NOT_GIVEN = (  # the last one is JGit's
    "not our ref|upload-pack: .*bad object|did not (?:send|receive)|Server does not allow request for unadvertised"
    "|want [0-9a-f]{40} not valid"
)

#: What git or ssh prints, and what a person can do about it. First match wins.
_REMEDIES = (
    (
        r"unable to read askpass response from '(?!/bin/false)",
        "leads to another host, which is not given the credentials",
        "correct `repo` if it has moved there",
    ),
    (
        r"Authentication failed|could not read (?:Username|Password)|unable to read askpass|invalid credentials|error: 40[13]",
        "refused the credentials",
        "check `token_file` and `username`",
    ),
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED",
        "the host shows another ssh key than the one in known_hosts",
        "ask the host's owner whether its key was changed, for somebody may stand in its place; then renew `known_hosts`",
    ),
    (
        r"Host key verification failed|REMOTE HOST IDENTIFICATION",
        "the host's ssh key is not in known_hosts",
        "check the key with the host's owner and add it to `known_hosts` (ssh-keyscan prints it)",
    ),
    (
        r"UNPROTECTED PRIVATE KEY FILE|bad permissions",
        "ssh does not use a key that others can read",
        "run chmod 600 on `key_file`",
    ),
    (r"Permission denied \(", "refused the ssh key", "check `key_file` and the keys that the host accepts"),
    (
        r"SSL certificate problem|certificate verif|certificate subject name|CAfile|CAINFO|unable to get local issuer",
        "its TLS certificate is not trusted",
        "renew it, or name the file with its authority's certificate in `ca_file`",
    ),
    (
        r"returned error: 429",
        "asks for fewer questions",
        "raise `poll`; the next look tries again",
    ),
    (
        r"returned error: 5\d\d",
        "the other side failed",
        "look there if that lasts; the next look tries again",
    ),
    (
        r"trying to write non-commit object",
        "the branch does not lead to a commit",
        "point it to one",
    ),
    (
        r"dubious ownership",
        "belongs to another user",
        "run paiwatch as that user, or give the repository to this one",
    ),
    (
        r"mismatched algorithms|unknown repository extension|object-format",
        _FORMAT,
        _OTHER_FORMAT,
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
    (
        _NOT_GIVEN,
        "announces a commit that it cannot give yet",
        "the next look tries again",
    ),
    (
        r"^remote: (?:fatal|error)|^fatal: remote error|early EOF|the remote end hung up",
        "the other side failed",
        "look there if that lasts; the next look tries again",
    ),
)
_BANNER = re.compile(r"@{5,}")  # what ssh draws around its warnings
_LONGEST = 400  # characters of git's own words
_FULL = (r"No space left", "no space left for the copy", "free space in the state folder")


def scrub(text: str, *secrets: str) -> str:
    """The text without credentials in URLs, and without these very secrets."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, MASK)
    return without_credentials(text)


def _printable(line: str) -> str:
    """A line that somebody else wrote, for a terminal: no escapes, no blanks for their own sake."""
    plain = "".join(letter if letter.isprintable() else " " for letter in line)
    return " ".join(_BANNER.sub(" ", plain).split())


def explain(where: str, stderr: str, *, late: float | None = None, secrets: tuple[str, ...] = ()) -> str:
    """One line for a person: `where: what (git's own words); remedy`. `late`: the limit in seconds that was reached."""
    if late is not None:
        return f"{where}: gave no answer within {late:g} s; check the network, or raise `timeout`"
    lines = (_printable(line) for line in _NOISE.sub("", scrub(stderr, *secrets)).splitlines())
    said = "; ".join(line for line in lines if line)[:_LONGEST]
    for pattern, what, remedy in (_FULL, *_REMEDIES):
        if re.search(pattern, stderr, re.MULTILINE):
            return f"{where}: {what} ({said}); {remedy}"
    return f"{where}: git failed: {said or 'it said nothing'}; the next look tries again"


def explain_miss(branch: str, branches: tuple[str, ...], *, is_tag: bool) -> str:
    """Why there is no such branch among these."""
    if is_tag:
        return f"{branch!r} is a tag, and only branches are followed; name a branch in `branch`"
    if not branches:
        return f"the repository has no branch yet; push {branch!r} to it"
    return f"no branch {branch!r}{did_you_mean(branch, branches)}; push it, or correct `branch`"


_OURS = re.compile(
    r"^(?!remote:).*(?:bad object|missing (?:blob|tree|commit|necessary)|unable to (?:read|find) |not a git repository"
    r"|corrupt|did not send all necessary|invalid sha1 pointer|not a tree object|is broken|bad tree|unresolved deltas"
    r"|reference broken|unable to resolve reference|unable to unpack|inflate|Could not read [0-9a-f]{40})",
    re.MULTILINE,
)


def may_be_ours(stderr: str) -> bool:
    """Whether it may be the objects and refs here that git complains of: it says so, or what it says is not known."""
    if re.search(_FULL[0], stderr):
        return False
    return _OURS.search(stderr) is not None or not any(
        re.search(pattern, stderr, re.MULTILINE) for pattern, _, _ in _REMEDIES
    )


def speaks_of_no_branch(stderr: str) -> bool:
    """Whether the other side has no ref of the name that was asked for."""
    return re.search(r"^fatal: couldn't find remote ref ", stderr, re.MULTILINE) is not None


def speaks_of_no_commit(stderr: str) -> bool:
    """Whether the other side does not give the commit that was asked for by its id."""
    return re.search(_NOT_GIVEN, stderr) is not None


def speaks_of_size(stderr: str) -> bool:
    """Whether a limit on files or memory ended what git had started."""
    return re.search(r"File too large|[Oo]ut of memory|unable to allocate", stderr) is not None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """`; did you mean 'main'?`, or nothing when no name is close."""
    near = difflib.get_close_matches(name, tuple(names), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
