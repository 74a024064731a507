"""Keys: which values of cluster_cfg explain that a rendered file came out differently. PURE."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from paiwatch.model.reads import KeyPath
from paiwatch.releases.release import Read

_NOT_SET = "(not set)"

#: What each way of looking says when its value has no short form.
_WORDS = {
    "missing": "is not set any more",
    "keys": "has other keys",
    "length": "has another length",
    "subtree": "changed inside",
}

#: All that one template saw of one key: by way of looking.
_Seen = dict[str, Read]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChange:
    """One key that reads differently now: shown values (masked, "" when not short), and the template that read it.

    `path` and `how` name the reading that differs, for those who look for its place.
    """

    key: str
    template: str
    before: str
    after: str
    words: str = field(default="changed")
    path: KeyPath = ()
    how: str = ""

    @property
    def sentence(self) -> str:
        """`grafana.port: 3000 → 3001`, or words where the values cannot be shown."""
        if self.before and self.after and self.before != self.after:
            return f"{self.key}: {self.before} → {self.after}"
        return f"{self.key} {self.words}"


def show_path(path: Iterable[str | int]) -> str:
    """`machines[0].ip`, as people write it."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def find_key_changes(before: Iterable[Read], after: Iterable[Read]) -> tuple[KeyChange, ...]:
    """The keys that both renderings looked at and saw differently, sorted by key and template.

    A key that only one of them looked at is a consequence (another branch was taken), not a cause.
    """
    old, new = _by_place(before), _by_place(after)
    found = (
        _compare(template, path, old[template, path], new[template, path])
        for template, path in old.keys() & new.keys()
    )
    return tuple(
        sorted((change for change in found if change), key=lambda change: (change.key, change.template))
    )


def _by_place(reads: Iterable[Read]) -> Mapping[tuple[str, tuple[str | int, ...]], _Seen]:
    places: dict[tuple[str, tuple[str | int, ...]], _Seen] = {}
    for read in reads:
        places.setdefault((read.template, read.path), {})[read.how] = read
    return places


def _compare(template: str, path: tuple[str | int, ...], old: _Seen, new: _Seen) -> KeyChange | None:
    """None when every way of looking that both used saw the same."""
    hows = sorted(old.keys() & new.keys(), key=_value_first)
    differing = [(old[how], new[how]) for how in hows if old[how].seen != new[how].seen]
    if not differing and ("missing" in old) == ("missing" in new):
        return None
    first, second = differing[0] if differing else (_best(old), _best(new))
    return KeyChange(
        key=show_path(path),
        template=template,
        before=_shown(first),
        after=_shown(second),
        words=_word(first, second),
        path=path,
        how=second.how,
    )


def _value_first(how: str) -> tuple[bool, str]:
    return (how != "value", how)


def _best(seen: _Seen) -> Read:
    """The read that says most about a key."""
    return seen[min(seen, key=_value_first)]


def _shown(read: Read) -> str:
    return _NOT_SET if read.how == "missing" else read.shown


def _word(before: Read, after: Read) -> str:
    """What to say when there are no two different short values to show."""
    if before.how == "missing" and after.how != "missing":
        return "is set now"
    return _WORDS.get(after.how, "changed")
