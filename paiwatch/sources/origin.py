"""Which origin the settings of a source ask for, made. What only some need is imported when it is."""

import hashlib
import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote

from paiwatch.sources import refusal

if TYPE_CHECKING:
    from paiwatch.settings.sections import Source
    from paiwatch.sources.directory import LiveDirectory
    from paiwatch.sources.repository import Repository
    from paiwatch.sources.strict import StrictRepository


def mirror_home(state: Path, source: "Source") -> Path:
    """Where a repository's mirror lies: a readable name, different for every repository and branch."""
    digest = hashlib.sha256(f"{source.repo}\0{source.branch}".encode()).hexdigest()[:12]
    name = PurePosixPath(source.repo.rstrip("/")).name.removesuffix(".git")
    plain = "".join(letter for letter in name if letter.isalnum() or letter in "-_")
    return state / "sources" / f"{plain[-40:]}-{digest}"


def live(source: "Source", state: Path) -> "LiveDirectory":
    """The live directory of these settings."""
    from paiwatch.sources.directory import LiveDirectory  # noqa: PLC0415 (only who needs it pays for it)
    from paiwatch.sources.keep import Keep  # noqa: PLC0415

    if source.directory is None:
        raise AssertionError("a live source has a directory")
    return LiveDirectory(source.directory, keep=Keep(state / "sources"))


def strict(source: "Source", state: Path, lender: Path | None, recorded: str) -> "StrictRepository":
    """The repository of these settings with its rules.

    A repository on this machine is copied, too: nobody else can then remove the last good commit.
    """
    from paiwatch.sources.strict import StrictRepository  # noqa: PLC0415 (only who needs it pays for it)

    is_path = source.repo.startswith("/")
    address = f"file://{quote(source.repo)}" if is_path else source.repo
    fetched = repository(source, state, lender, address=address, kept=True)
    return StrictRepository(
        fetched,
        source.rules,
        home=mirror_home(state, source),
        where=refusal.scrub(source.repo),
        lender=mirror_home(lender, source) if lender else None,
        recorded=recorded,
    )


def repository(
    source: "Source", state: Path, lender: Path | None, *, address: str = "", kept: bool = False
) -> "Repository":
    """The repository of these settings; `address` goes before theirs, `kept` says that its mirror must outlive a power cut."""
    from paiwatch.sources.access import Access  # noqa: PLC0415
    from paiwatch.sources.repository import Repository  # noqa: PLC0415 (40 ms that a live directory does not need)

    lent = mirror_home(lender, source) / "git" / "objects" if lender else None
    access = Access(
        repo=address or source.repo,
        timeout=source.timeout,
        token_file=source.token_file,
        username=source.username,
        key_file=source.key_file,
        known_hosts=source.known_hosts,
        kept=kept,
        ca_file=source.ca_file,
        max_fetch=source.max_fetch,
    )
    return Repository(
        home=mirror_home(state, source),
        branch=source.branch,
        access=access,
        lender=lent if lent is not None and os.access(lent, os.R_OK | os.X_OK) else None,
    )
