"""Scrub: keeps secret values out of every text that leaves paiwatch. PURE, and imports nothing of paiwatch.

Values are known, not guessed: those registered, in the forms they usually travel in, and credentials in URLs.
"""

import base64
import html
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

#: Up to the last `@` before the path: a password may have one itself.
_CREDENTIALS = r"(?P<http>https?://)[^\s/'\"]{1,4096}@|(?P<other>://)[^\s/@:'\"]{0,128}:[^\s/'\"]{1,4096}@"
_CREDENTIALS_LENGTH = 4240  # no match of it is longer; tokens of 2 KiB do occur

#: How YAML breaks a long text where it has a blank.
_FOLD = r"\\?\n[ \t]{0,40}(?:\\ )?"
_FOLD_LENGTH = 44
_SHORTEST_FOLDED = 20  # shorter texts fit on any line

_ODD_IN_SHELL = re.compile(r"[^A-Za-z0-9_@%+=:,./-]")
_ODD_IN_QUOTES = re.compile(r"[\\$`\"]")


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
        unfolded = [re.sub(_FOLD, " ", text) for text in texts]
        return frozenset(
            value
            for value in self._values
            if any(form in text for form in forms_of(value) for text in texts)
            or (_may_be_folded(value) and any(value in text for text in unfolded))
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
    """How a value may appear: as it is, its long lines, quoted for JSON, YAML, HTML, a shell or a URL, in base64."""
    lines = {line for line in value.splitlines() if len(line) >= _SHORTEST_LINE}
    raw = value.encode("utf-8", "surrogatepass")
    forms = {value} | lines | _quoted(value) | _in_urls(raw) | _base64_forms(raw)
    return frozenset(form for form in forms if len(form) >= SHORTEST)


def _quoted(value: str) -> set[str]:
    """With escapes, as it stands between the quotes of other languages; the quotes themselves do not count."""
    in_json = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    in_scripts = {re.sub("[<>&']", lambda odd: f"\\u{ord(odd[0]):04x}", text) for text in in_json}
    in_html = {html.escape(value), html.escape(value, quote=False)}
    in_html.add(html.escape(value).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"))
    in_shells = {value.replace("'", "'\\''"), value.replace("'", "'\"'\"'"), value.replace("'", "''")}
    in_shells |= {odd.sub(r"\\\g<0>", value) for odd in (_ODD_IN_SHELL, _ODD_IN_QUOTES)}
    return in_json | in_scripts | in_html | in_shells


def _in_urls(raw: bytes) -> set[str]:
    forms = {quote(raw, safe="") for quote in (urllib.parse.quote, urllib.parse.quote_plus)}
    forms.add(urllib.parse.quote(raw))
    return forms | {re.sub("%..", lambda code: code[0].lower(), form) for form in forms}


def _base64_forms(raw: bytes) -> set[str]:
    """The characters that depend on nothing but the value, for each of three alignments; in both alphabets."""
    forms = {base64.b64encode(raw).decode()}
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw).decode()
        forms.add(encoded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6])
    forms |= {form.replace("+", "-").replace("/", "_") for form in forms}
    return forms | {line for width in (64, 76) for line in _wrapped(base64.b64encode(raw).decode(), width)}


def _wrapped(text: str, width: int) -> list[str]:
    """The lines that programs break it into, but for a last short one; none if it fits on one."""
    lines = [text[start : start + width] for start in range(0, len(text), width)]
    return [line for line in lines if len(line) >= _SHORTEST_LINE] if lines[1:] else []


def _woven(forms: Iterable[str]) -> _Net:
    """Longest first; grouped by first character, so that most positions of a text are left after one comparison."""
    groups: dict[str, list[str]] = {}
    for form in sorted(forms, key=lambda form: (-len(form), form)):
        groups.setdefault(form[0], []).append(form)
    lengths = [_reach(form) for group in groups.values() for form in group]
    text = "".join(f"{_grouped(group)}|" for group in groups.values())
    raw = b"".join(f"{_grouped(group)}|".encode("utf-8", "surrogatepass") for group in groups.values())
    return _Net(
        text=re.compile(text + _CREDENTIALS),
        raw=re.compile(raw + _CREDENTIALS.encode()),
        reach=max(_CREDENTIALS_LENGTH, *lengths, 0),
        spans_lines=any("\n" in form or _may_be_folded(form) for group in groups.values() for form in group),
    )


def _grouped(forms: list[str]) -> str:
    """One pattern for forms that begin with the same character."""
    return f"{re.escape(forms[0][0])}(?:{'|'.join(map(_rest, forms))})"


def _rest(form: str) -> str:
    """The pattern of all but its first character."""
    rest = re.escape(form[1:])
    return rest.replace("\\ ", f"(?: |{_FOLD})") if _may_be_folded(form) else rest


def _may_be_folded(form: str) -> bool:
    return len(form) >= _SHORTEST_FOLDED and " " in form[1:]


def _reach(form: str) -> int:
    """Bytes of the longest match of this form."""
    return len(form.encode("utf-8", "surrogatepass")) + (
        _FOLD_LENGTH * form.count(" ") if _may_be_folded(form) else 0
    )


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
