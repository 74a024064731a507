"""Documents become cluster_cfg."""

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from paiwatch.documents.document import Document
from paiwatch.model.cluster_cfg import assemble, merged
from paiwatch.problem import Problem, Severity, errors


def a_document(file: str, value: Any, *problems: Problem) -> Document:
    return Document(file=file, value=value, problems=problems)


def documents(**values: Any) -> dict[str, Document]:
    """`layout={…}` is the document layout.yaml; underscores stand for dashes."""
    names = {name.replace("_", "-") + ".yaml": value for name, value in values.items()}
    return {name: a_document(f"clusters/prod/{name}", value) for name, value in names.items()}


def defaults(**values: Any) -> dict[str, Document]:
    return {name: a_document(f"src/{name}/config/{name}.yaml", value) for name, value in values.items()}


def test_overrides_are_laid_over_defaults_key_by_key() -> None:
    cluster_cfg, problems = assemble(
        documents(services_configuration={"grafana": {"ssl": {"on": True}, "port": 1}}),
        defaults(grafana={"port": 3000, "ssl": {"on": False, "file": "x"}, "name": "g"}),
    )

    assert cluster_cfg == {"grafana": {"port": 1, "ssl": {"on": True, "file": "x"}, "name": "g"}}
    assert not problems


def test_layout_sections_without_component_and_other_files_all_have_their_place() -> None:
    cluster_cfg, problems = assemble(
        documents(
            layout={"machines": [1]}, services_configuration={"common": {"a": 1}}, cluster={"name": "x"}
        ),
        defaults(grafana={"port": 3000}),
    )

    assert cluster_cfg == {
        "cluster": {"name": "x"},
        "common": {"a": 1},
        "grafana": {"port": 3000},
        "layout": {"machines": [1]},
    }
    assert list(cluster_cfg) == sorted(cluster_cfg)
    assert not problems


def test_plain_trees_need_neither_layout_nor_services_configuration() -> None:
    assert assemble({}, {}) == ({}, ())


def test_empty_files_are_empty_mappings() -> None:
    cluster_cfg, problems = assemble(
        documents(layout=None, services_configuration=None), defaults(fluentd=None)
    )

    assert cluster_cfg == {"layout": {}, "fluentd": {}}
    assert not problems


def test_an_empty_section_is_a_warning_and_keeps_the_default() -> None:
    cluster_cfg, problems = assemble(
        documents(services_configuration={"grafana": None}), defaults(grafana={"port": 1})
    )

    assert cluster_cfg == {"grafana": {"port": 1}}
    assert [problem.severity for problem in problems] == [Severity.WARNING]
    assert "'grafana' is empty" in problems[0].message


def test_a_section_that_cannot_be_merged_is_an_error_for_the_whole_tree() -> None:
    _, problems = assemble(documents(services_configuration={"grafana": 5}), defaults(grafana={"port": 1}))

    assert [(problem.service, problem.severity) for problem in problems] == [("", Severity.ERROR)]
    assert "src/grafana/config/grafana.yaml" in problems[0].message


def test_a_file_that_is_no_mapping_is_an_error() -> None:
    _, problems = assemble(documents(layout=[1], cluster="x"), {})

    assert [problem.file for problem in errors(problems)] == [
        "clusters/prod/cluster.yaml",
        "clusters/prod/layout.yaml",
    ]


def test_two_files_for_one_key_are_an_error_that_names_both() -> None:
    _, problems = assemble(documents(grafana={"a": 1}), defaults(grafana={"a": 2}))

    assert len(problems) == 1
    assert problems[0].file == "clusters/prod/grafana.yaml"
    assert "src/grafana/config/grafana.yaml" in problems[0].message


def test_problems_of_the_text_itself_are_passed_on_once() -> None:
    broken = Problem(file="clusters/prod/layout.yaml", line=3, message="is not YAML")

    _, problems = assemble({"layout.yaml": a_document("clusters/prod/layout.yaml", None, broken)}, {})

    assert problems == (broken,)


values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "x"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3)
    ),
    max_leaves=8,
)
mappings = st.dictionaries(st.sampled_from(["a", "b", "c"]), values, max_size=3)


def leaves(value: Any) -> dict[tuple[str, ...], Any]:
    """Paths to everything that is not a filled mapping."""
    if not isinstance(value, dict) or not value:
        return {(): value}
    return {(key, *path): leaf for key, inner in value.items() for path, leaf in leaves(inner).items()}


@given(mappings, mappings)
def test_merging_changes_neither_side_and_every_override_wins(default: Any, override: Any) -> None:
    before = copy.deepcopy((default, override))

    result = merged(default, override)

    assert (default, override) == before
    for path, leaf in leaves(override).items():
        if leaf != {}:
            found = result
            for key in path:
                found = found[key]
            assert found == leaf
    assert [key for key in result if key in default] == list(default)
