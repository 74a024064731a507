"""`paiwatch demo`: the main job on embedded defaults, told as it happens."""

import asyncio
import html
import re
import shutil
import signal
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from paiwatch.cli import exits, narrate
from paiwatch.cli.exits import Code
from paiwatch.cli.playground import Playground
from paiwatch.control.server import follow
from paiwatch.errors import PaiwatchError
from paiwatch.example import example_tree

_PATIENCE = 120.0  # seconds for one chapter
_OVERRIDES = "services-configuration.yaml"
_SHARED = "cluster.yaml"


@dataclass(frozen=True, slots=True)
class Chapter:
    """One commit and what came of it. `ran` are steps in the order in which they ended."""

    title: str
    commit: str
    ran: tuple[str, ...]
    seconds: float
    succeeded: bool


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of one configuration file."""

    title: str
    file: str
    before: str
    after: str


News = AsyncIterator[dict[str, Any]]


@click.command()
@click.option("--keep", is_flag=True, help="Stay up afterwards and say what to try.")
def demo(keep: bool) -> None:
    """Make a small platform and a config repository, start the daemon on them, push three commits, show what ran and why."""
    root = Path(tempfile.mkdtemp(prefix="paiwatch-demo-"))
    try:
        succeeded = asyncio.run(_perform(Playground(root), keep=keep))
    finally:
        shutil.rmtree(root, ignore_errors=True)
    exits.leave(Code.DONE if succeeded else Code.FAILED)


async def _perform(world: Playground, *, keep: bool) -> bool:
    click.secho(f"paiwatch demo in {world.root} (removed at the end)", bold=True)
    click.echo("A config repository, seven example services in src/, and one daemon that follows both.")
    await world.build(example_tree())
    daemon = await world.start_daemon()
    try:
        chapters = await _chapters(world)
        if keep:
            await _stay(world)
    finally:
        await _clean_up(world, daemon)
    _summarise(chapters)
    return all(chapter.succeeded for chapter in chapters)


async def _chapters(world: Playground) -> list[Chapter]:
    news = follow(world.state, {"verb": "follow"})
    _heading("First start: nothing is applied yet, so every service starts, prerequisites first")
    chapters = [await _until_closed(news, "first start", "", time.monotonic())]
    await _show_portal(world)
    message = world.find(_OVERRIDES, r"(?m)^  message: (.*)$")
    edits = (
        Edit("One key of one service", _OVERRIDES, f"message: {message}", "message: The apples are ripe."),
        Edit("A value that several services read", _SHARED, "platform-team@", "on-call@"),
        Edit("A comment only", _SHARED, "# What all services", "# A remark. What all services"),
    )
    chapters += [await _push(world, news, edit) for edit in edits]
    await _show_portal(world)
    return chapters


async def _push(world: Playground, news: News, edit: Edit) -> Chapter:
    """One commit: show it, push it, tell what it makes paiwatch do."""
    _heading(f"{edit.title}, in {edit.file}")
    world.edit(edit.file, edit.before, edit.after)
    for line in (await world.difference()).splitlines():
        click.secho(f"    {line}", fg="green" if line.startswith("+") else "red")
    began = time.monotonic()
    commit = await world.push(edit.title)
    return await _until_closed(news, edit.title, commit, began)


async def _until_closed(news: News, title: str, commit: str, began: float) -> Chapter:
    """Tell the news until the generation is closed."""
    ran: list[str] = []
    async with asyncio.timeout(_PATIENCE):
        async for item in news:
            if "ok" in item:
                break
            _tell(item)
            if item["news"] == "ended":
                ran.append(item["step"])
            if item["news"] == "closed":
                return Chapter(title, commit, tuple(ran), time.monotonic() - began, item["succeeded"])
    raise PaiwatchError("the daemon stopped telling what it does")


def _tell(item: dict[str, Any]) -> None:
    if (line := narrate.line(item)) is not None:
        click.echo(line)
    if item["news"] == "accepted":
        for step in item["steps"]:
            more = f" (and {len(step['reasons']) - 1} more)" if len(step["reasons"]) > 1 else ""
            click.echo(f"    {step['step']}: {step['reasons'][0]}{more}")


def _heading(text: str) -> None:
    click.secho(f"\n── {text}", bold=True)


async def _show_portal(world: Playground) -> None:
    """Open the portal as a browser would and show that it says what the configuration says."""
    address = _portal(world)
    page = await asyncio.to_thread(_fetch, address)
    words = re.sub(r"\s+", " ", re.sub(r"(?s)<(style|head).*?</\1>|<[^>]+>", " ", page))
    words = html.unescape(words).strip()
    click.echo(f"  {address} says: {words[:110]} …")


def _portal(world: Playground) -> str:
    port = world.find(_OVERRIDES, r"(?ms)^portal:.*?^  port: (\d+)")
    return f"http://127.0.0.1:{port}/"


def _fetch(address: str) -> str:
    with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 (always our own http address)
        return str(answer.read().decode())


def _summarise(chapters: list[Chapter]) -> None:
    _heading("Summary")
    for chapter in chapters:
        ran = ", ".join(chapter.ran) if chapter.ran else "nothing ran"
        mark = "✔" if chapter.succeeded else "✘"
        click.echo(f"  {mark} {chapter.title:<36} {chapter.commit:<9} {chapter.seconds:5.1f} s  {ran}")


async def _stay(world: Playground) -> None:
    """Say what to try and wait for ^C."""
    config = f"paiwatch -c {world.settings}"
    _heading("The daemon stays up. Try, in another terminal (^C here ends it all)")
    click.echo(f"  open {_portal(world)}")
    for words in ("status", "why portal", "history", "logs portal", "graph", "service stop -n portal"):
        click.echo(f"  {config} {words}")
    click.echo(
        f"  edit a file in {world.work}, then: git -C {world.work} commit -am change && git -C {world.work} push"
    )
    click.echo(f"  edit a file in {world.root}/platform/src/portal/deploy and see it refreshed")
    stop = asyncio.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    await stop.wait()


async def _clean_up(world: Playground, daemon: asyncio.subprocess.Process) -> None:
    """Leave nothing behind: delete every service with its own scripts, then stop the daemon."""
    _heading(
        "Clean-up: every service is deleted with its own scripts, dependents first; then the daemon stops"
    )
    try:
        await world.paiwatch("service", "delete", "--yes")
    except PaiwatchError as fault:
        click.secho(f"  {fault}", err=True, fg="red")
    finally:
        await world.stop_daemon(daemon)
