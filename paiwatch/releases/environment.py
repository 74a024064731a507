"""The Jinja2 environment that templates meet: sandboxed, deterministic, aware of tracked stand-ins. PURE.

A filter, test or function gets plain objects, and what it gets counts as wholly read; attributes, keys, loops and
conditions stay tracked. Nothing random is offered, and printing a method is an error: both would make bytes differ for nothing.
"""

import functools
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.runtime import Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range
from jinja2.utils import Namespace

from paiwatch.model.reads import KeyPath
from paiwatch.model.tracking import Tracked, TrackedView, whole
from paiwatch.releases import bounds
from paiwatch.releases.budget import PIECE, Budget
from paiwatch.releases.counting import CountedCode
from paiwatch.releases.undefined import COMPUTED, LenientUndefined, NamedUndefined

#: Methods of a dict that a stand-in has itself; Python 2's names are kept alive for templates written for paictl.
_METHODS = {
    "get": "get",
    "keys": "keys",
    "values": "values",
    "items": "items",
    "iterkeys": "keys",
    "itervalues": "values",
    "iteritems": "items",
}
_PYTHON_2 = frozenset({"iterkeys", "itervalues", "iteritems"})

#: Filters that keep a stand-in a stand-in, because they look at nothing but its presence, size or items.
_OWN_FILTERS = frozenset({"default", "d", "length", "count", "list"})

#: Tests whose answer depends on the kind of object only.
_KIND_TESTS = frozenset(
    {"defined", "undefined", "none", "boolean", "true", "false", "integer", "float", "number", "string"}
    | {"mapping", "iterable", "sequence", "callable"}
)
#: What `hasattr` finds in what a stand-in stands for; asking this is several times faster when the answer is no.
_ATTRIBUTES: Mapping[type, frozenset[str]] = {kind: frozenset(dir(kind)) for kind in (dict, list)}
_CONTEXTS = (jinja2.Environment, Context, nodes.EvalContext)
_METHOD_TYPES = (types.BuiltinMethodType, types.MethodType, types.FunctionType, types.MethodWrapperType)


@dataclass(frozen=True, slots=True)
class Text:
    """One template file: its git blob id, and what it says."""

    oid: str
    content: str


class DeployFolder(jinja2.BaseLoader):
    """Gives `include` and `import` the files of the deploy folder being rendered, and nothing else."""

    def __init__(self, compiled: Callable[[Text], jinja2.Template]) -> None:
        self.texts: Mapping[str, Text] = {}
        self._compiled = compiled

    def load(
        self,
        environment: jinja2.Environment,  # noqa: ARG002 (the signature is Jinja2's)
        name: str,
        globals: Any = None,  # noqa: A002, ARG002 (the signature is Jinja2's)
    ) -> jinja2.Template:
        """The compiled template of this path. Raises TemplateNotFound."""
        if name not in self.texts:
            raise jinja2.TemplateNotFound(name)
        return self._compiled(self.texts[name])


class DeployEnvironment(ImmutableSandboxedEnvironment):
    """paictl's dialect (no autoescape, no trimming, one final newline dropped) in a sandbox that knows stand-ins."""

    intercepted_binops = frozenset({"*", "**", "+", "%"})
    code_generator_class = CountedCode

    def __init__(self, *, strict: bool, loader: DeployFolder) -> None:
        self.blanks: set[KeyPath] = set()
        super().__init__(
            undefined=NamedUndefined if strict else LenientUndefined,
            loader=loader,
            cache_size=0,
            optimized=False,  # folding constants takes a fifth of compiling; few templates have any to fold
            auto_reload=False,
            finalize=self._printed,
        )
        self._folder = loader
        self.filters = {name: self._filter(name, body) for name, body in self.filters.items()}
        tests: dict[str, Any] = dict(self.tests)
        self.tests = {name: _on_kind(name, body) for name, body in tests.items()}
        del self.filters["random"], self.globals["lipsum"]
        self.budget = Budget()
        self.binop_table.update(self.budget.operations())
        self.globals["range"] = self._range

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """`text.format`, with no width that is too large."""
        wrapped = super().wrap_str_format(value)
        if wrapped is None:
            return None

        @functools.wraps(wrapped)
        def formatted(*args: Any, **kwargs: Any) -> str:
            bounds.check_format(value.__self__)
            return wrapped(*args, **kwargs)

        return formatted

    def _filter(self, name: str, body: Callable[..., Any]) -> Callable[..., Any]:
        """The filter, on plain objects whose sizes are bounded."""
        if name in _OWN_FILTERS:
            return body

        @functools.wraps(body)
        def bounded(*given: Any, **named: Any) -> Any:
            args, kwargs = self._plain(name, given, named)
            subject, *rest = [arg for arg in args if not isinstance(arg, _CONTEXTS)] or [None]
            if name == "format":
                bounds.check_percent(subject, tuple(rest))
            self.budget.check_call(name, subject, rest, kwargs)
            return self.budget.made(body(*args, **kwargs))

        return bounded

    def _plain(
        self, name: str, args: Iterable[Any], kwargs: Mapping[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments for what is called so, without stand-ins; with lists in place of generators where their length matters."""
        for arg in (*args, *kwargs.values()):
            self.budget.looked_at(arg)
        plain = [whole(arg) for arg in args]
        if name == "join":
            plain = [list(arg) if isinstance(arg, Iterator) else arg for arg in plain]
        return tuple(plain), {key: whole(arg) for key, arg in kwargs.items()}

    def _range(self, *bounds: int) -> range:
        made = safe_range(*bounds)
        self.budget.take_step(len(made))
        return made

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`obj.attribute`."""
        if isinstance(obj, Tracked):
            if attribute in _ATTRIBUTES[type(obj.unrecorded)]:
                return self._method(obj, attribute)
            try:
                return obj[attribute]
            except (TypeError, LookupError):
                return self._absent(obj, attribute)
        if isinstance(obj, TrackedView):
            return super().getattr(obj.whole(), attribute)
        found = super().getattr(obj, attribute)
        return _python_2(obj, attribute) if _is_missing_method(obj, attribute, found) else found

    def getitem(self, obj: Any, argument: Any) -> Any:
        """`obj[argument]`."""
        if isinstance(obj, Tracked):
            try:
                return obj[argument]
            except (TypeError, LookupError):
                if isinstance(argument, str) and argument in _ATTRIBUTES[type(obj.unrecorded)]:
                    return self._method(obj, argument)
                return self._absent(obj, self._sayable(argument))
        if isinstance(obj, TrackedView):
            return super().getitem(obj.whole(), whole(argument))
        found = super().getitem(obj, whole(argument))
        hidden = isinstance(found, jinja2.Undefined) and self._sayable(argument) is COMPUTED
        return self.undefined(obj=obj, name=COMPUTED) if hidden else found

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """`obj(args)`: template code gets arguments as they are, Python's functions get plain ones."""
        if not isinstance(obj, Macro | LoopContext) and obj is not Namespace:
            subject, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
            self.budget.looked_at(subject)
            args, kwargs = self._plain(name, args, kwargs)
            self.budget.check_call(name, subject, args, kwargs)
        return self.budget.made(super().call(context, obj, *args, **kwargs))

    def _printed(self, value: Any) -> Any:
        """What is about to be printed; of what prints nothing because it does not exist, the place is noted in `blanks`."""
        if type(value) is str and len(value) < PIECE:
            return value
        if isinstance(value, LenientUndefined) and (place := value.place) is not None:
            self.blanks.add(place)
        return self.budget.looked_at(_printable(value))

    def _method(self, node: Tracked, name: str) -> Any:
        own = _METHODS.get(name)
        if own is not None and isinstance(node.unrecorded, dict):
            return getattr(node, own)
        return super().getattr(node.whole(), name)

    def _absent(self, node: Tracked, name: Any) -> Any:
        if name in _PYTHON_2 and isinstance(node.unrecorded, dict):
            return getattr(node, _METHODS[name])
        return self.undefined(obj=node, name=name)

    def _sayable(self, key: Any) -> Any:
        """A computed key may be a value of the configuration: it is named in a message only if the template spells it out."""
        if isinstance(key, str) and not any(key in text.content for text in self._folder.texts.values()):
            return COMPUTED
        return key


def _on_plain(body: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(body)
    def on_plain(*args: Any, **kwargs: Any) -> Any:
        return body(*(whole(arg) for arg in args), **{key: whole(arg) for key, arg in kwargs.items()})

    return on_plain


def _on_kind(name: str, body: Callable[..., Any]) -> Callable[..., Any]:
    if name not in _KIND_TESTS:
        return _on_plain(body)

    @functools.wraps(body)
    def on_kind(*args: Any) -> Any:
        return body(*(arg.unrecorded if isinstance(arg, Tracked) else whole(arg) for arg in args))

    return on_kind


def _printable(value: Any) -> Any:
    if isinstance(value, _METHOD_TYPES):
        raise jinja2.TemplateRuntimeError(
            f"prints the method '{value.__name__}' instead of a value: call it, or write ['{value.__name__}'] for the key"
        )
    return value


def _is_missing_method(obj: Any, name: str, found: Any) -> bool:
    return name in _PYTHON_2 and isinstance(obj, dict) and isinstance(found, jinja2.Undefined)


def _python_2(obj: dict[Any, Any], name: str) -> Any:
    return getattr(obj, _METHODS[name])
