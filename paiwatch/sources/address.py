"""Addresses of submodules: which are followed, what a relative one means, and who may be shown the credentials. Pure.

Whoever writes .gitmodules chooses them, so whatever is not plainly harmless is refused; git gets to see none of that.
"""

import re
from dataclasses import replace
from urllib.parse import quote, unquote

from paiwatch.scrub import without_credentials
from paiwatch.sources.access import Access

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?:(?P<user>(?!-)[^/@\\?#]*)@)?"
    r"(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?(?P<path>/[^\\]*)"
)
_SCP = re.compile(
    r"(?:(?P<user>[A-Za-z0-9_.+][A-Za-z0-9_.+-]*)@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*):(?P<path>(?!-)[^\\:]+)"
)
_ROOT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*/|[^/:]+:/?|/")  # what no `..` leads out of
_PORTS = {"https": "443", "http": "80", "ssh": "22"}
_FOLLOWED = "use an https, http or ssh URL, or one relative to this repository, such as ../lib.git"


def fault(url: str, *, parent: str) -> tuple[str, str] | None:
    """Why this url of a submodule is not followed, and what to do; None when it is. `parent` is its repository's address."""
    if not url:
        return "has no url", "write one"
    if not url.isprintable() or not unquote(url).isprintable() or "\\" in url:
        return "has a url with a control character or a backslash", "write a plain URL"
    if url.startswith(("./", "../")):
        return _relative_fault(url, parent)
    shown = repr(without_credentials(url if len(url) <= 80 else f"{url[:80]}…"))
    if url.startswith("/") or url.lower().startswith("file:"):
        return f"has the url {shown}, a place on paiwatch's own machine", _FOLLOWED
    return None if _matched(url) else (f"has the url {shown}, which is not followed", _FOLLOWED)


def resolve(url: str, *, parent: str) -> str:
    """Where a url without fault leads, as git reads it: each `../` takes one part off the parent's address."""
    if not url.startswith(("./", "../")):
        return url
    root, parts = _split(parent)
    up, rest = _steps(url)
    return root + "/".join((*parts[: len(parts) - up], rest)).rstrip("/")


def access(address: str, url: str, *, parent: Access) -> Access:
    """How to get in there: with the parent's credentials on the parent's own host and port, else without any."""
    known = replace(parent, repo=f"file://{quote(address)}" if address.startswith("/") else address)
    if url.startswith(("./", "../")) or _is_same_place(address, parent.repo):
        return known
    return replace(known, token_file=None, password="", key_file=None, username=Access(repo=address).username)


def _is_same_place(one: str, other: str) -> bool:
    here, there = _matched(one), _matched(other)
    return here is not None and there is not None and _place(here) == _place(there)


def _place(match: re.Match[str]) -> tuple[str, str, str]:
    found = match.groupdict()
    scheme = (found.get("scheme") or "ssh").lower()
    return scheme, found["host"].lower(), str(int(found.get("port") or _PORTS[scheme]))


def _matched(url: str) -> re.Match[str] | None:
    """The parts of an address that is followed wherever it stands."""
    if "://" in url:
        match = _URL.fullmatch(url)
        return match if match and match["scheme"].lower() in _PORTS else None
    return _SCP.fullmatch(url)


def _relative_fault(url: str, parent: str) -> tuple[str, str] | None:
    up, rest = _steps(url)
    below = len(_split(parent)[1]) - up
    if rest and (rest.startswith("-") or not {"", ".", ".."}.isdisjoint(rest.split("/"))):
        return (
            f"has the url {url!r}, which turns on its way",
            "write ../ (as often as needed) and then a path",
        )
    if below < 0 or not (below or rest):
        return (
            f"has the url {url!r}, which leads above the root of its parent's address",
            "leave out some ../",
        )
    return None


def _steps(url: str) -> tuple[int, str]:
    """How many parts a relative url goes up, and where it goes down from there."""
    up = 0
    while url.startswith(("./", "../")):
        up += url.startswith("../")
        url = url.partition("/")[2]
    return up, url.rstrip("/")


def _split(parent: str) -> tuple[str, tuple[str, ...]]:
    """What no relative url leaves, and the parts of the path below it."""
    root = _ROOT.match(parent)
    start = root.end() if root else 0
    return parent[:start], tuple(part for part in parent[start:].split("/") if part)
