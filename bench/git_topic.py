"""Topic of the git side alone: from a commit that was pushed to its files, author and new contents, beside raw git."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.ground import Ground, Scale
from bench.repositories import Git
from bench.tables import Budget, Row, Table, median
from paiwatch.snapshot import Tree
from paiwatch.sources.access import Access
from paiwatch.sources.repository import Repository

_FILES = 5  # of each service


@dataclass(slots=True)
class _Raw:
    """What plain git does for the same news."""

    git: Git
    bare: Path
    origin: Path
    tip: str = ""

    def fetch(self) -> None:
        """Ask for news and take them."""
        self.git.run(self.bare, "fetch", "--quiet", self.origin.as_uri(), "+refs/heads/main:refs/heads/main")

    def look(self) -> None:
        """News, and what they change."""
        before = self.git.run(self.bare, "rev-parse", "main").strip() if not self.tip else self.tip
        self.fetch()
        self.tip = (self.bare / "refs/heads/main").read_text().strip()
        self.git.run(self.bare, "diff-tree", "-r", "-z", "--raw", "--no-renames", before, self.tip)


@dataclass(slots=True)
class _Ours:
    """The same through a Repository, with what a look reads then."""

    repository: Repository
    tree: Tree

    def look(self) -> None:
        """News, what they change, who made them, and the new contents."""
        before, self.tree = self.tree, self.repository.look(folder=".", since=self.tree)
        changed = {
            entry.oid for path, entry in self.tree.files.items() if before.files.get(path) is not entry
        }
        self.repository.read(changed)


@dataclass(slots=True)
class _Costs:
    """Milliseconds of both, one for each round."""

    ours: list[float] = field(default_factory=list)
    raw: list[float] = field(default_factory=list)

    def row(self, what: str, budget: Budget | None = None) -> Row:
        """Their medians; the first round only warms up."""
        return Row(what=what, ours=median(self.ours[1:]), floor=median(self.raw[1:]), budget=budget)


def measure(ground: Ground, scale: Scale) -> Table:
    """Commits of one file and polls without news, ours and raw git in turns, at both sizes."""
    table = Table(
        title="the git side of a look at a URL",
        floor="`git fetch` into a bare clone, and after a commit `git diff-tree`",
    )
    for services in scale.sizes:
        folder = ground.folder(f"git-{services}")
        table.rows += _rows(Git(ground), folder, services, rounds=2 * scale.pushes(services))
    return table


def _rows(git: Git, root: Path, services: int, *, rounds: int) -> list[Row]:
    origin, bare, work = (root / name for name in ("origin.git", "raw.git", "work"))
    files = ((f"src/s{n // _FILES}/deploy/f{n % _FILES}", f"{n}\n") for n in range(services * _FILES))
    git.bare(origin, files)
    git.copy(origin, bare)
    git.clone(origin, work)
    raw = _Raw(git, bare, origin)
    repository = Repository(home=root / "home", branch="main", access=Access(repo=origin.as_uri()))
    commits, polls = _Costs(), _Costs()
    try:
        ours = _Ours(repository, repository.look(folder="."))
        for number in range(rounds):
            _push(git, work, f"src/s{number % services}/deploy/f0", number)
            commits.ours.append(_timed(ours.look))
            commits.raw.append(_timed(raw.look))
            polls.raw.append(_timed(raw.fetch))
            polls.ours.append(_timed(repository.newest))
    finally:
        repository.close()
    return [
        commits.row(f"one-file commit, {services:,} services", Budget(ratio=1.2)),
        polls.row(f"poll without news, {services:,} services"),
    ]


def _push(git: Git, work: Path, path: str, number: int) -> None:
    (work / path).write_text(f"change {number}\n")
    git.run(work, "commit", "--quiet", "--all", "--message", f"change {number}")
    git.run(work, "push", "--quiet", "origin", "main")


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e3
