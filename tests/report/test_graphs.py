"""One graph in four forms."""

from paiwatch.catalog.service import Dependents, Prerequisite
from paiwatch.report import graphs
from tests.builders import a_service

SERVICES = {
    service.name: service
    for service in (
        a_service("web", needs=("db", Prerequisite(service="log", dependents=Dependents.IGNORE))),
        a_service("db"),
        a_service("log", needs=("gone",)),
    )
}
EDGES = graphs.edges(SERVICES, default=Dependents.REFRESH)


def test_an_edge_without_a_word_of_its_own_follows_the_settings() -> None:
    follows = {
        (edge.service, edge.prerequisite): edge.follows
        for edge in graphs.edges(SERVICES, default=Dependents.IGNORE)
    }

    assert follows == {("log", "gone"): False, ("web", "db"): False, ("web", "log"): False}
    assert [edge.follows for edge in EDGES] == [True, True, False]


def test_text_has_a_line_for_every_service() -> None:
    assert graphs.text(SERVICES, EDGES) == ("db\nlog <- gone (does not exist)\nweb <- db, log (order only)\n")


def test_dot_dashes_the_order_only_edges() -> None:
    dot = graphs.dot(SERVICES, EDGES)

    assert '  "db" -> "web";\n' in dot
    assert '  "log" -> "web" [style=dashed];\n' in dot
    assert dot.startswith("digraph")
    assert dot.endswith("}\n")


def test_mermaid_numbers_its_nodes_and_dashes_the_order_only_edges() -> None:
    assert graphs.mermaid(SERVICES, EDGES).splitlines() == [
        "flowchart LR",
        '  s0["db"]',
        '  s1["gone"]',
        '  s2["log"]',
        '  s3["web"]',
        "  s1 --> s2",
        "  s0 --> s3",
        "  s2 -.-> s3",
    ]


def test_the_document_names_what_does_not_exist() -> None:
    document = graphs.graph_document(SERVICES, EDGES)

    assert document["services"] == ["db", "log", "web"]
    assert document["edges"][0] == {
        "service": "log",
        "prerequisite": "gone",
        "dependents": "refresh",
        "exists": False,
    }
