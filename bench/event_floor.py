"""The floor under a push: the least that any event-driven daemon does between a commit and the script it runs.

A ref read (or a `git fetch`), one `git diff-tree`, one bash; no YAML, no templates, no record. Run as a program by `bench.lab`.
"""

import argparse
import asyncio
import signal
from pathlib import Path

from bench import inotify


class EventFloor:
    """Follows one branch of one bare repository and runs one script for each new commit."""

    def __init__(self, repository: Path, script: Path, remote: str) -> None:
        self._repository = repository
        self._script = script
        self._remote = remote
        self._ref = repository / "refs" / "heads" / "main"
        self._known = ""
        self.news = asyncio.Event()

    async def follow(self, ready: Path) -> None:
        """Never returns; whoever sets `news` makes it look. `ready` appears when it does."""
        self._known = (await self._git("rev-parse", "refs/heads/main")).decode().strip()
        await asyncio.to_thread(ready.touch)
        while True:
            await self.news.wait()
            self.news.clear()
            if self._remote:
                await self._git(
                    "fetch", "--quiet", "--no-tags", self._remote, "+refs/heads/main:refs/heads/main"
                )
            tip = self._ref.read_text().strip()
            if tip == self._known:
                continue
            changed = await self._git("diff-tree", "-r", "-z", "--name-only", self._known, tip)
            self._known = tip
            if changed:
                await self._spawn()

    def take(self, descriptor: int) -> None:
        """Something was renamed in the folder that is watched."""
        inotify.read_names(descriptor)
        self.news.set()

    async def _git(self, *words: str) -> bytes:
        child = await asyncio.create_subprocess_exec(
            "git", "-C", str(self._repository), *words, stdout=asyncio.subprocess.PIPE
        )
        return (await child.communicate())[0]

    async def _spawn(self) -> None:
        child = await asyncio.create_subprocess_exec(
            "/bin/bash",
            str(self._script),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        await child.wait()


async def _main(repository: Path, script: Path, *, remote: str, ready: Path) -> None:
    """Look at each rename of a branch, or, with a remote, at each SIGHUP."""
    loop = asyncio.get_running_loop()
    floor = EventFloor(repository, script, remote)
    if remote:
        loop.add_signal_handler(signal.SIGHUP, floor.news.set)
    else:
        descriptor = inotify.open_watch(repository / "refs" / "heads")
        loop.add_reader(descriptor, floor.take, descriptor)
    await floor.follow(ready)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("repository", type=Path)
    parser.add_argument("script", type=Path)
    parser.add_argument("ready", type=Path)
    parser.add_argument("--remote", default="")
    words = parser.parse_args()
    asyncio.run(_main(words.repository, words.script, remote=words.remote, ready=words.ready))
