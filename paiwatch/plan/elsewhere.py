"""Elsewhere: what changed since a service was applied although the service did not, and whom it concerns. PURE."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paiwatch.model.reads import How, KeyPath, Read, Sight, is_container
from paiwatch.plan.keys import show_path
from paiwatch.plan.wording import join
from paiwatch.releases.release import Release
from paiwatch.snapshot import Commit

#: More keys, files or readers than this are counted.
MOST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedKey:
    """A key of cluster_cfg that is different now, and the services that read something of it and saw that."""

    key: str
    readers: tuple[str, ...]


def changed_keys(before: Sight, after: Sight, releases: Mapping[str, Release]) -> tuple[ChangedKey, ...]:
    """Every key that differs, as deep as can be told, with the services whose reads see another thing in `before`."""
    seen_otherwise = [
        (name, read)
        for name, release in releases.items()
        for read in release.reads
        if before.see(read.path, read.how) != read.seen
    ]
    return tuple(
        ChangedKey(
            key=show_path(path),
            readers=tuple(
                sorted(
                    {
                        name
                        for name, read in seen_otherwise
                        if _sees(read, path, has_come_or_gone=has_come_or_gone)
                    }
                )
            ),
        )
        for path, has_come_or_gone in _differing((), before.cluster_cfg, after.cluster_cfg)
    )


def tell_keys(service: str, found: Sequence[ChangedKey], commits: Sequence[Commit]) -> Iterator[str]:
    """Why these changes of the configuration do not concern the service, and whom each of them does."""
    who = _who(commits, "config")
    seen = [each.key for each in found if service in each.readers]
    unread = [each.key for each in found if service not in each.readers]
    if unread:
        yield f"{who} changed {_some(unread)}, which '{service}' does not read"
    if seen:
        yield f"{who} changed {_some(seen)}; '{service}' reads that and renders the same"
    if not found and commits:
        yield f"{who} changed nothing that a template can see"
    for each in found[:MOST]:
        readers = join(each.readers[:MOST]) if each.readers else "no template"
        more = f" and {len(each.readers) - MOST} more" if len(each.readers) > MOST else ""
        yield f"{each.key} is read by {readers}{more}"


def tell_files(service: str, files: Sequence[str], commits: Sequence[Commit]) -> Iterator[str]:
    """The same for files of src; `files` are those that differ."""
    if files:
        yield f"{_who(commits, 'src')} changed {_some(files)}, which is no part of the release of '{service}'"


def _who(commits: Sequence[Commit], source: str) -> str:
    """`the newest commit of config (3f2a1b9c Ana: Paint it)`."""
    if (
        not commits
    ):  # the configuration stayed, so it was the other half of cluster_cfg; or a history that is gone
        return "since then src" if source == "src" else "since then the components' defaults or parsers"
    newest = commits[0].revision
    named = f"{newest.short} {newest.author}: {newest.subject}"
    if len(commits) == 1:
        return f"the newest commit of {source} ({named})"
    return f"since then {len(commits)} commits of {source} (the newest: {named})"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST])
    return f"{shown} and {len(names) - MOST} more" if len(names) > MOST else shown


def _sees(read: Read, path: KeyPath, *, has_come_or_gone: bool) -> bool:
    """Whether a read that saw something else saw this change: at the key, inside it, or of all that holds it."""
    above = len(read.path)
    if read.path[: len(path)] == path:
        return True
    if path[:above] != read.path:
        return False
    return read.how == How.SUBTREE or (
        has_come_or_gone and above == len(path) - 1 and read.how in {How.KEYS, How.LENGTH}
    )


def _differing(path: KeyPath, before: Any, after: Any) -> Iterator[tuple[KeyPath, bool]]:
    """Each place that differs, and whether a key came or went there."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys(), key=str):
            if key in before and key in after:
                yield from _differing((*path, key), before[key], after[key])
            else:
                yield (*path, key), True
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, pair in enumerate(zip(before, after, strict=True)):
            yield from _differing((*path, index), *pair)
    elif is_container(before) or is_container(after) or type(before) is not type(after) or before != after:
        yield path, False
