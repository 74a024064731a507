"""Rendering: the bytes of what one look found, whatever was looked at since.

May not: judge what it renders; the look did, by lints.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Lock

from paiwatch.errors import StalledError
from paiwatch.model.reads import Sight
from paiwatch.releases.assemble import release_of, watching
from paiwatch.releases.places import Places, find_places
from paiwatch.releases.release import Release, RenderedFiles, Unrenderable
from paiwatch.releases.render import Renderer
from paiwatch.snapshot import Contents
from paiwatch.survey.outcomes import Outcome, contents_of


class SharedRenderer:
    """A twin of the survey's renderer, which is busy with looks. All renderings share it, one service at a time."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer.twin()
        self._turn = Lock()

    @contextmanager
    def turn(self) -> Iterator[Renderer]:
        """The renderer, for this thread alone meanwhile."""
        with self._turn:
            yield self._renderer


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """One look that had a usable configuration; later looks change nothing in it. It keeps no bytes.

    Any thread may ask it, also while the survey looks: outcomes are values, a sight may be asked by several threads, the
    renderer takes turns. `read` must bear several threads too, and still have the contents of the look: those of a
    repository last, those of a live directory until the second look after it. `sight` is None before the first look.
    """

    outcomes: Mapping[str, Outcome] = field(repr=False)
    sight: Sight | None = field(repr=False)
    read: Contents = field(repr=False)
    renderer: SharedRenderer = field(repr=False)

    def render(self, service: str) -> RenderedFiles | Unrenderable:
        """The rendered files of this service, or why there are none. Raises TransientError when its templates cannot be read."""
        outcome = self.outcomes.get(service)
        if outcome is None or outcome.declared.service is None or self.sight is None:
            return Unrenderable(service, f"{service} has no release in this snapshot; see its problems")
        if outcome.release is None:
            return Unrenderable(service, "; ".join(map(str, outcome.problems)))
        declared, deploy = outcome.declared.service, outcome.deploy
        try:
            contents = contents_of(declared, deploy, self.read)
        except StalledError as fault:
            return Unrenderable(service, str(fault))
        with self.renderer.turn() as renderer:
            made = release_of(declared, deploy, contents=contents, sight=self.sight, renderer=renderer)
        if made.rendered is None:
            return Unrenderable(service, "; ".join(map(str, made.problems)))
        return _as_known(made.rendered, outcome.release)

    def places(self, service: str) -> Places:
        """Where the templates of this service read what they read of `sight`; empty when it has no release."""
        outcome = self.outcomes.get(service)
        if outcome is None or outcome.declared.service is None or self.sight is None:
            return {}
        declared, deploy = outcome.declared.service, outcome.deploy
        contents = contents_of(declared, deploy, self.read)
        with self.renderer.turn() as renderer:
            return find_places(declared, deploy, contents=contents, sight=self.sight, renderer=renderer)


def expect(found: RenderedFiles | Unrenderable) -> RenderedFiles:
    """The files, for who cannot go on without them. Raises StalledError with the sentence that says why there are none."""
    if isinstance(found, Unrenderable):
        raise StalledError(found.why)
    return found


def _as_known(made: RenderedFiles, known: Release) -> RenderedFiles:
    """With the very release of the look: the record keeps that one and need not have it twice."""
    release = replace(watching(made.release, known.watched), rules=known.rules)
    return RenderedFiles(known if release == known else release, made.contents)
