"""Builders of repositories with submodules."""

import contextlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

from paiwatch.daemon.recorded_acceptance import seen
from paiwatch.settings.sections import Source, Submodules
from paiwatch.sources import origin
from paiwatch.sources.whole import WholeRepository
from tests.sources.origins import a_bare, a_work_tree, commit, git


def a_library(folder: Path, files: dict[str, str]) -> Path:
    """A work tree that pushes to a bare repository beside it."""
    work = a_work_tree(folder, dict(files))
    git(a_bare(work), "config", "uploadpack.allowAnySHA1InWant", "false")
    return work


def link(work: Path, path: str, commit_id: str, url: str, *, name: str = "", more: str = "") -> None:
    """Stage a submodule at this path and commit, with an entry in .gitmodules."""
    modules = work / ".gitmodules"
    old = modules.read_text() if modules.exists() else ""
    entry = f'[submodule "{name or path}"]\n\tpath = {path}\n\turl = {url}\n{more}'
    if f"\tpath = {path}\n" not in old:
        modules.write_text(old + entry)
        git(work, "add", ".gitmodules")
    git(work, "update-index", "--add", "--cacheinfo", f"160000,{commit_id},{path}")


def push_staged(work: Path, *, subject: str = "Link things") -> str:
    """Commit what is staged, push, and give the commit."""
    git(work, "commit", "-q", "--allow-empty", "-m", subject)
    git(work, "push", "-q", "--force", "origin", "HEAD:main")
    return head(work)


def head(work: Path) -> str:
    """The newest commit."""
    return git(work, "rev-parse", "HEAD")


def publish(work: Path, files: dict[str, str | bytes | None], *, to: str = "main") -> str:
    """Commit and push to this branch; gives the commit."""
    made = commit(work, files)
    git(work, "push", "-q", "--force", "origin", f"HEAD:refs/heads/{to}")
    return made


def a_whole(
    state: Path, repo: str | Path, *, lender: Path | None = None, **settings: object
) -> WholeRepository:
    """The repository of ours that follows submodules."""
    source = Source.model_validate({"repo": str(repo), "submodules": Submodules.ON, **settings})
    memories = seen(lender or state / "no record")
    return origin.whole(source, state, lender, memories=memories, recorded="")


@contextlib.contextmanager
def serve_and_listen() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server that asks everybody for a password and keeps what they send; yields its URL and the headers."""
    heard: list[dict[str, str]] = []

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(dict(self.headers))
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Be quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="listener")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", heard
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
