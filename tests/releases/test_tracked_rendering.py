"""Stand-ins change no byte, and what they note is enough: unseen changes change nothing.

Templates are made from a grammar of what people write, and rendered with stand-ins, with the plain object, and
with a changed object.
"""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paiwatch.model.reads import How, Sight
from paiwatch.model.tracking import EVERYTHING
from paiwatch.problem import Problem
from paiwatch.releases.environment import DeployEnvironment, DeployFolder
from paiwatch.releases.render import Rendered, Renderer
from tests.releases.builders import a_sheet, outcome_of, rendered

KEYS = ["a", "b", "items", "x-y", "port"]

leaves = st.sampled_from([0, 1, True, False, 1.0, "1", "", "a", "b", "x y", None, -3, "é"])
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=10,
)
configs = st.fixed_dictionaries(
    {
        "a": st.dictionaries(st.sampled_from(KEYS), trees, max_size=4),
        "b": st.lists(trees, max_size=3) | trees,
    },
    optional={"items": trees, "port": leaves},
)

steps = st.sampled_from([
    ".a", ".b", ".port", ".items", ".nope", "['items']", "['x-y']", "['port']", "[0]", "[-1]", "[1]", "[0:1]", "[true]", "[1.0]",
    ".get('a')", ".get('zz', 7)", ".items()", ".keys()", ".values()", ".iteritems()", ".count('a')", ".index('a')",
    ".upper()", ".copy()", "[cluster_cfg.b]",
])  # fmt: skip
filters = st.sampled_from([
    "tojson", "length", "list", "join(',')", "sort", "first", "last", "default('d')", "default('d', true)", "string",
    "dictsort", "items | list", "map('string') | list", "map(attribute='a') | join", "selectattr('a', 'defined') | list",
    "rejectattr('b') | list", "groupby('a') | list", "unique | list", "reverse | list", "pprint", "urlencode", "sum",
    "batch(2) | list", "slice(2) | list", "int", "upper", "escape", "xmlattr", "max", "tojson(indent=1)", "d(3)",
    "format(1)", "indent", "replace('a', 'b')", "select | list", "map('length') | list", "attr('items')", "count",
])  # fmt: skip
tests_ = st.sampled_from([
    "defined", "undefined", "none", "mapping", "sequence", "iterable", "string", "number", "boolean", "callable", "integer",
    "true", "sameas(cluster_cfg.a)", "eq(cluster_cfg.b)", "in(cluster_cfg.b)", "in(['a', {}, []])", "divisibleby(2)", "lower",
])  # fmt: skip

paths = st.lists(steps, max_size=4).map(lambda found: "cluster_cfg" + "".join(found))
names = paths | st.sampled_from(
    ["v", "v.a", "v[0]", "1", "'a'", "'items'", "[1, 'a']", "{'a': 1}", "{}", "[]"]
)


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Larger expressions of smaller ones."""
    pair = st.tuples(inner, inner)
    binary = st.sampled_from(["+", "~", "==", "!=", "in", "not in", "and", "or", "*", "%", "<", "-"])
    return st.one_of(
        st.tuples(inner, filters).map(lambda found: f"({found[0]} | {found[1]})"),
        st.tuples(inner, tests_).map(lambda found: f"({found[0]} is {found[1]})"),
        st.tuples(inner, binary, inner).map(lambda found: f"({found[0]} {found[1]} {found[2]})"),
        pair.map(lambda found: f"[{found[0]}, {found[1]}]"),
        pair.map(lambda found: f"({found[0]}, {found[1]})"),
        pair.map(lambda found: f"{{'a': {found[0]}, 'b': {found[1]}}}"),
        pair.map(lambda found: f"({found[0]})[{found[1]}]"),
        pair.map(lambda found: f"({found[0]} if {found[1]} else 'no')"),
        inner.map(lambda found: f"dict({found})"),
        inner.map(lambda found: f"(not {found})"),
        inner.map(lambda found: f"'{{}}|{{0}}'.format({found})"),
        inner.map(lambda found: f"('%s' % {found})"),
        inner.map(lambda found: f"namespace(a={found}).a"),
        inner.map(lambda found: f"joiner({found})()"),
    )


expressions = st.recursive(names, compound, max_leaves=5)


def block(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Statements around smaller texts."""
    return st.one_of(
        st.tuples(expressions, inner).map(lambda f: f"{{% if {f[0]} %}}{f[1]}{{% else %}}no{{% endif %}}"),
        st.tuples(expressions, inner).map(
            lambda f: (
                f"{{% for v in {f[0]} %}}{{{{ loop.index }}}}{{{{ loop.last }}}}{f[1]}{{% else %}}none{{% endfor %}}"
            )
        ),
        st.tuples(expressions, inner).map(
            lambda f: f"{{% for k, v in {f[0]} %}}{{{{ k }}}}{{{{ loop.changed(v) }}}}{f[1]}{{% endfor %}}"
        ),
        st.tuples(expressions, inner).map(
            lambda f: (
                f"{{% for v in {f[0]} if v is not none %}}{{{{ loop.revindex }}}}{{{{ loop.previtem }}}}{f[1]}{{% endfor %}}"
            )
        ),
        st.tuples(expressions, inner).map(lambda f: f"{{% set v = {f[0]} %}}{f[1]}"),
        st.tuples(expressions, inner).map(lambda f: f"{{% with v = {f[0]} %}}{f[1]}{{% endwith %}}"),
        st.tuples(expressions, inner).map(
            lambda f: (
                f"{{% macro m(v, w=1) %}}{f[1]}{{{{ varargs }}}}{{% endmacro %}}{{{{ m({f[0]}, 2, 3) }}}}"
            )
        ),
        st.tuples(expressions, inner).map(
            lambda f: f"{{% macro n(**kw) %}}{{{{ kw }}}}{f[1]}{{% endmacro %}}{{{{ n(**{f[0]}) }}}}"
        ),
        inner.map(lambda text: f"{{% filter upper %}}{text}{{% endfilter %}}"),
        st.tuples(inner, inner).map("".join),
    )


texts = st.recursive(expressions.map(lambda found: f"{{{{ {found} }}}}"), block, max_leaves=4)


def plainly(text: str, cluster_cfg: Any, *, strict: bool) -> bytes | None:
    """The bytes with plain objects throughout, or None where that fails."""
    renderer = Renderer(strict=strict)
    sheet = a_sheet(text)
    renderer._folder.texts = sheet.texts
    try:
        return renderer._bytes("a.template", sheet, cluster_cfg)
    except Exception:  # noqa: BLE001 (whatever a template can raise)
        return None


def edits(value: Any) -> Iterator[Any]:
    """The value with one place changed, removed, added or reordered."""
    if isinstance(value, dict):
        for key in value:
            yield {other: inner for other, inner in value.items() if other != key}
            yield from ({**value, key: changed} for changed in edits(value[key]))
        yield {**value, "port": 9}
        yield {"nope": 1, **value}
        yield dict(reversed(value.items()))
    elif isinstance(value, list):
        yield [*value, 1]
        yield value[1:]
        yield from (
            [*value[:at], changed, *value[at + 1 :]]
            for at in range(len(value))
            for changed in edits(value[at])
        )
    yield from (1, True, "1", {}, [], {"a": 5})


@settings(max_examples=250, deadline=None)
@given(texts, configs, st.booleans())
def test_stand_ins_change_no_byte(text: str, cluster_cfg: Any, strict: bool) -> None:
    before = copy.deepcopy(cluster_cfg)

    outcome = outcome_of(text, cluster_cfg, strict=strict)

    assert cluster_cfg == before
    expected = plainly(text, cluster_cfg, strict=strict)
    assert (None if isinstance(outcome, Problem) else outcome.content) == expected


places = st.sampled_from(
    [
        "",
        ".a",
        ".b",
        ".a.b",
        ".a['x-y']",
        ".b[0]",
        ".b[-1]",
        ".b[0].a",
        ".port",
        ".nope",
        ".a.nope",
        ".a['items']",
    ]
)
questions = st.sampled_from([
    "{{ P }}", "{{ P is defined }}", "{{ P is mapping }}", "{{ P is string }}", "{{ P | length }}", "{{ 'a' in P }}",
    "{{ 'nope' not in P }}", "{{ P | default('d') is sequence }}", "{% if P %}y{% else %}n{% endif %}", "{{ P.get('b') is none }}",
    "{% for x in P %}|{% endfor %}", "{% for x in P %}{{ x is mapping }}{% endfor %}", "{% for k, v in P.items() %}{{ k }}{% endfor %}",
    "{{ P.keys() | list }}", "{% for v in P.values() %}{{ v is none }}{% endfor %}", "{{ P == {} }}", "{{ (P | list) | length }}",
    "{% macro m(v) %}{{ v.a is defined }}{% endmacro %}{{ m(P) }}", "{% set s = P %}{{ s['port'] | default('q') }}", "{{ P.a | tojson }}",
    "{{ P | tojson }}", "{{ P ~ '' }}", "{% for x in P %}{{ loop.last }}{{ x.a is defined }}{% endfor %}", "{{ P[0] is defined }}",
])  # fmt: skip
asking = st.lists(st.tuples(questions, places), min_size=1, max_size=3).map(
    lambda found: "".join(question.replace("P", f"cluster_cfg{place}") for question, place in found)
)


@settings(max_examples=200, deadline=None)
@given(asking | texts, configs, st.booleans())
def test_what_would_see_the_same_renders_the_same(text: str, cluster_cfg: Any, strict: bool) -> None:
    renderer, sheet = Renderer(strict=strict), a_sheet(text)
    outcome = renderer.render("a.template", sheet, cluster_cfg)
    if isinstance(outcome, Problem):
        return
    sight = Sight(cluster_cfg)
    reads = [sight.read("a", path, how) for path, how in outcome.touched]

    for changed in edits(cluster_cfg):
        if isinstance(changed, dict) and Sight(changed).same(reads):
            again = renderer.render("a.template", sheet, changed)
            assert isinstance(again, Rendered), again
            assert again.content == outcome.content


CFG: dict[str, Any] = {
    "grafana": {"port": 3000, "name": "g", "tags": ["a", "b"]},
    "machines": [{"ip": "1", "roles": {"master": True}}, {"ip": "2", "roles": {}}],
}


@pytest.mark.parametrize(
    ("text", "touched"),
    [
        pytest.param("x", set(), id="nothing"),
        pytest.param("{{ cluster_cfg.grafana.port }}", {(("grafana", "port"), How.VALUE)}, id="leaf"),
        pytest.param("{{ cluster_cfg.nope is defined }}", {(("nope",), How.MISSING)}, id="is defined"),
        pytest.param("{{ 'nope' in cluster_cfg }}", {(("nope",), How.MISSING)}, id="not in"),
        pytest.param("{{ 'grafana' in cluster_cfg }}", {(("grafana",), How.PRESENT)}, id="in"),
        pytest.param("{{ cluster_cfg.nope | default(1) }}", {(("nope",), How.MISSING)}, id="default"),
        pytest.param("{{ cluster_cfg.machines | length }}", {(("machines",), How.LENGTH)}, id="length"),
        pytest.param("{{ cluster_cfg.grafana is mapping }}", {(("grafana",), How.KIND)}, id="kind"),
        pytest.param("{{ cluster_cfg.grafana | tojson }}", {(("grafana",), How.SUBTREE)}, id="filter"),
        pytest.param("{{ cluster_cfg.grafana }}", {(("grafana",), How.SUBTREE)}, id="printed"),
        pytest.param(
            "{% for m in cluster_cfg.machines %}{{ m.ip }}{% endfor %}",
            {(("machines",), How.LENGTH), (("machines", 0, "ip"), How.VALUE), (("machines", 1, "ip"), How.VALUE)},
            id="loop over a list",
        ),
        pytest.param(
            "{% for k in cluster_cfg.grafana %}{{ k }}{% endfor %}", {(("grafana",), How.KEYS)}, id="loop over keys"
        ),
        pytest.param(
            "{% if cluster_cfg.grafana.tags %}y{% endif %}", {(("grafana", "tags"), How.LENGTH)}, id="truth of a list"
        ),
        pytest.param(
            "{% macro m(g) %}{{ g.port }}{% endmacro %}{{ m(cluster_cfg.grafana) }}",
            {(("grafana", "port"), How.VALUE)},
            id="through a macro",
        ),
        pytest.param("{{ cluster_cfg.grafana < 1 if false }}", {(("grafana",), How.KIND)} - {(("grafana",), How.KIND)}, id="not reached"),
        pytest.param("{{ cluster_cfg.grafana.tags * 2 }}", {(("grafana", "tags"), How.SUBTREE)}, id="operator"),
    ],
)  # fmt: skip
def test_what_is_noted_is_what_was_asked(text: str, touched: set[Any]) -> None:
    assert rendered(text, CFG).touched == touched


def test_included_and_imported_texts_are_tracked_too() -> None:
    outcome = rendered(
        "{% include 'part.template' %}{% from 'macros.template' import m with context %}{{ m() }}",
        CFG,
        part="{{ cluster_cfg.grafana.port }}",
        macros="{% macro m() %}{{ cluster_cfg.grafana.name }}{% endmacro %}",
    )

    assert outcome.touched == {(("grafana", "port"), How.VALUE), (("grafana", "name"), How.VALUE)}


def test_where_stand_ins_fail_the_plain_object_decides_and_everything_counts_as_read() -> None:
    outcome = rendered("{{ cluster_cfg.grafana.tags < ['z'] }}", CFG)

    assert outcome.content == b"True"
    assert outcome.touched == EVERYTHING


def test_every_filter_and_test_of_the_environment_is_deterministic() -> None:
    environment = DeployEnvironment(
        strict=True, loader=DeployFolder(lambda _: pytest.fail("nothing is included"))
    )

    assert "random" not in environment.filters
    assert "lipsum" not in environment.globals
