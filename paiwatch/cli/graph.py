"""`paiwatch graph`: prerequisites for eyes and for drawing programs."""

import json

import click

from paiwatch.cli import view
from paiwatch.cli.call import Call, configured
from paiwatch.report import graphs

_FORMS = {"text": graphs.text, "dot": graphs.dot, "mermaid": graphs.mermaid}


@click.command()
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice([*_FORMS, "json"]),
    help="dot is for Graphviz, mermaid for Markdown. Default: text.",
)
@configured
def graph(call: Call, *, form: str | None) -> None:
    """The prerequisites of every service. Edges that only order, so that no refresh follows, are dashed."""
    settings = call.settings()
    with view.look(settings) as seen:
        services = seen.desired.services
    edges = graphs.edges(services, default=settings.operators.dependents)
    if (form or ("json" if call.wants_json else "text")) == "json":
        click.echo(json.dumps(graphs.graph_document(services, edges), indent=2, ensure_ascii=False))
    else:
        click.echo(_FORMS[form or "text"](services, edges), nl=False)
