"""What parsers written for Python 2 take for granted, for the process that runs them under Python 3.

Names and modules that Python 3 dropped come back; methods of built-in types that it changed are called through here.
Statements that Python 3 cannot read (`print x`) stay what they are: a fault of the parser, told with its line.
"""

import ast
import base64
import binascii
import builtins
import collections
import collections.abc
import configparser
import functools
import io
import sys
import types
import urllib
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import Any

#: The name under which rewritten parsers find `Methods`.
NAME = "__python_2__"

_VIEWS = {
    "iterkeys": "keys",
    "itervalues": "values",
    "iteritems": "items",
    "viewkeys": "keys",
    "viewitems": "items",
}
_DICT_METHODS = frozenset({"keys", "values", "items", "has_key", *_VIEWS})
_TEXT_METHODS = frozenset({"encode", "decode"})


class Eager(list[Any]):
    """What map, filter, zip and a dict's keys give: a list as in Python 2, that Python 3's `next` and set operations accept."""

    _rest: Iterator[Any] | None = None

    def __next__(self) -> Any:
        if self._rest is None:
            self._rest = iter(self)
        return next(self._rest)

    def __sub__(self, other: Any) -> Any:
        return set(self) - set(other)

    def __and__(self, other: Any) -> Any:
        return set(self) & set(other)

    def __or__(self, other: Any) -> Any:
        return set(self) | set(other)


class Methods:
    """Methods that Python 3 changed or dropped. Objects that have the method themselves are asked themselves."""

    @staticmethod
    def of_dict(name: str, subject: Any, *args: Any) -> Any:
        """`subject.name(*args)`, as a dict of Python 2 answers."""
        if not isinstance(subject, dict) or hasattr(type(subject), "iteritems"):
            return getattr(subject, name)(*args)
        if name == "has_key":
            return args[0] in subject
        found = getattr(subject, _VIEWS.get(name, name))()
        return iter(found) if name.startswith("iter") else Eager(found)

    @staticmethod
    def of_text(name: str, subject: Any, *args: Any, **kwargs: Any) -> Any:
        """`subject.encode(…)` and `decode`: base64 and hex are text to text, and text that is decoded stays text."""
        codec = str(args[0]).replace("-", "").replace("_", "") if args else ""
        if isinstance(subject, str | bytes) and codec in {"base64", "hex"}:
            return _recoded(name, codec, subject)
        if name == "decode" and isinstance(subject, str):
            return subject
        return getattr(subject, name)(*args, **kwargs)


class _Rewrite(ast.NodeTransformer):
    """Sends calls of those methods through `Methods`; everything else is left as it is."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.func, ast.Attribute):
            return node
        name = node.func.attr
        if name in _DICT_METHODS and not node.keywords and len(node.args) == (name == "has_key"):
            return self._through("of_dict", node.func, node)
        return self._through("of_text", node.func, node) if name in _TEXT_METHODS else node

    @staticmethod
    def _through(way: str, func: ast.Attribute, node: ast.Call) -> ast.Call:
        target = ast.Attribute(value=ast.Name(id=NAME, ctx=ast.Load()), attr=way, ctx=ast.Load())
        args = [ast.Constant(value=func.attr), func.value, *node.args]
        return ast.copy_location(ast.Call(func=target, args=args, keywords=node.keywords), node)


def compiled(source: str, file: str) -> types.CodeType:
    """The code of a parser's text. Raises SyntaxError."""
    tree = ast.fix_missing_locations(_Rewrite().visit(ast.parse(source, file)))
    return compile(tree, file, "exec", dont_inherit=True)


def names() -> dict[str, Any]:
    """The built-in names that a parser sees."""
    old: dict[str, Any] = {
        "basestring": str,
        "unicode": str,
        "long": int,
        "unichr": chr,
        "xrange": range,
        "cmp": lambda left, right: (left > right) - (left < right),
        "reduce": functools.reduce,
        "map": _eager(map),
        "filter": _eager(filter),
        "zip": _eager(zip),
        NAME: Methods,
    }
    return vars(builtins) | old


def install() -> None:
    """Bring back, in this process, the modules of Python 2 that parsers import."""
    for name in ("urlencode", "quote_plus", "quote", "unquote", "unquote_plus"):
        setattr(urllib, name, _URLLIB.get(name) or getattr(urllib.parse, name))
    for name in ("Mapping", "MutableMapping", "Sequence", "Iterable", "Set", "Callable", "Hashable"):
        setattr(collections, name, getattr(collections.abc, name))
    for name, found in _modules().items():
        sys.modules.setdefault(name, found)


def _modules() -> Mapping[str, types.ModuleType]:
    urlparse = types.ModuleType("urlparse")
    vars(urlparse).update({name: getattr(urllib.parse, name) for name in urllib.parse.__all__})
    text = types.ModuleType("StringIO")
    vars(text).update({"StringIO": io.StringIO})
    return {"urlparse": urlparse, "ConfigParser": configparser, "StringIO": text, "cStringIO": text}


def _eager(body: Callable[..., Any]) -> Callable[..., Any]:
    def eager(*args: Any) -> Eager:
        return Eager(body(*args))

    return eager


def _recoded(name: str, codec: str, subject: str | bytes) -> str:
    given = subject.encode() if isinstance(subject, str) else subject
    if codec == "base64":
        changed = base64.encodebytes(given) if name == "encode" else base64.decodebytes(given)
    else:
        changed = binascii.hexlify(given) if name == "encode" else binascii.unhexlify(given)
    return changed.decode()


def _quote_plus(text: Any, safe: str = "", *_: Any, **__: Any) -> str:
    """Python 2 also writes `~` as %7E."""
    return urllib.parse.quote_plus(text, safe=safe).replace("~", "~" if "~" in safe else "%7E")


def _urlencode(query: Any, doseq: Any = 0) -> str:
    quote: Any = _quote_plus
    return urllib.parse.urlencode(query, bool(doseq), quote_via=quote)


_URLLIB: Mapping[str, Callable[..., Any]] = {"urlencode": _urlencode, "quote_plus": _quote_plus}
