"""Text and cluster_cfg to bytes or to a problem."""

from typing import Any

import pytest

from paiwatch.releases.bounds import SIZE_LIMIT
from paiwatch.releases.environment import Text
from paiwatch.releases.render import Rendered, Renderer, Sheet
from tests.releases.builders import a_sheet, problem_of, rendered

CFG: dict[str, Any] = {
    "grafana": {"port": 3000, "password": "hunter22", "odd": "it's hunter22", "items": [1, 2]},
    "rest-server": {"uri": "http://x"},
}


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        pytest.param("a\n", b"a", id="one final newline is dropped"),
        pytest.param("a\n\n", b"a\n", id="exactly one"),
        pytest.param("a\r\nb\r\n", b"a\nb", id="line ends become newlines"),
        pytest.param("{% if true %}\nx\n{% endif %}\n", b"\nx\n", id="blocks are not trimmed"),
        pytest.param("{{ '<&>' }}", b"<&>", id="nothing is escaped"),
        pytest.param("{{ none }} {{ true }}", b"None True", id="printed as Python prints"),
        pytest.param(
            "{{ service.name }} {{ service.folder }}", b"grafana src/grafana", id="facts of the service"
        ),
        pytest.param("é", "é".encode(), id="UTF-8 out"),
    ],
)
def test_rendering_follows_paictls_dialect(text: str, bytes_: bytes) -> None:
    assert rendered(text, CFG).content == bytes_


def test_lenient_prints_nothing_for_what_is_missing() -> None:
    assert rendered("[{{ cluster_cfg.grafana.prot }}]", CFG, strict=False).content == b"[]"


@pytest.mark.parametrize("strict", [True, False])
def test_an_attribute_of_something_missing_is_a_problem_either_way(*, strict: bool) -> None:
    problem = problem_of("x\n{{ cluster_cfg.grafna.port }}", CFG, strict=strict)

    assert problem.place == "src/grafana/deploy/a.template:2"
    assert problem.message == "cluster_cfg.grafna is not defined; did you mean 'grafana'?"
    assert problem.service == "grafana"
    assert problem.remedy


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "{{ cluster_cfg.grafana.prot }}",
            "cluster_cfg.grafana.prot is not defined; did you mean 'port'?",
            id="nearest key",
        ),
        pytest.param(
            "{{ cluster_cfg['rest-server'].url }}",
            "cluster_cfg['rest-server'].url is not defined; did you mean 'uri'?",
            id="path with brackets",
        ),
        pytest.param(
            "{% set g = cluster_cfg.grafana %}{{ g.xyz }}",
            "cluster_cfg.grafana.xyz is not defined",
            id="through set",
        ),
        pytest.param(
            "{{ cluster_cfg.grafana['items'][5] }}", "cluster_cfg.grafana.items[5] is not defined", id="index"
        ),
        pytest.param(
            "{{ cluser_cfg.x }}",
            "cluser_cfg is not defined; did you mean 'cluster_cfg'?",
            id="the object itself",
        ),
        pytest.param("{{ {'a': 1}.b }}", "key 'b' is not defined", id="key of a mapping of the template"),
        pytest.param("{{ cluster_cfg.grafana.items }}", "prints the method 'items'", id="method printed"),
        pytest.param(
            "{{ [cluster_cfg.grafana.items] }}", "prints a generator, method", id="method in a list"
        ),
        pytest.param("{{ [1] | map('string') }}", "prints a generator, method", id="generator"),
        pytest.param("{% if %}", "is not a valid template", id="syntax"),
        pytest.param("{{ 1 / 0 }}", "divides by zero", id="division"),
        pytest.param("{{ 'a' * 10 ** 9 }}", "too big", id="repetition"),
        pytest.param("{{ 10 ** (10 ** 9) }}", "too big", id="power"),
        pytest.param("{{ 1 | nosuch }}", "No filter named 'nosuch'", id="unknown filter"),
        pytest.param("{{ [1] | random }}", "No filter named 'random'", id="randomness is not offered"),
        pytest.param("{{ cluster_cfg.grafana.update({}) }}", "unsafe", id="mutation"),
        pytest.param("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "nests too deeply", id="recursion"),
        pytest.param(
            "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
            "it takes more than 500,000 steps",
            id="loop in a loop",
        ),
        pytest.param(
            "{% for a in range(99999) %}{{ range(99999) | sum }}{% endfor %}",
            "it takes more than 500,000 steps",
            id="ranges in a loop",
        ),
        pytest.param(
            "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
            "it takes more than 500,000 steps",
            id="macro that calls itself twice",
        ),
        pytest.param(
            "{% include 'b.template' %}", "includes 'b.template', which its deploy folder", id="include"
        ),
    ],
)
def test_faults_say_what_is_wrong(text: str, message: str) -> None:
    assert message in problem_of(text, CFG).message


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{{ cluster_cfg[cluster_cfg.grafana.password] }}", id="used as key"),
        pytest.param(
            "{{ cluster_cfg.grafana.port[cluster_cfg.grafana.password] }}", id="used as key of a leaf"
        ),
        pytest.param("{{ {}[cluster_cfg.grafana.password] }}", id="used as key of a template's mapping"),
        pytest.param("{{ [1] | map(cluster_cfg.grafana.odd) | list }}", id="odd name of a filter"),
        pytest.param("{% include cluster_cfg.grafana.password %}", id="used as file name"),
        pytest.param("{{ [1][cluster_cfg.grafana.password] }}", id="used as index"),
        pytest.param("{{ cluster_cfg.grafana.password + 1 }}", id="added to a number"),
        pytest.param("{{ '%d' % cluster_cfg.grafana.password }}", id="formatted"),
        pytest.param("{{ 'a' | round(1, cluster_cfg.grafana.password) }}", id="given to a filter"),
        pytest.param("{{ [1] | map(cluster_cfg.grafana.password) | list }}", id="used as filter's name"),
    ],
)
def test_no_message_ever_shows_a_value_of_the_configuration(text: str) -> None:
    problem = problem_of(text, CFG)

    assert "hunter" not in str(problem)


def test_faults_of_included_files_are_placed_there() -> None:
    problem = problem_of("x\n{% include 'part.template' %}", CFG, part="a\nb\n{{ cluster_cfg.nope }}")

    assert problem.place == "src/grafana/deploy/part.template:3"


def test_includes_imports_and_inheritance_stay_in_the_folder() -> None:
    text = (
        "{% extends 'frame.template' %}{% import 'macros.template' as m with context %}"
        "{% block body %}{{ m.port() }}{% include 'part.template' %}{% endblock %}"
    )

    content = rendered(
        text,
        CFG,
        frame="<{% block body %}{% endblock %}>",
        macros="{% macro port() %}{{ cluster_cfg.grafana.port }}{% endmacro %}",
        part="!",
    ).content

    assert content == b"<3000!>"


def test_output_is_bounded() -> None:
    text = "{% for _ in range(20000) %}{{ 'a' * 1000 }}{% endfor %}"

    assert "16 MiB" in problem_of(text, {}).message
    assert len(rendered("{{ 'a' * 1000 }}", {}).content) < SIZE_LIMIT


def test_lone_surrogates_are_a_problem_not_a_crash() -> None:
    assert "not valid Unicode" in problem_of("{{ cluster_cfg.x }}", {"x": "\ud800"}).message


def test_python_2s_dict_methods_still_work() -> None:
    text = "{% for k, v in cluster_cfg.x.iteritems() %}{{ k }}={{ v }};{% endfor %}{{ {'a': 1}.iterkeys() | list }}"

    assert rendered(text, {"x": {"p": 1}}).content == b"p=1;['a']"


def test_equal_text_in_two_services_is_placed_in_each() -> None:
    renderer = Renderer(strict=True)
    first = a_sheet("{{ nope }}")
    second = Sheet(service="other", deploy="src/other/deploy", texts=first.texts, facts={})

    places = [str(renderer.render("a.template", sheet, {})) for sheet in (first, second)]

    assert places[0].startswith("src/grafana/deploy/a.template:1:")
    assert places[1].startswith("src/other/deploy/a.template:1:")


def test_the_cache_of_compiled_templates_is_bounded_and_changes_nothing() -> None:
    renderer = Renderer(strict=True)
    filler = "x" * 2_000_000
    outcomes = []
    for number in (0, 1, 2, 0):
        sheet = a_sheet("{{ cluster_cfg.n }}" + f"{number}{filler}")
        outcomes.append(renderer.render("a.template", sheet, {"n": number}))

    assert [outcome.content[:2] for outcome in outcomes if isinstance(outcome, Rendered)] == [
        b"00",
        b"11",
        b"22",
        b"00",
    ]
    assert len(renderer._templates) < 3


def test_a_sheet_of_another_service_is_not_seen_by_includes() -> None:
    renderer = Renderer(strict=True)
    text = Text("1" * 40, "{% include 'part.template' %}")
    with_part = Sheet(
        service="a", deploy="d", texts={"a.template": text, "part.template": Text("2" * 40, "p")}, facts={}
    )
    without = Sheet(service="b", deploy="e", texts={"a.template": text}, facts={})

    assert isinstance(renderer.render("a.template", with_part, {}), Rendered)
    assert not isinstance(renderer.render("a.template", without, {}), Rendered)
