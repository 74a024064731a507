"""Reads: what a template saw of cluster_cfg, and whether it would see the same again. PURE.

Everything rests on `Sight.see`: it is used when a read is recorded and when it is checked again, so the two cannot disagree.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from paiwatch.model.concealed import Concealed
from paiwatch.scrub import MASK, without_credentials

if TYPE_CHECKING:
    from paiwatch.model.doubts import Doubt

#: Keys and list indexes from cluster_cfg downwards; () is cluster_cfg itself.
KeyPath = tuple[str | int, ...]

_SHOWN_LIMIT = 80
_CONTAINERS = (dict, list)
_KEPT = 4096  # answers that a sight remembers

_Asked = TypeVar("_Asked")
_Answered = TypeVar("_Answered")


class _Top(Enum):
    """A type of its own, so that no section can be called like it."""

    TOP = "top"


#: Where reads of cluster_cfg itself (path ()) are filed, beside the sections.
TOP = _Top.TOP


class How(StrEnum):
    """What was asked of a place. For each the least that can change the answer is what is compared."""

    VALUE = "value"  # a scalar, with its type
    KIND = "kind"  # only whether it is a mapping or a list
    PRESENT = "present"  # that the key exists
    MISSING = "missing"  # that it does not
    KEYS = "keys"  # the keys, in order
    LENGTH = "length"
    SUBTREE = "subtree"  # everything below, order included


_IN_FULL = frozenset({How.VALUE, How.SUBTREE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What one template saw at one place of the object model.

    `path` is the key path from cluster_cfg, e.g. ("grafana", "port"); `how` is one of `How`.
    `seen` is a digest of what was seen, equal in every process; `shown` is the value as people may see it: short
    scalars only, masked if secret.
    """

    template: str
    path: KeyPath
    how: str
    seen: str
    shown: str = ""


def find(cluster_cfg: Any, path: KeyPath) -> tuple[bool, Any]:
    """Whether something lies at this path, and what. Strings are leaves: nothing lies below them."""
    value: Any = cluster_cfg
    for key in path:
        if not is_container(value):
            return False, None
        try:
            value = value[key]
        except (LookupError, TypeError):
            return False, None
    return True, value


def is_container(value: Any) -> bool:
    """True for what keys lead into."""
    return isinstance(value, _CONTAINERS)


def fingerprint(value: Any) -> str:
    """Digest of a plain value: type-exact (1, True, 1.0 and "1" differ) and order-exact, as `repr` is for plain data."""
    return hashlib.blake2b(repr(value).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def kind_of(value: Any) -> str:
    """`mapping`, `list`, or the type's name of a leaf."""
    if isinstance(value, dict):
        return "mapping"
    return "list" if isinstance(value, list) else type(value).__name__


class Sight:
    """One cluster_cfg, looked at many times: remembers its latest answers, so that services sharing a key share the work.

    `secret` matches names of keys whose values are masked in `Read.shown`; `hidden` are those values, so that others that
    hold one are masked too. `doubts` are part of what is seen: an answer
    that depends on a doubtful place changes with the doubt.

    Several threads may ask it: an answer follows from the question alone, so one that two of them find at once, or that one
    forgets while another asks, costs time and nothing else.
    """

    def __init__(
        self,
        cluster_cfg: Mapping[Any, Any],
        *,
        secret: re.Pattern[str] | None = None,
        hidden: frozenset[str] = frozenset(),
        doubts: "tuple[Doubt, ...]" = (),
    ) -> None:
        self.cluster_cfg = cluster_cfg
        self.doubts = doubts
        self._secret = secret
        self._hidden = Concealed(hidden)
        self._answers: dict[tuple[KeyPath, str], str] = {}
        self._reads: dict[tuple[str, KeyPath, str], Read] = {}

    def see(self, path: KeyPath, how: str) -> str:
        """Digest of what this question meets here; empty where nothing lies."""
        asked = (path, how)
        seen = self._answers.get(asked)
        if seen is None:
            seen = self._seen(path, how)
            _keep(self._answers, asked, seen)
        return seen

    def _seen(self, path: KeyPath, how: str) -> str:
        seen = _answer(self.cluster_cfg, path, how)
        marks = [doubt.mark for doubt in self.doubts if doubt.concerns(path, how)]
        return fingerprint((seen, marks)) if marks else seen

    def read(self, template: str, path: KeyPath, how: str) -> Read:
        """The Read of this question as it is answered here."""
        asked = (template, path, how)
        read = self._reads.get(asked)
        if read is None:
            seen, shown = self.see(path, how), self._shown(path, how)
            read = Read(template=template, path=path, how=how, seen=seen, shown=shown)
            _keep(self._reads, asked, read)
        return read

    def same(self, reads: Iterable[Read]) -> bool:
        """True when every read would see what it saw."""
        return all(self.see(read.path, read.how) == read.seen for read in reads)

    def moved_to(
        self,
        cluster_cfg: Mapping[Any, Any],
        *,
        hidden: frozenset[str] = frozenset(),
        doubts: "tuple[Doubt, ...]" = (),
    ) -> "Sight":
        """Sight of a newer cluster_cfg, with the same notion of secret keys."""
        newer = Sight(cluster_cfg, secret=self._secret, doubts=doubts)
        newer._hidden = self._hidden if hidden == self._hidden.values else Concealed(hidden)
        return newer

    def _shown(self, path: KeyPath, how: str) -> str:
        if how != How.VALUE:
            return ""
        found, value = find(self.cluster_cfg, path)
        if not found:
            return ""
        if is_secret(path, self._secret):
            return MASK
        text = without_credentials(str(value))
        if len(text) > _SHOWN_LIMIT:
            return ""
        return MASK if self._hidden.are_in(text) else text


def _keep(known: dict[_Asked, _Answered], asked: _Asked, answer: _Answered) -> None:
    """Remember it; of ten thousand services most questions are asked once, so all that is known goes now and then."""
    if len(known) >= _KEPT:
        known.clear()
    known[asked] = answer


def is_secret(path: KeyPath, pattern: re.Pattern[str] | None) -> bool:
    """True when a key on the way matches: everything below `password` is secret."""
    return pattern is not None and any(map(pattern.search, map(str, path)))


def secret_values(value: Any, pattern: re.Pattern[str]) -> frozenset[str]:
    """String forms of the scalars that lie under a key matching `pattern`; those under six characters are no use."""
    return frozenset(text for text in _secret_texts(value, pattern, below=False) if len(text) >= 6)


def _secret_texts(value: Any, pattern: re.Pattern[str], *, below: bool) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _secret_texts(inner, pattern, below=below or pattern.search(str(key)) is not None)
    elif isinstance(value, list):
        for inner in value:
            yield from _secret_texts(inner, pattern, below=below)
    elif below and value is not None and not isinstance(value, bool):
        yield str(value)


def _answer(cluster_cfg: Any, path: KeyPath, how: str) -> str:
    found, value = find(cluster_cfg, path)
    if not found:
        return ""
    if how in _IN_FULL:
        return fingerprint(value)
    if how == How.KIND:
        return kind_of(value)
    if how == How.KEYS:
        return fingerprint(list(value)) if isinstance(value, dict) else kind_of(value)
    if how == How.LENGTH:
        return f"{kind_of(value)} {len(value)}" if is_container(value) else kind_of(value)
    return "present"
