"""One rendered file looked at again: does anything doubtful change it? PURE."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from paiwatch.model.doubts import Doubt, Instead, replaced, touched_by
from paiwatch.model.reads import Sight
from paiwatch.problem import Problem
from paiwatch.releases.render import Rendered, Renderer, Sheet
from paiwatch.releases.undefined import dotted


def doubtful(
    outcome: Rendered | Problem, name: str, sheet: Sheet, sight: Sight, renderer: Renderer
) -> list[Problem]:
    """What of the doubts about cluster_cfg would make this file another: then it must not be run as it is."""
    if not sight.doubts:
        return []
    if isinstance(outcome, Problem):
        return [_told(doubt, name, sheet) for doubt in sight.doubts if _is_named(doubt, outcome)][:1]
    return [
        _told(doubt, name, sheet)
        for doubt in sight.doubts
        if touched_by(doubt, outcome.touched)
        and _matters(doubt, outcome, name=name, sheet=sheet, cluster_cfg=sight.cluster_cfg, renderer=renderer)
    ]


def _is_named(doubt: Doubt, problem: Problem) -> bool:
    """Whether a template failed over the very place that is doubtful."""
    return doubt.instead is Instead.UNKNOWN and problem.message.startswith(
        f"{dotted(doubt.path)} is not defined"
    )


def _matters(
    doubt: Doubt,
    outcome: Rendered,
    *,
    name: str,
    sheet: Sheet,
    cluster_cfg: Mapping[Any, Any],
    renderer: Renderer,
) -> bool:
    if doubt.only_blank:
        return doubt.path in outcome.blanks
    if doubt.instead is Instead.UNKNOWN:
        return True
    if doubt.compared_with and not _compares(sheet.texts[name].content, doubt):
        return False
    again = renderer.render(name, sheet, replaced(cluster_cfg, doubt.path, doubt.instead))
    return not isinstance(again, Rendered) or again.content != outcome.content


def _compares(text: str, doubt: Doubt) -> bool:
    """Whether the template compares this key with such a text."""
    words = "|".join(map(re.escape, doubt.compared_with))
    key = re.escape(str(doubt.path[-1]))
    return re.search(rf"{key}['\"]?\]?\s*[!=]=\s*['\"]({words})['\"]", text) is not None


def _told(doubt: Doubt, name: str, sheet: Sheet) -> Problem:
    """The doubt, told of this service: at the place that is wrong, or, where a section is missing, at its reader."""
    template = f"{sheet.deploy}/{name}"
    if doubt.is_told_where_read:
        return replace(doubt.problem, file=template, line=0, column=0, service=sheet.service)
    return replace(doubt.problem, service=sheet.service)
