"""Short ways to say: a deploy folder with these texts, rendered with this cluster_cfg."""

from typing import Any

from paiwatch.catalog.service import Operator, Service
from paiwatch.model.reads import Sight
from paiwatch.problem import Problem
from paiwatch.releases.assemble import Assembled, release_of
from paiwatch.releases.environment import Text
from paiwatch.releases.render import Rendered, Renderer, Sheet
from paiwatch.snapshot import Entry, Mode, blob_id


def a_sheet(text: str, **others: str) -> Sheet:
    """The text is `a.template`; `part="…"` is a file `part.template` beside it."""
    texts = {"a": text, **others}
    return Sheet(
        service="grafana",
        deploy="src/grafana/deploy",
        texts={f"{name}.template": Text(blob_id(body.encode()), body) for name, body in texts.items()},
        facts={"name": "grafana", "folder": "src/grafana", "deploy": "src/grafana/deploy"},
    )


def outcome_of(text: str, cluster_cfg: Any, *, strict: bool = True, **others: str) -> Rendered | Problem:
    """What becomes of the text."""
    return Renderer(strict=strict).render("a.template", a_sheet(text, **others), cluster_cfg)


def rendered(text: str, cluster_cfg: Any, *, strict: bool = True, **others: str) -> Rendered:
    """The rendered text; a problem fails the test."""
    outcome = outcome_of(text, cluster_cfg, strict=strict, **others)
    assert isinstance(outcome, Rendered), outcome
    return outcome


def problem_of(text: str, cluster_cfg: Any, *, strict: bool = True, **others: str) -> Problem:
    """The problem of the text; success fails the test."""
    outcome = outcome_of(text, cluster_cfg, strict=strict, **others)
    assert isinstance(outcome, Problem), outcome
    return outcome


def a_service(*templates: str, name: str = "grafana") -> Service:
    """A service with a start script and these rendered files."""
    return Service(
        name=name, folder=f"src/{name}", templates=templates, scripts={Operator.START: "start.sh"}, env={}
    )


def assembled(
    files: dict[str, bytes], cluster_cfg: Any, *templates: str, executable: frozenset[str] = frozenset()
) -> Assembled:
    """The release of a deploy folder with these files."""
    entries = {
        path: Entry(Mode.EXECUTABLE if path in executable else Mode.FILE, blob_id(content))
        for path, content in files.items()
    }
    return release_of(
        a_service(*templates),
        entries,
        contents={blob_id(content): content for content in files.values()},
        sight=Sight(cluster_cfg),
        renderer=Renderer(strict=True),
    )
