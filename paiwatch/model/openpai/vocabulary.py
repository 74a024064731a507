"""Which keys a section may have: those of its default, and those that its parser or a template of it spells out. PURE."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """`sections` are the names that mean something; `words` has, by section, every word of its parser and its templates."""

    sections: frozenset[str] = frozenset()
    words: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False)
    defaults: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def knows(self, section: str, key: str) -> bool:
        """Whether this key of the section can matter to anybody."""
        return key in self.words.get(section, ()) or key in self.keys(section)

    def keys(self, section: str) -> Collection[str]:
        """The keys of the section's default."""
        default = self.defaults.get(section)
        return default.keys() if isinstance(default, dict) else ()


def words_of(text: str) -> frozenset[str]:
    """All that could be a key, in a template's or a parser's text."""
    return frozenset(_WORD.findall(text))


def vocabulary(
    sections: Collection[str],
    *,
    parsers: Mapping[str, frozenset[str]],
    templates: Collection[frozenset[str]],
    defaults: Mapping[str, Any],
) -> Vocabulary:
    """Words by section: those of its parser, and those of every template that mentions the section."""
    words: dict[str, frozenset[str]] = {}
    for section in sections:
        mentioning = [found for found in templates if section in found]
        words[section] = parsers.get(section, frozenset()).union(*mentioning)
    return Vocabulary(sections=frozenset(sections), words=words, defaults=defaults)
