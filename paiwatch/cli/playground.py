"""The demo's world: a config repository, a copy of the example components, settings, and a real daemon on them.

Everything lies in one private folder and listens on free ports of this machine only.
"""

import asyncio
import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from paiwatch.control import client
from paiwatch.errors import PaiwatchError
from paiwatch.example import example_config

_START_LIMIT = 30.0  # seconds until the daemon must listen
_STOP_LIMIT = 60.0
_PORTS_AT_MOST = 32


@dataclass(frozen=True, slots=True)
class Playground:
    """Folders below `root`: config.git (what people push to), work (their clone), platform/src, state, home."""

    root: Path

    @property
    def settings(self) -> Path:
        """The daemon's config.yaml."""
        return self.root / "config.yaml"

    @property
    def state(self) -> Path:
        """The daemon's state folder."""
        return self.root / "state"

    @property
    def work(self) -> Path:
        """The clone in which commits are made."""
        return self.root / "work"

    @property
    def log(self) -> Path:
        """What the daemon writes."""
        return self.root / "daemon.log"

    async def build(self, example: Path) -> None:
        """Lay everything out: copies of the example's src/ and configuration, a repository with a first commit."""
        shutil.copytree(
            example, self.root / "platform" / "src", ignore=shutil.ignore_patterns("_config", "__pycache__")
        )
        await self._git(self.root, "init", "--quiet", "--bare", "--initial-branch=main", "config.git")
        await self._git(self.root, "clone", "--quiet", "config.git", "work")
        await self._git(self.work, "checkout", "--quiet", "-B", "main")
        self._write_configuration(example_config())
        self.settings.write_text(_SETTINGS, encoding="utf-8")
        await self.push("Describe the cluster")

    def _write_configuration(self, templates: Path) -> None:
        """The example's configuration, with every port moved to a free one and the platform's home in here."""
        ports = _free_ports(_PORTS_AT_MOST)
        for template in sorted(templates.glob("*.yaml")):
            text = template.read_text(encoding="utf-8")
            text = re.sub(r"(?m)^(\s+port:) \d+", lambda match: f"{match[1]} {next(ports)}", text)
            text = re.sub(r"(?m)^home:.*", f"home: {self.root / 'home'}", text)
            (self.work / template.name).write_text(text, encoding="utf-8")

    def edit(self, name: str, before: str, after: str) -> None:
        """Replace one line of a configuration file, as a person would in an editor."""
        path = self.work / name
        text = path.read_text(encoding="utf-8")
        if text.count(before) != 1:
            raise PaiwatchError(f"{path}: expected exactly one {before!r}; was the example changed?")
        path.write_text(text.replace(before, after), encoding="utf-8")

    def find(self, name: str, pattern: str) -> str:
        """The first group of the pattern in a configuration file."""
        match = re.search(pattern, (self.work / name).read_text(encoding="utf-8"))
        if match is None:
            raise PaiwatchError(f"{self.work / name}: nothing looks like {pattern}; was the example changed?")
        return match[1]

    async def difference(self) -> str:
        """What `git diff` shows of the work before it is committed: the changed lines only."""
        text = await self._git(self.work, "diff", "--no-color", "--unified=0")
        return "\n".join(line for line in text.splitlines() if re.match(r"[-+](?![-+]{2} )", line))

    async def push(self, subject: str) -> str:
        """Commit everything and push; returns the commit's short name."""
        await self._git(self.work, "add", "--all")
        await self._git(self.work, "commit", "--quiet", "--message", subject)
        await self._git(self.work, "push", "--quiet", "origin", "HEAD:main")
        return (await self._git(self.work, "rev-parse", "--short=8", "HEAD")).strip()

    async def start_daemon(self) -> asyncio.subprocess.Process:
        """Start `paiwatch run` on this world and wait until it listens."""
        with self.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "paiwatch", "-c", str(self.settings), "run",
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            async with asyncio.timeout(_START_LIMIT):
                while not (self.state / client.SOCKET).exists():
                    if process.returncode is not None:
                        raise PaiwatchError(f"the daemon did not start; {self.log} says why")
                    await asyncio.sleep(0.02)
        except TimeoutError as fault:
            raise PaiwatchError(
                f"the daemon did not start within {_START_LIMIT:.0f} s; see {self.log}"
            ) from fault
        return process

    async def stop_daemon(self, process: asyncio.subprocess.Process) -> int:
        """TERM, wait; returns the exit code."""
        if process.returncode is None:
            process.terminate()
        try:
            return await asyncio.wait_for(process.wait(), _STOP_LIMIT)
        except TimeoutError:
            process.kill()
            return await process.wait()

    async def paiwatch(self, *words: str) -> str:
        """Run a paiwatch command on this world as a person would; returns what it printed."""
        return await _output(
            self.root, {}, sys.executable, "-m", "paiwatch", "-c", str(self.settings), *words
        )

    async def _git(self, folder: Path, *words: str) -> str:
        who = {
            f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in _AUTHOR.items()
        }
        return await _output(
            folder, {**who, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}, "git", *words
        )


_AUTHOR = {"NAME": "Ana", "EMAIL": "ana@example.com"}

_SETTINGS = """\
# Settings of the demo: the configuration comes from a Git repository, the components from a live directory.
config: {repo: config.git, branch: main, folder: .}
src:    {directory: platform, folder: src}
state:  state
operators: {parallel: 4, timeout: 1m, retries: {attempts: 3, first: 1s, max: 10s}}
"""


async def _output(folder: Path, environment: Mapping[str, str], *words: str) -> str:
    """Standard output of a command; PaiwatchError with its standard error when it fails."""
    process = await asyncio.create_subprocess_exec(
        *words,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    if process.returncode:
        raise PaiwatchError(
            f"{' '.join(words)}: exit {process.returncode}: {err.decode(errors='replace').strip()}"
        )
    return out.decode(errors="replace")


def _free_ports(count: int) -> Iterator[int]:
    """Free ports of this machine, all different."""
    with ExitStack() as together:
        probes = [together.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        ports = [int(probe.getsockname()[1]) for probe in probes]
    return iter(ports)
