"""Templates that would need all memory, or all time, and hardly any text to say so."""

import jinja2
import pytest

from paiwatch.problem import Problem
from paiwatch.releases.render import Rendered, Renderer
from tests.releases.builders import a_sheet

CFG = {"port": 80, "big": ["x" * 1000] * 1000}
LOOP = "{%% set n = namespace(x=%s, y=%s) %%}{%% for i in range(60) %%}{%% set n.x = %s %%}{%% set n.y = %s %%}{%% endfor %%}"


def growing(start: str, step: str, then: str = "") -> str:
    """Sixty times the same step, on two values of one kind."""
    return LOOP % (start, start, step.replace("@", "n.x"), step.replace("@", "n.y")) + then


def outcome(text: str) -> Rendered | Problem:
    return Renderer(strict=True).render("a.template", a_sheet(text), CFG)


BOMBS = {
    "joining with ~": growing("'a'", "@ ~ @"),
    "joining with +": growing("'a'", "@ + @"),
    "lists": growing("[1]", "@ + @"),
    "numbers": growing("3", "@ * @"),
    "lists in lists": growing("[1]", "[@, @]", "{{ n.x }}"),
    "lists in lists compared": growing("[1]", "[@, @]", "{{ n.x == n.y }}"),
    "tuples": growing("(1,)", "(@, @)", "{{ n.x|string }}"),
    "mappings": growing("{}", "{'a': @, 'b': @}", "{{ n.x|tojson }}"),
    "mappings by a call": growing("{}", "dict(a=@, b=@)", "{{ n.x|pprint }}"),
    "blocks": "{% set n = namespace(x='a') %}{% for i in range(60) %}{% set y %}{{ n.x }}{{ n.x }}{% endset %}"
    "{% set n.x = y %}{% endfor %}",
    "text in a block": "{% set y %}{% for i in range(400) %}{% for j in range(400) %}"
    + "x" * 100_000
    + "{% endfor %}"
    "{% endfor %}{% endset %}",
    "many large texts": "{% set n = namespace(x=[]) %}{% for i in range(9000) %}{% set n.x = n.x + ['a' * (9000000 + i)] %}"
    "{% endfor %}",
    "%": "{{ '%9000000000d' % 1 }}",
    "% with *": "{{ '%*d' % (9000000000, 1) }}",
    "% of a float": "{{ '%.900000000f' % 1.5 }}",
    "| format": "{{ '%9000000000d' | format(1) }}",
    "format": "{{ '{:9000000000}'.format(1) }}",
    "format with a width of its own": "{{ '{:{w}}'.format(1, w=9000000000) }}",
    "format_map": "{{ '{a:9000000000}'.format_map({'a': 1}) }}",
    "| center": "{{ 'a' | center(9000000000) }}",
    "ljust": "{{ 'a'.ljust(9000000000) }}",
    "zfill": "{{ 'a'.zfill(width=9000000000) if false else 'a'.zfill(9000000000) }}",
    "expandtabs": "{{ ('\t' * 1000).expandtabs(9000000) }}",
    "| indent": "{{ ('a\n' * 1000) | indent(9000000) }}",
    "| tojson": "{{ [1] | tojson(indent=9000000000) }}",
    "| batch": "{{ [1] | batch(9000000000, 'x') | list }}",
    "| slice": "{{ [1] | slice(9000000000) | list }}",
    "replace": "{{ ('a' * 100000).replace('a', 'b' * 100000) }}",
    "| replace": "{{ ('a' * 100000) | replace('a', 'b' * 100000) }}",
    "join": "{{ ('a' * 100000).join(range(20000) | map('string')) }}",
    "| join": "{{ range(20000) | map('string') | join('b' * 100000) }}",
    "| join of texts": "{% set a = 'a' * 1000000 %}{{ ([a] * 10000) | join }}",
    "translate": "{{ ('a' * 100000).translate({97: 'b' * 100000}) }}",
    "| wordwrap": "{{ ('a' * 100000) | wordwrap(1, wrapstring='b' * 100000) }}",
    "work without end": "{% for i in range(90000) %}{% set x = ('a' * 9000000).upper() %}{% endfor %}",
    "looking without end": "{% set x = 'a' * 9000000 %}{% for i in range(90000) %}{{ x in x ~ 'a' }}{% endfor %}",
    "counting without end": "{% set x = 'a' * 9000000 %}{% for i in range(90000) %}{{ x.count('b') }}{% endfor %}",
    "sorting without end": "{% set x = [3, 1, 2] * 300000 %}{% for i in range(90000) %}{{ x | sort }}{% endfor %}",
    "code": "{{ [" + "1," * 600_000 + "] }}",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_what_would_grow_without_end_is_a_problem(text: str) -> None:
    found = outcome(text)

    assert isinstance(found, Problem)
    assert any(words in found.message for words in ("too big", "more than")), found.message


SANE = [
    "{{ 'a' ~ 1 ~ [2] }}",
    "{{ [1] + [2] }} {{ 1 + 2 }} {{ 'a' + 'b' }} {{ (1,) + (2,) }}",
    "{{ '%05.1f|%s' % (1.25, 'x') }} {{ 7 % 4 }} {{ '%-4s|' | format('a') }} {{ '100%' }}",
    "{{ '{:>5}|{a}'.format(1, a=2) }} {{ '{a}'.format_map({'a': 1}) }}",
    "{{ 'a' | center(5) }}|{{ 'a\nb' | indent(2) }}|{{ 'a\tb'.expandtabs(4) }}",
    "{{ [3, 1] | sort | join(', ') }} {{ ','.join(['a', 'b']) }} {{ [1, 2] | map('string') | join('-') }}",
    "{{ ','.join([1, 2] | map('string')) }} {{ [[1], [2]] | sum(start=[]) }}",
    "{{ 'aXb' | replace('X', '--') }} {{ 'aa'.replace('a', 'b', 1) }} {{ 'a'.translate({97: 'b'}) }}",
    "{{ {'a': [1]} | tojson(indent=1) | length }} {{ dict(a=1, b=[2]) }} {{ [1, 2, 3] | batch(2, 0) | list }}",
    "{% for a, b in [(1, 2)] %}{{ a }}{{ b }}{{ (a, b) < (2, 1) < (3,) }}{% endfor %}",
    "{{ cluster_cfg.big | tojson | length }} {{ cluster_cfg.big == cluster_cfg.big }} {{ 'x' in cluster_cfg.big }}",
    "{{ 2 ** 10 * 3 }} {{ 2 * 1.5 }} {{ [0] * 3 }} {{ 'ab' * 2 }}",
    "{% macro m(a, b=2) %}{{ a ~ b }}{{ caller() }}{% endmacro %}{% call m([1], b=(2,)) %}x{% endcall %}",
    "{% set x %}{% for i in range(3) %}text {{ loop.cycle('a', 'b') }}{% endfor %}{% endset %}{{ x | upper | wordwrap(5) }}",
]


@pytest.mark.parametrize("text", SANE)
def test_what_is_of_a_sane_size_renders_as_jinja_renders_it(text: str) -> None:
    found = outcome(text)

    assert isinstance(found, Rendered), found
    assert found.content.decode() == jinja2.Template(text).render(cluster_cfg=CFG)
