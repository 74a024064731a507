"""What parsers of Python 2 take for granted works, and what parsers of Python 3 do still works."""

from typing import Any

import pytest

from paiwatch.parsers import python_2


def value_of(expression: str, **given: Any) -> Any:
    """What a parser gets for this expression."""
    names = {"__builtins__": python_2.names(), **given}
    exec(python_2.compiled(f"result = {expression}", "parser.py"), names)
    return names["result"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("sorted({'b': 1, 'a': 2}.iteritems())", [("a", 2), ("b", 1)]),
        ("list({'a': 1}.iterkeys()) + list({'a': 1}.itervalues())", ["a", 1]),
        ("{'a': 1}.keys()[0]", "a"),
        ("{'a': 1}.values() + [2]", [1, 2]),
        ("{'a': 1}.has_key('a')", True),
        ("filter(None, [0, 1, 2])[1]", 2),
        ("map(str, [1])[0]", "1"),
        ("zip([1], [2])[0]", (1, 2)),
        ("len(filter(None, [1]))", 1),
        ("isinstance(u'x', basestring) and isinstance('x', unicode) and isinstance(1, long)", True),
        ("'{}'.encode('base64')", "e30=\n"),
        ("'e30='.decode('base64')", "{}"),
        ("'az'.encode('hex')", "617a"),
        ("'x'.decode('utf-8')", "x"),
        ("reduce(lambda a, b: a + b, xrange(4))", 6),
        ("cmp(1, 2)", -1),
    ],
)
def test_python_2_works(expression: str, expected: Any) -> None:
    assert value_of(expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("next(filter(None, [0, 5, 6]))", 5),
        ("next(filter(None, []), 'none')", "none"),
        ("{'a': 1, 'b': 2}.keys() - {'a'}", {"b"}),
        ("{'a': 1}.keys() & {'a': 2}.keys()", {"a"}),
        ("'ü'.encode('utf-8')", "ü".encode()),
        ("b'x'.decode()", "x"),
        ("[*map(str, (1, 2))]", ["1", "2"]),
        ("{**{'a': 1}}", {"a": 1}),
        ("subject.keys('x')", "own x"),
    ],
)
def test_python_3_still_works(expression: str, expected: Any) -> None:
    class Subject:
        def keys(self, name: str) -> str:
            return f"own {name}"

    assert value_of(expression, subject=Subject()) == expected


def test_lines_stay_what_they_were() -> None:
    code = python_2.compiled("a = 1\n\nraise KeyError({}.keys())\n", "parser.py")

    with pytest.raises(KeyError) as caught:
        exec(code, {"__builtins__": python_2.names()})

    assert caught.tb.tb_next is not None
    assert caught.tb.tb_next.tb_lineno == 3
