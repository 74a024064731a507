"""What types cannot say about settings: keys that do not go together, places that cannot be. PURE."""

import re
from collections.abc import Iterator
from functools import partial

from paiwatch.documents.document import Document, Path, problem_at
from paiwatch.problem import Problem, Severity
from paiwatch.settings.sections import PLACES, Settings, Source

_OF_REPO = (
    "branch",
    "poll",
    "timeout",
    "token_file",
    "username",
    "key_file",
    "known_hosts",
    "ca_file",
    "max_fetch",
    "verify",
    "allowed_signers",
    "keyring",
    "history",
    "submodules",
)
_OF_DIRECTORY = ("settle", "look")
_OF_TRANSPORT = {
    "token_file": ("https", "http"),
    "username": ("https", "http"),
    "key_file": ("ssh",),
    "known_hosts": ("ssh",),
    "ca_file": ("https",),
}
_TRANSPORTS = ("https", "http", "ssh", "file")

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(?:([^/@:]*)(:[^/@]*)?@)?.+")
_SCP = re.compile(r"[^/:]+:(?!/?/).+|[^/:]+:/[^/].*")  # user@host:path, as git and scp understand it
_BRANCH = re.compile(r"[^\s~^:?*\[\\/.-][^\s~^:?*\[\\]*")


def transport(repo: str) -> str:
    """How a repository is reached: https, http, ssh, file, another scheme, or "" for a path on this machine."""
    if url := _URL.fullmatch(repo):
        return url[1].lower()
    return "ssh" if _SCP.fullmatch(repo) else ""


def check(settings: Settings, document: Document) -> tuple[Problem, ...]:
    """Faults of settings that have the right shape."""
    return (
        *_home_faults(settings, document),
        *_source_faults("config", settings.config, document),
        *_source_faults("src", settings.src, document),
        *_disagreements(settings, document),
        *_pattern_faults(settings.log.secret_keys, document),
    )


def _home_faults(settings: Settings, document: Document) -> Iterator[Problem]:
    """`~` is the shell's; a folder of that name is never meant."""
    places: list[tuple[Path, object]] = [(("state",), settings.state)]
    for name, source in (("config", settings.config), ("src", settings.src)):
        places += [((name, key), getattr(source, key)) for key in ("repo", *PLACES)]
    for where, place in places:
        if str(place).startswith("~"):
            yield _error(
                document, where, f"'{'.'.join(map(str, where))}' begins with '~'", "write the path out"
            )


def _source_faults(name: str, source: Source, document: Document) -> Iterator[Problem]:
    """One source: where it is, and the keys that go with that."""
    given = source.model_fields_set
    if bool(source.repo) == (source.directory is not None):
        which = "both 'repo' and 'directory'" if source.repo else "neither 'repo' nor 'directory'"
        yield _error(document, (name,), f"'{name}' has {which}", "give exactly one of the two")
    yield from _folder_faults(name, source.folder, document)
    if source.directory is not None and not source.repo:
        yield from _misfits(name, [key for key in _OF_REPO if key in given], "'repo'", document)
    if source.repo and source.directory is None:
        yield from _misfits(name, [key for key in _OF_DIRECTORY if key in given], "'directory'", document)
        yield from _repo_faults(name, source, document)


def _misfits(name: str, keys: list[str], of: str, document: Document) -> Iterator[Problem]:
    for key in keys:
        message = f"'{name}.{key}' goes with {of}, which '{name}' does not have"
        yield _error(document, (name, key), message, "remove it")


def _folder_faults(name: str, folder: str, document: Document) -> Iterator[Problem]:
    where = (name, "folder")
    if folder.startswith("/") or ".." in folder.split("/") or not folder.isprintable():
        message = f"'{name}.folder' leaves the tree"
        yield _error(document, where, message, "write a path inside it, such as 'clusters/prod', or '.'")


def _repo_faults(name: str, source: Source, document: Document) -> Iterator[Problem]:
    """The address, the branch, and what only one way of fetching can use."""
    by, where = transport(source.repo), (name, "repo")
    if source.repo.startswith("-") or "::" in source.repo or not source.repo.isprintable():
        yield _error(document, where, f"'{name}.repo' is no address of a repository", "write a URL or a path")
    elif by and by not in _TRANSPORTS:
        yield _error(document, where, f"'{name}.repo' uses '{by}'", f"use {', '.join(_TRANSPORTS)} or a path")
    if not _BRANCH.fullmatch(source.branch) or ".." in source.branch:
        yield _error(
            document, (name, "branch"), f"'{name}.branch' cannot be a branch", "write a name such as main"
        )
    yield from _credential_faults(name, source, by, document)
    yield from _signer_faults(name, source, document)


def _credential_faults(name: str, source: Source, by: str, document: Document) -> Iterator[Problem]:
    for key, needed in _OF_TRANSPORT.items():
        if key in source.model_fields_set and by not in needed:
            message = (
                f"'{name}.{key}' is for {needed[0]}, but the repository is reached by {by or 'its path'}"
            )
            yield _error(document, (name, key), message, "remove it, or change the address")
    url = _URL.fullmatch(source.repo)
    if url and url[3]:
        remedy = "keep the password in a file of its own and name it in 'token_file'"
        yield _warning(document, (name, "repo"), f"'{name}.repo' has a password in it", remedy)
    if by == "http" and source.token_file is not None:
        yield _warning(
            document, (name, "token_file"), f"'{name}.token_file' goes over http unencrypted", "use https"
        )


def _signer_faults(name: str, source: Source, document: Document) -> Iterator[Problem]:
    """Signers without anything to verify, and the other way round."""
    given = [key for key in ("allowed_signers", "keyring") if getattr(source, key) is not None]
    if source.rules.verifies and not given:
        message = f"'{name}.verify' needs to know whose signatures count"
        remedy = f"name a file in '{name}.allowed_signers' (ssh) or '{name}.keyring' (gpg)"
        yield _error(document, (name, "verify"), message, remedy)
    for key in given if not source.rules.verifies else ():
        message = f"'{name}.{key}' has no effect, for '{name}.verify' is off"
        yield _warning(document, (name, key), message, "write 'verify: tip' or 'verify: all', or remove it")


def _disagreements(settings: Settings, document: Document) -> Iterator[Problem]:
    """One branch has one history and one tree: it cannot be refused for config and taken for src."""
    config, src = settings.config, settings.src
    is_one = bool(config.repo) and (config.repo, config.branch) == (src.repo, src.branch)
    if is_one and config.submodules is not src.submodules:
        message = "'config' and 'src' follow the same branch, one with its submodules and one without"
        yield _error(document, ("src",), message, "give both the same 'submodules'")
    if is_one and config.rules != src.rules:
        message = "'config' and 'src' follow the same branch by different rules"
        remedy = "give both the same 'verify', 'allowed_signers', 'keyring' and 'history'"
        yield _error(document, ("src",), message, remedy)


def _pattern_faults(pattern: str, document: Document) -> Iterator[Problem]:
    try:
        re.compile(pattern)
    except re.error as error:
        message = f"'log.secret_keys' is not a regular expression: {error}"
        yield _error(
            document,
            ("log", "secret_keys"),
            message,
            "correct it; the text between quotes is Python's syntax",
        )


_error = partial(problem_at, Severity.ERROR)
_warning = partial(problem_at, Severity.WARNING)
