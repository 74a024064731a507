"""Text and cluster_cfg to bytes, and what was read on the way. PURE.

Newlines are paictl's for every model, so that a tree renders alike everywhere: line ends become a newline, and
exactly one final newline of the template is dropped.
"""

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Any

import jinja2

from paiwatch.model.reads import KeyPath
from paiwatch.model.tracking import EVERYTHING, Touch, settled, tracked
from paiwatch.problem import Problem
from paiwatch.releases.affinity import Yaml
from paiwatch.releases.bounds import SIZE_LIMIT
from paiwatch.releases.budget import EndlessError
from paiwatch.releases.environment import DeployEnvironment, DeployFolder, Text
from paiwatch.releases.faults import FAULTS, TooLongError, fault

#: Compiled templates kept, by estimated bytes: a small one takes about 12 KiB.
_CACHE_LIMIT = 32 * 1024**2

#: Characters between the braces of one template: compiling takes some 5 µs and 250 bytes for each of them.
_CODE_LIMIT = 1024**2
_BRACES = re.compile(r"(\{[{%])|[}%]\}")

#: How Python prints what has no value of its own; the number differs from process to process.
_ADDRESS = re.compile(r"<[a-z][^<>\n]{0,200} at 0x[0-9a-f]{8,}>|<bound method Tracked", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """One rendered file and all that it depends on besides the texts of its deploy folder."""

    content: bytes
    touched: frozenset[Touch]
    blanks: frozenset[KeyPath] = frozenset()  # keys that do not exist and were printed as nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What a template of one service is given: its deploy folder's texts by path, and the facts named `service`."""

    service: str
    deploy: str
    texts: Mapping[str, Text]
    facts: Mapping[str, Any]


class Renderer:
    """One environment and its compiled templates. For one thread; what it returns depends on its arguments only.

    `strict` makes a missing key an error; with `yaml`, deploy-rules place what is rendered. `lender` may belong to another
    thread: what it has compiled need not be compiled again.
    """

    def __init__(self, *, strict: bool, yaml: Yaml | None = None, lender: "Renderer | None" = None) -> None:
        self.strict = strict
        self.yaml = yaml
        self._folder = DeployFolder(self._compiled)
        self._environment = DeployEnvironment(strict=strict, loader=self._folder)
        self._lender = lender
        self._codes: dict[str, CodeType] = {}  # of `_templates`
        self._templates: OrderedDict[str, jinja2.Template] = OrderedDict()
        self._weights: dict[str, int] = {}
        self._weight = 0

    def twin(self) -> "Renderer":
        """One more by the same rules, for another thread; it borrows the code that this one has compiled.

        That is safe: code never changes and follows from the text alone, as it finds its environment when it runs. Each of
        the two makes templates of its own from it. A code is looked up in one step of the interpreter: it is there or not.
        """
        return Renderer(strict=self.strict, yaml=self.yaml, lender=self)

    def render(self, name: str, sheet: Sheet, cluster_cfg: Mapping[Any, Any]) -> Rendered | Problem:
        """Render the text `name` of this sheet. A fault is a Problem: an outcome, not an exception."""
        self._folder.texts = sheet.texts
        self._environment.blanks.clear()
        touched: set[Touch] = set()
        try:
            content = self._bytes(name, sheet, tracked(cluster_cfg, touched))
        except EndlessError as error:  # as endless without stand-ins
            return fault(error, deploy=sheet.deploy, name=name, texts=sheet.texts, service=sheet.service)
        except FAULTS as error:
            return self._render_plainly(name, sheet, cluster_cfg, error)
        return Rendered(content=content, touched=settled(touched), blanks=frozenset(self._environment.blanks))

    def retrace(self, name: str, sheet: Sheet, cluster_cfg: Mapping[Any, Any], touched: set[Touch]) -> bool:
        """Render once more and keep nothing but the touches, unsettled; False when it cannot be done with stand-ins."""
        self._folder.texts = sheet.texts
        try:
            self._bytes(name, sheet, tracked(cluster_cfg, touched))
        except FAULTS:
            return False
        return True

    def _render_plainly(
        self, name: str, sheet: Sheet, cluster_cfg: Mapping[Any, Any], tracked_error: Exception
    ) -> Rendered | Problem:
        """Where stand-ins fail, the plain object decides; the stand-ins' own words are kept where they know the key path."""
        try:
            content = self._bytes(name, sheet, cluster_cfg)
        except FAULTS as error:
            both_undefined = isinstance(error, jinja2.UndefinedError) and isinstance(
                tracked_error, jinja2.UndefinedError
            )
            told = tracked_error if both_undefined else error
            return fault(told, deploy=sheet.deploy, name=name, texts=sheet.texts, service=sheet.service)
        return Rendered(content=content, touched=EVERYTHING)

    def _bytes(self, name: str, sheet: Sheet, cluster_cfg: Any) -> bytes:
        self._environment.budget.begin()
        template = self._compiled(sheet.texts[name])
        context = template.new_context({"cluster_cfg": cluster_cfg, "service": sheet.facts})
        parts: list[str] = []
        size = 0
        for part in template.root_render_func(context):
            size += len(part)
            if size > SIZE_LIMIT:
                raise TooLongError("it makes more than 16 MiB")
            parts.append(part)
        content = "".join(parts)
        if _ADDRESS.search(content) and not any(
            _ADDRESS.search(text.content) for text in sheet.texts.values()
        ):
            raise jinja2.TemplateRuntimeError(
                "it prints a generator, method or function instead of a value; a generator wants | list or | join"
            )
        return content.encode()

    def _compiled(self, text: Text) -> jinja2.Template:
        if text.oid in self._templates:
            self._templates.move_to_end(text.oid)
            return self._templates[text.oid]
        code = self._lender._codes.get(text.oid) if self._lender else None  # noqa: SLF001 (one of us)
        if code is None:
            code = self._code(text)
        template = jinja2.Template.from_code(self._environment, code, self._environment.globals)
        self._keep(text, code, template)
        return template

    def _code(self, text: Text) -> CodeType:
        if len(text.content) > _CODE_LIMIT and _code_length(text.content) > _CODE_LIMIT:
            raise TooLongError("it has more than 1 MiB of code in it")
        return self._environment.compile(text.content, name=text.oid, filename=text.oid)

    def _keep(self, text: Text, code: CodeType, template: jinja2.Template) -> None:
        self._codes[text.oid] = code
        self._templates[text.oid] = template
        self._weights[text.oid] = 8192 + 12 * len(text.content)
        self._weight += self._weights[text.oid]
        while self._weight > _CACHE_LIMIT and len(self._templates) > 1:
            oldest, _ = self._templates.popitem(last=False)
            self._weight -= self._weights.pop(oldest)
            del self._codes[oldest]


def _code_length(text: str) -> int:
    """Characters between braces, roughly; one pass, however wrong the template is."""
    length, opened = 0, -1
    for brace in _BRACES.finditer(text):
        if brace[1] and opened < 0:
            opened = brace.start()
        elif not brace[1] and opened >= 0:
            length, opened = length + brace.end() - opened, -1
    return length + (len(text) - opened if opened >= 0 else 0)
