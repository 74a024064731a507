"""Submodules: the files of the commits that a tree only names, each from a private mirror of its repository.

A commit never changes, so what was listed once is not asked for again. Nothing of a submodule is taken before all of it is
there. Whoever writes .gitmodules says where a submodule comes from; see address for what is followed.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from paiwatch.errors import StalledError, TransientError
from paiwatch.snapshot import Entry, Mode, Tree
from paiwatch.sources import address, gitmodules, names, refusal
from paiwatch.sources.access import Access
from paiwatch.sources.gitmodules import FILE, Module
from paiwatch.sources.holdings import Holding, Holdings, Place
from paiwatch.sources.remote import NotGivenError
from paiwatch.sources.repository import Repository
from paiwatch.sources.submodule_mirrors import Mirrors

MOST, DEEPEST, MOST_FILES = 256, 8, 250_000  # submodules of one tree, inside of each other, and their files
_LARGEST = 1 << 20  # bytes of one .gitmodules


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A repository whose submodules are wanted: its address without secrets, and its folder in the whole tree ("", "lib/")."""

    repository: Repository
    address: str
    access: Access
    folder: str = ""
    depth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Brought:
    """A submodule's commit: its files by path in it and, without submodules, in the whole tree; and its contents' ids."""

    repository: Repository
    files: Mapping[str, Entry]
    placed: Mapping[str, Entry]
    oids: Collection[str]


class Submodules:
    """The submodules of one repository, through these mirrors. Used by one thread; tells in `holdings` what lies where."""

    def __init__(self, mirrors: Mirrors, holdings: Holdings) -> None:
        self._mirrors = mirrors
        self._holdings = holdings
        self._trees: dict[Repository, Tree] = {}  # the last one of each
        self._known: dict[Place, _Brought] = {}
        self._now: dict[Place, _Brought] = {}
        self._modules: dict[str, tuple[Module, ...]] = {}  # by content id

    def fill(self, parent: Parent, files: Mapping[str, Entry]) -> Mapping[str, Entry]:
        """These files, with those of each submodule in its place; the very same where there is none.

        Raises StalledError for what is not followed, TransientError for a commit that cannot be had now.
        """
        if not any(entry.mode is Mode.SUBMODULE for entry in files.values()):
            return files
        self._now = {}
        below = self._below(parent, files)
        whole = _plain(files, folder="") | below
        if fault := names.fault(sorted(whole), sorted(below)):
            raise StalledError(f"has, with its submodules, {fault}; push one without it")
        self._known = self._now
        self._mirrors.rest()
        closed = self._mirrors.keep({key[:2] for key in self._known})
        self._trees = {each: tree for each, tree in self._trees.items() if each not in closed}
        self._holdings.settle(
            {key: Holding(repository=each.repository, oids=each.oids) for key, each in self._known.items()},
            closed,
        )
        return {path: whole[path] for path in sorted(whole)}

    # -- one level after the other

    def _below(self, parent: Parent, files: Mapping[str, Entry]) -> dict[str, Entry]:
        """The files of all submodules in these files, by whole path."""
        links = {path: entry for path, entry in files.items() if entry.mode is Mode.SUBMODULE}
        if links and parent.depth == DEEPEST:
            raise StalledError(
                f"has submodules more than {DEEPEST} deep, at {parent.folder!r}; leave some out"
            )
        modules = self._read_modules(parent, files) if links else ()
        faults = [
            str(fault)
            for path in links
            for fault in gitmodules.faults(modules, path, parent=parent.address, folder=parent.folder)
        ]
        if faults:
            raise StalledError("; also ".join(faults))
        found: dict[str, Entry] = {}
        for path, entry in links.items():
            module = gitmodules.wanted(modules, path)
            if module is None:
                found[parent.folder + path] = entry
                continue
            found |= self._inside(parent, path, module.value("url"), entry.oid)
            if len(found) > MOST_FILES:
                raise StalledError(f"has more than {MOST_FILES:,} files in submodules; leave some out")
        return found

    def _inside(self, parent: Parent, path: str, url: str, commit: str) -> dict[str, Entry]:
        """The files of one submodule and of those in it, by whole path."""
        where = parent.folder + path
        there = address.resolve(url, parent=parent.address)
        way = address.access(there, url, parent=parent.access)
        brought = self._now[where, there, commit] = self._brought(where, there, commit, way)
        if len(self._now) > MOST:
            raise StalledError(f"has more than {MOST} submodules; leave some out")
        inner = Parent(
            repository=brought.repository,
            address=there,
            access=way,
            folder=f"{where}/",
            depth=parent.depth + 1,
        )
        return {**brought.placed, **self._below(inner, brought.files)}

    def _brought(self, where: str, there: str, commit: str, way: Access) -> _Brought:
        """What is at this commit, from memory if it was there at the last look."""
        if known := self._known.get((where, there, commit)):
            return known
        shown = refusal.scrub(there)
        try:
            repository = self._mirrors.open(where, there, way)
            repository.bring(commit)
            tree = repository.tree(repository.revision(commit), folder=".", since=self._trees.get(repository))
        except (
            NotGivenError
        ) as fault:  # git says that in words whose order changes; equal faults are told once
            raise TransientError(
                f"waits for commit {commit[:8]} of its submodule {where!r}, which {shown} does not have; push it there"
            ) from fault
        except TransientError as fault:
            raise TransientError(
                f"waits for commit {commit[:8]} of its submodule {where!r}: {fault}"
            ) from fault
        except StalledError as fault:
            raise StalledError(f"names commit {commit[:8]} of its submodule {where!r}: {fault}") from fault
        self._trees[repository] = tree
        placed = _plain(tree.files, folder=f"{where}/")
        oids = frozenset(entry.oid for entry in placed.values())
        return _Brought(repository=repository, files=tree.files, placed=placed, oids=oids)

    def _read_modules(self, parent: Parent, files: Mapping[str, Entry]) -> tuple[Module, ...]:
        """What the .gitmodules among these files says. Read by git, without the files that it may include."""
        entry, file = files.get(FILE), parent.folder + FILE
        if entry is None:
            return ()
        if entry.oid not in self._modules:
            if entry.mode not in {Mode.FILE, Mode.EXECUTABLE}:
                raise StalledError(f"{file}: is no plain file; make it one")
            text = parent.repository.read([entry.oid])[entry.oid]
            if len(text) > _LARGEST:
                raise StalledError(
                    f"{file}: has {len(text):,} bytes, and may have {_LARGEST:,}; make it shorter"
                )
            answer = parent.repository.git.run("config", "--no-includes", "-z", "--list", "--blob", entry.oid)
            if answer.is_late or answer.status < 0:
                raise TransientError(
                    f"{file}: git took too long to read it; raise `timeout` if that comes again"
                )
            if answer.status:
                raise StalledError(
                    f"{file}: git cannot read it ({refusal.scrub(answer.err).strip()}); correct it"
                )
            self._modules = {
                **dict(list(self._modules.items())[-MOST:]),
                entry.oid: gitmodules.parse(answer.out, text),
            }
        return self._modules[entry.oid]


def _plain(files: Mapping[str, Entry], *, folder: str) -> dict[str, Entry]:
    """Those that are no submodules, as they lie in this folder."""
    return {folder + path: entry for path, entry in files.items() if entry.mode is not Mode.SUBMODULE}
