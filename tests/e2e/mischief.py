"""Mischief: what goes wrong around a daemon. Each is done, lasts for some pushes, and is undone; the daemon must come through all of it."""

import os
import random
import shutil
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from paiwatch.control import client
from paiwatch.private import sync_folder
from tests.e2e.platform import LIMIT, Platform
from tests.e2e.upheaval import World

#: One mischief: done up to its `yield`, undone after it. It yields violations, and "" when there is none so far.
Deed = Callable[["Mischief"], Iterator[str]]

_STATE_SIZE = 64 << 20


@dataclass(slots=True)
class Mischief:
    """Does and undoes; `can_fill` says whether the state folder lies on a small disk of its own."""

    world: World
    can_fill: bool
    under_way: dict[str, Iterator[str]] = field(default_factory=dict)

    def do(self) -> Iterator[str]:
        """Begin one that is not under way; gives violations."""
        idle = [deed for deed in self._deeds() if deed.__name__ not in self.under_way]
        if not idle:
            return
        deed = self.chance.choice(idle)
        self.world.counts["faults"] += 1
        self.world.counts[f"fault: {deed.__name__.replace('_', ' ')}"] += 1
        doing = deed(self)
        if found := next(doing):
            yield found
        self.under_way[deed.__name__] = doing

    def undo(self) -> Iterator[str]:
        """Put an end to all of them."""
        for name in ("daemon_asleep", "disk_full"):  # whoever is asked something must be able to do it
            deque(self.under_way.pop(name, ()), maxlen=0)
        while self.under_way:
            _, doing = self.under_way.popitem()
            yield from filter(None, doing)

    def ask(self, request: dict[str, object]) -> None:
        """As a command would, as soon as the daemon answers; not while it stands still."""
        lab = self.world.lab
        if "daemon_asleep" not in self.under_way:
            deque(self.under_way.pop("disk_full", ()), maxlen=0)  # nobody's word could be written down
            deadline = time.monotonic() + LIMIT
            while client.ask(lab.root / "state", request) is None:
                revive(lab)  # again and again: it may only now be dying of the disk
                assert time.monotonic() < deadline, f"no answer to {request}\n{lab.log()[-6000:]}"
                time.sleep(0.05)  # a bounded poll of a real daemon; nothing signals us

    @property
    def chance(self) -> random.Random:
        """The world's."""
        return self.world.chance

    def _deeds(self) -> tuple[Deed, ...]:
        always = (remote_gone, branch_deleted, rewritten, mirror_damaged, daemon_asleep, second_daemon)
        more = (storm_of_signals, suspended, tree_replaced, retried, rolled_back)
        return (*always, *more, *((disk_full,) if self.can_fill else ()))


def revive(lab: Platform) -> bool:
    """Start the daemon again, as systemd does, where a full disk kept it from starting; whether that was so."""
    is_gone = lab.process is not None and lab.process.poll() == 1
    if not is_gone or "free space there" not in lab.log()[-300:]:
        return False
    lab.start()
    return True


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A disk of a few megabytes at this folder while the block lasts; False when this user may not mount one."""
    folder.mkdir(parents=True, mode=0o700)
    options = f"size={_STATE_SIZE},mode=0700"
    mount = ["mount", "-t", "tmpfs", "-o", options, "paiwatch-soak", str(folder)]
    is_there = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield is_there
    finally:
        if is_there:
            subprocess.run(["umount", "--lazy", str(folder)], check=False)


def remote_gone(mischief: Mischief) -> Iterator[str]:
    """The repository is not where it was; commits wait in the clone."""
    world = mischief.world
    here, away = world.lab.root / "config.git", world.lab.root / "config.git.away"
    world.is_cut_off = True
    here.rename(away)
    yield ""
    away.rename(here)
    world.is_cut_off = False
    world.push("after the outage")


def branch_deleted(mischief: Mischief) -> Iterator[str]:
    """The branch is gone until somebody pushes."""
    world = mischief.world
    repo = next(
        path for name in ("config.git", "config.git.away") if (path := world.lab.root / name).exists()
    )
    world.lab.git(repo, "update-ref", "-d", "refs/heads/main")
    yield ""
    world.push("the branch again")


def rewritten(mischief: Mischief) -> Iterator[str]:
    """The last commit is replaced by another one, and force-pushed."""
    world = mischief.world
    world.lab.git(world.lab.work, "commit", "--quiet", "--amend", "--allow-empty", "--message", "rewritten")
    if not world.is_cut_off:
        world.lab.git(world.lab.work, "push", "--quiet", "--force", "origin", "HEAD:main")
    yield ""


def mirror_damaged(mischief: Mischief) -> Iterator[str]:
    """A file of a private mirror is cut, gone or locked."""
    mirrors = [path.parent for path in (mischief.world.lab.root / "state" / "sources").rglob("HEAD")]
    for mirror in mirrors[:1]:
        objects = [path for path in (mirror / "objects").rglob("*") if path.is_file()]
        match mischief.chance.randrange(5):
            case 0 if objects:
                mischief.chance.choice(objects).unlink(missing_ok=True)
            case 1:
                shutil.rmtree(mirror / "objects", ignore_errors=True)
            case 2:
                (mirror / "HEAD").write_text("nonsense\n")
            case 3:
                for name in ("HEAD.lock", "config.lock", "packed-refs.lock", "shallow.lock"):
                    (mirror / name).touch()
            case _:
                (mirror / "config").write_text("[core\nnonsense")
    yield ""


def daemon_asleep(mischief: Mischief) -> Iterator[str]:
    """The daemon's process stands still: everything that happens meanwhile comes at once."""
    process = mischief.world.lab.process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    yield ""
    process.send_signal(signal.SIGCONT)


def second_daemon(mischief: Mischief) -> Iterator[str]:
    """Somebody starts another one on the same state folder: it must refuse at once, and say who is there."""
    lab = mischief.world.lab
    if "daemon_asleep" in mischief.under_way or not client.ask(lab.root / "state", {"verb": "progress"}):
        yield ""
        return
    try:
        told = lab.cli("run", code=2)
    except (AssertionError, subprocess.TimeoutExpired) as fault:
        yield f"a second daemon: {fault}"
        return
    holder = lab.process.pid if lab.process else 0
    yield "" if str(holder) in told else f"a second daemon does not say who is there: {told}"


def storm_of_signals(mischief: Mischief) -> Iterator[str]:
    """A thousand requests to look again."""
    process = mischief.world.lab.process
    assert process is not None
    if "daemon_asleep" not in mischief.under_way and client.ask(
        mischief.world.lab.root / "state", {"verb": "progress"}
    ):
        for _ in range(1000):
            process.send_signal(signal.SIGHUP)
    yield ""


def suspended(mischief: Mischief) -> Iterator[str]:
    """A person suspends everything, or one service, and lets it go again."""
    services = [*sorted(mischief.world.needs), None]
    request = {"service": mischief.chance.choice(services)}
    mischief.ask({"verb": "suspend", "reason": "soak", **request})
    yield ""
    mischief.ask({"verb": "resume", **request})


def rolled_back(mischief: Mischief) -> Iterator[str]:
    """A person goes back to an earlier release of a service, where there is one, and later forward again."""
    service = mischief.chance.choice(sorted(mischief.world.needs))
    mischief.ask({"verb": "rollback", "service": service})
    yield ""
    mischief.ask({"verb": "retry", "services": [service]})


def retried(mischief: Mischief) -> Iterator[str]:
    """A person asks for another try of what failed."""
    mischief.ask({"verb": "retry"})
    yield ""


def tree_replaced(mischief: Mischief) -> Iterator[str]:
    """The live tree is moved away and a copy of it put in its place."""
    tree = mischief.world.lab.root / "tree"
    copy, old = tree.with_name("tree.new"), tree.with_name("tree.old")
    shutil.copytree(tree, copy)
    tree.rename(old)
    copy.rename(tree)
    shutil.rmtree(old)
    yield ""


def disk_full(mischief: Mischief) -> Iterator[str]:
    """Nothing more can be written into the state folder."""
    fill = mischief.world.lab.root / "state" / "fill"
    with fill.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while file.write(b"\0" * size) == size:
                    pass
            except OSError:
                continue
    yield ""
    fill.unlink(missing_ok=True)
    sync_folder(fill.parent)  # else a power cut brings it back, and nobody would take it away again
