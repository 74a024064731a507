"""Every lint, in the order in which they are asked: the first that finds something in a file has the word. PURE."""

from collections.abc import Mapping, Sequence

from paiwatch.model.reads import Sight
from paiwatch.problem import Problem
from paiwatch.releases.assemble import SUFFIX, Draft
from paiwatch.releases.lint.doubtful import doubtful
from paiwatch.releases.lint.splices import is_yaml, misread
from paiwatch.releases.render import Rendered, Renderer


def lint(draft: Draft, sight: Sight, renderer: Renderer) -> Mapping[str, Sequence[Problem]]:
    """What is wrong with the files of this draft, by rendered name; `sight` and `renderer` are those it was made with."""
    found = {target: _told(target, made, draft, sight, renderer) for target, made in draft.made.items()}
    return {target: problems for target, problems in found.items() if problems}


def _told(
    target: str, made: Rendered | Problem, draft: Draft, sight: Sight, renderer: Renderer
) -> list[Problem]:
    name, sheet = target + SUFFIX, draft.sheet
    if found := doubtful(made, name, sheet, sight, renderer):
        return found
    if isinstance(made, Problem) or renderer.yaml is None or not is_yaml(target):
        return []
    return misread(made, name, sheet, sight=sight, renderer=renderer, yaml=renderer.yaml)
