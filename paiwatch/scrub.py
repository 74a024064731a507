"""Scrub: keeps secret values out of every text that leaves paiwatch. PURE, and imports nothing of paiwatch.

Values are known, not guessed: those registered, in the forms they usually travel in, and credentials in URLs.
"""

import base64
import json
import re
import urllib.parse
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MASK = "•••"

#: Shorter values would blot out half of every text.
SHORTEST = 6

#: A line of a longer secret (a key file) is secret by itself from this length on.
_SHORTEST_LINE = 16

_CREDENTIALS = r"(?P<http>https?://)[^\s/@'\"]{1,384}@|(?P<other>://)[^\s/@:'\"]{0,128}:[^\s/@'\"]{1,256}@"
_CREDENTIALS_LENGTH = 400  # no match of it is longer


def without_credentials(text: str) -> str:
    """`https://•••@host/`: who logs in with what is dropped; of other URLs only if there is a password."""
    return _BARE.text.sub(_mask_text, text) if "://" in text else text


def masked(value: Any, secret: re.Pattern[str]) -> Any:
    """A copy of plain data in which everything under a key matching `secret` is the mask."""
    if isinstance(value, Mapping):
        return {
            key: MASK if secret.search(str(key)) else masked(inner, secret) for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [masked(inner, secret) for inner in value]
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class _Net:
    """One compiled look-out for a set of values. A match is at most `reach` bytes long."""

    text: re.Pattern[str]
    raw: re.Pattern[bytes]
    reach: int
    spans_lines: bool


class Scrubber:
    """Knows secret values and replaces them, in whatever form, by the mask. Any thread may read while one registers."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: frozenset[str] = frozenset()
        self._net = _BARE
        self.register(values)

    def register(self, values: Iterable[str]) -> None:
        """Add values; those already known cost nothing, those under six characters are ignored."""
        known = self._values.union(value for value in values if len(value) >= SHORTEST)
        if known != self._values:
            self._values = known
            self._net = _woven({form for value in known for form in forms_of(value)})

    def scrub(self, text: str) -> str:
        """The text without secrets."""
        return self._net.text.sub(_mask_text, text)

    def values_in(self, texts: Collection[str]) -> frozenset[str]:
        """The registered values that these texts hold in any form."""
        return frozenset(
            value for value in self._values if any(form in text for form in forms_of(value) for text in texts)
        )

    def stream(self) -> "ScrubbedStream":
        """For output that comes in pieces."""
        return ScrubbedStream(lambda: self._net)


class ScrubbedStream:
    """Scrubs bytes that arrive in pieces: a secret split between two of them is still found.

    It holds back what may be the beginning of a secret (seldom more than an unfinished line); `finish` gives it.
    """

    def __init__(self, net: Callable[[], _Net]) -> None:
        self._net = net
        self._held = b""

    def feed(self, piece: bytes) -> bytes:
        """All that can be told of what came so far."""
        held = self._held + piece
        net = self._net()
        told = max(len(held) - net.reach + 1, 0 if net.spans_lines else held.rfind(b"\n") + 1)
        scrubbed, at = _scrubbed(held, net, told)
        self._held = held[at:]
        return scrubbed

    def finish(self) -> bytes:
        """What was held back."""
        held, self._held = self._held, b""
        return _scrubbed(held, self._net(), len(held))[0]


def forms_of(value: str) -> frozenset[str]:
    """How a value may appear: as it is, its long lines, in JSON, in a URL, in base64 wherever it begins there."""
    lines = {line for line in value.splitlines() if len(line) >= _SHORTEST_LINE}
    json_forms = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    raw = value.encode("utf-8", "surrogatepass")
    url_forms = {quote(raw, safe="") for quote in (urllib.parse.quote, urllib.parse.quote_plus)}
    url_forms.add(urllib.parse.quote(raw))
    forms = {value} | lines | json_forms | url_forms | _base64_forms(raw)
    return frozenset(form for form in forms if len(form) >= SHORTEST)


def _base64_forms(raw: bytes) -> set[str]:
    """The characters that depend on nothing but the value, for each of three alignments; in both alphabets."""
    forms = {base64.b64encode(raw).decode()}
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw).decode()
        forms.add(encoded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6])
    return forms | {form.replace("+", "-").replace("/", "_") for form in forms}


def _woven(forms: Iterable[str]) -> _Net:
    """Longest first; grouped by first character, so that most positions of a text are left after one comparison."""
    groups: dict[str, list[str]] = {}
    for form in sorted(forms, key=lambda form: (-len(form), form)):
        groups.setdefault(form[0], []).append(form)
    lengths = [len(form.encode("utf-8", "surrogatepass")) for group in groups.values() for form in group]
    text = "".join(f"{_grouped(group)}|" for group in groups.values())
    raw = b"".join(f"{_grouped(group)}|".encode("utf-8", "surrogatepass") for group in groups.values())
    return _Net(
        text=re.compile(text + _CREDENTIALS),
        raw=re.compile(raw + _CREDENTIALS.encode()),
        reach=max(_CREDENTIALS_LENGTH, *lengths, 0),
        spans_lines=any("\n" in form for group in groups.values() for form in group),
    )


def _grouped(forms: list[str]) -> str:
    """One pattern for forms that begin with the same character."""
    return f"{re.escape(forms[0][0])}(?:{'|'.join(re.escape(form[1:]) for form in forms)})"


def _mask_text(found: re.Match[str]) -> str:
    scheme = found["http"] or found["other"]
    return f"{scheme}{MASK}@" if scheme else MASK


def _mask_raw(found: re.Match[bytes]) -> bytes:
    scheme = found["http"] or found["other"]
    return scheme + _MASK_RAW + b"@" if scheme else _MASK_RAW


def _scrubbed(held: bytes, net: _Net, end: int) -> tuple[bytes, int]:
    """What begins before `end`, scrubbed, and how far that goes."""
    parts: list[bytes] = []
    at = 0
    for found in net.raw.finditer(held):
        if found.start() >= end:
            break
        parts += (held[at : found.start()], _mask_raw(found))
        at = found.end()
    if at < end:
        parts.append(held[at:end])
        at = end
    return b"".join(parts), at


_MASK_RAW = MASK.encode()
_BARE = _woven(())
