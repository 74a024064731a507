"""Places: the file and line of a template where a key is read. PURE; found by rendering once more, only to explain a step.

Jinja2 knows the line of every tag that runs. Of a tag that spans several lines only the one that spells the key out is told;
where that is not certain there is no place, rather than a wrong one.
"""

import inspect
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import jinja2

from paiwatch.catalog.service import Service
from paiwatch.model.reads import KeyPath, Sight
from paiwatch.model.tracking import Touch
from paiwatch.releases.assemble import SUFFIX, sheet_of
from paiwatch.releases.render import Renderer, Sheet
from paiwatch.snapshot import Entry

_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)


class Place(NamedTuple):
    """A template or included file, from the tree's root, and a 1-based line."""

    file: str
    line: int


#: By rendered name, key path and way of looking: where it was first read.
Places = Mapping[tuple[str, KeyPath, str], Place]


class _Noting(set[Touch]):
    """Touches, each with the text and line that was running when it was first made."""

    def __init__(self) -> None:
        super().__init__()
        self.places: dict[Touch, tuple[str, int]] = {}

    def add(self, touch: Touch, /) -> None:
        """As a set does; the first time, look who asked."""
        if touch not in self:
            super().add(touch)
            self.places[touch] = _running()


def find_places(
    service: Service,
    entries: Mapping[str, Entry],
    *,
    contents: Mapping[str, bytes],
    sight: Sight,
    renderer: Renderer,
) -> Places:
    """Where the templates of this service read each key; arguments as in `release_of`. What fails to render has no places."""
    sheet, _ = sheet_of(service, entries, contents)
    found: dict[tuple[str, KeyPath, str], Place] = {}
    for target in service.templates:
        noting = _Noting()
        name = target + SUFFIX
        if name not in sheet.texts or not renderer.retrace(name, sheet, sight.cluster_cfg, noting):
            continue
        files = _files(sheet) | {sheet.texts[name].oid: name}
        for (path, how), (oid, line) in noting.places.items():
            if place := _certain(sheet, files.get(oid, ""), line, path):
                found[target, path, how] = place
    return found


def certain_line(text: str, line: int, key: Any) -> int:
    """`line`, or the one line of the tag around it that spells the key out; 0 when that is not certain."""
    spans = [(text.count("\n", 0, tag.start()) + 1, tag[0]) for tag in _TAG.finditer(text)]
    around = [(first, tag) for first, tag in spans if first <= line <= first + tag.count("\n")]
    long = [(first, tag) for first, tag in around if "\n" in tag]
    if not long:
        return line if around else 0
    word = re.compile(rf"(?<![\w-]){re.escape(str(key))}(?![\w-])")
    spelt = {
        first + number
        for first, tag in around
        for number, part in enumerate(tag.split("\n"))
        if word.search(part)
    }
    return spelt.pop() if len(spelt) == 1 else 0


def _files(sheet: Sheet) -> dict[str, str]:
    """Content id to path, of texts that lie in one place only."""
    oids = Counter(text.oid for text in sheet.texts.values())
    return {text.oid: path for path, text in sheet.texts.items() if oids[text.oid] == 1}


def _certain(sheet: Sheet, file: str, line: int, path: KeyPath) -> Place | None:
    if file not in sheet.texts or not path:
        return None
    sure = certain_line(sheet.texts[file].content, line, path[-1])
    return Place(f"{sheet.deploy}/{file}", sure) if sure else None


def _running() -> tuple[str, int]:
    """The name of the template that runs now (the innermost), and its line; ("", 0) when none does."""
    frame = inspect.currentframe()
    while frame is not None:
        template = frame.f_globals.get("__jinja_template__")
        if isinstance(template, jinja2.Template):
            return template.name or "", template.get_corresponding_lineno(frame.f_lineno)
        frame = frame.f_back
    return "", 0
