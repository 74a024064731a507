"""Which origin the settings of a source ask for, made. What only some need is imported when it is."""

import hashlib
import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote

from paiwatch.sources import refusal

if TYPE_CHECKING:
    from paiwatch.settings.sections import Source
    from paiwatch.sources.acceptance_memory import Memories
    from paiwatch.sources.access import Access
    from paiwatch.sources.directory import LiveDirectory
    from paiwatch.sources.repository import Repository
    from paiwatch.sources.strict import StrictRepository
    from paiwatch.sources.whole import WholeRepository


def mirror_home(state: Path, source: "Source") -> Path:
    """Where a repository's mirror lies: a readable name, different for every repository and branch."""
    digest = hashlib.sha256(f"{source.repo}\0{source.branch}".encode()).hexdigest()[:12]
    name = PurePosixPath(source.repo.rstrip("/")).name.removesuffix(".git")
    plain = "".join(letter for letter in name if letter.isalnum() or letter in "-_")
    return state / "sources" / f"{plain[-40:]}-{digest}"


def mirror_names(state: Path, source: "Source") -> tuple[str, ...]:
    """The mirrors that these settings need; a name with a dot at its end stands for all of its submodules'."""
    name = mirror_home(state, source).name
    return (name, f"{name}.") if source.follows_submodules else (name,)


def judged_mirrors(state: Path, *sources: "Source") -> tuple[Path, ...]:
    """Those of sources with rules."""
    judged = (source for source in sources if source.repo and source.rules.hold_something_up)
    return tuple(dict.fromkeys(mirror_home(state, source) for source in judged))


def live(source: "Source", state: Path) -> "LiveDirectory":
    """The live directory of these settings."""
    from paiwatch.sources.directory import LiveDirectory  # noqa: PLC0415 (only who needs it pays for it)
    from paiwatch.sources.keep import Keep  # noqa: PLC0415

    if source.directory is None:
        raise AssertionError("a live source has a directory")
    return LiveDirectory(source.directory, keep=Keep(state / "sources"))


def strict(
    source: "Source", state: Path, lender: Path | None, *, memories: "Memories", recorded: str
) -> "StrictRepository":
    """The repository of these settings with its rules; see Acceptance for `recorded`.

    A repository on this machine is copied, too: nobody else can then remove the last good commit.
    """
    from paiwatch.sources.strict import StrictRepository  # noqa: PLC0415 (only who needs it pays for it)

    is_path = source.repo.startswith("/")
    address = f"file://{quote(source.repo)}" if is_path else source.repo
    fetched = repository(source, state, lender, address=address, kept=True)
    home = mirror_home(state, source)
    return StrictRepository(
        fetched,
        source.rules,
        home=home,
        where=refusal.scrub(source.repo),
        memory=memories(home.name),
        recorded=recorded,
    )


def whole(
    source: "Source", state: Path, lender: Path | None, *, memories: "Memories", recorded: str
) -> "WholeRepository":
    """The repository of these settings with its rules, and its submodules in place."""
    from paiwatch.sources import access as admission  # noqa: PLC0415 (only who needs it pays for it)
    from paiwatch.sources.strict import StrictRepository  # noqa: PLC0415
    from paiwatch.sources.submodule_mirrors import Mirrors  # noqa: PLC0415
    from paiwatch.sources.submodules import Parent  # noqa: PLC0415
    from paiwatch.sources.whole import WholeRepository  # noqa: PLC0415

    is_strict = source.rules.hold_something_up
    inner = (
        strict(source, state, lender, memories=memories, recorded=recorded)
        if is_strict
        else repository(source, state, lender)
    )
    way = admission.separate(_access(source, source.repo, kept=is_strict))
    return WholeRepository(
        inner,
        Parent(
            repository=inner.repository if isinstance(inner, StrictRepository) else inner,
            address=way.repo,
            access=way,
        ),
        Mirrors(mirror_home(state, source), lender=mirror_home(lender, source) if lender else None),
        where=refusal.scrub(source.repo),
    )


def repository(
    source: "Source", state: Path, lender: Path | None, *, address: str = "", kept: bool = False
) -> "Repository":
    """The repository of these settings; `address` goes before theirs, `kept` says that its mirror must outlive a power cut."""
    from paiwatch.sources.repository import Repository  # noqa: PLC0415 (40 ms that a live directory does not need)

    lent = mirror_home(lender, source) / "git" / "objects" if lender else None
    access = _access(source, address or source.repo, kept=kept)
    return Repository(
        home=mirror_home(state, source),
        branch=source.branch,
        access=access,
        lender=lent if lent is not None and os.access(lent, os.R_OK | os.X_OK) else None,
    )


def _access(source: "Source", address: str, *, kept: bool) -> "Access":
    from paiwatch.sources.access import Access  # noqa: PLC0415 (only who needs it pays for it)

    return Access(
        repo=address,
        timeout=source.timeout,
        token_file=source.token_file,
        username=source.username,
        key_file=source.key_file,
        known_hosts=source.known_hosts,
        kept=kept,
        ca_file=source.ca_file,
        max_fetch=source.max_fetch,
    )
