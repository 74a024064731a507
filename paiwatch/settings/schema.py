"""JSON Schema of config.yaml and service.yaml, for editors and linters. PURE.

The docstrings of their fields become descriptions here, and not when the models are made: reading source code would take a
third of that, in every process.
"""

import ast
import inspect
import sys
from collections.abc import Iterator
from enum import StrEnum
from itertools import pairwise
from typing import Any

from pydantic import BaseModel

from paiwatch.catalog.declaration import Declaration
from paiwatch.settings.sections import Settings

DRAFT = "https://json-schema.org/draft/2020-12/schema"


class Which(StrEnum):
    """The two files people write for paiwatch."""

    CONFIG = "config"
    SERVICE = "service"


_MODELS: dict[Which, type[BaseModel]] = {Which.CONFIG: Settings, Which.SERVICE: Declaration}


def schema(which: Which) -> dict[str, Any]:
    """The schema of config.yaml or service.yaml."""
    model = _MODELS[which]
    body = model.model_json_schema(by_alias=True)
    for name, part in {model.__name__: body, **body["$defs"]}.items():
        if "properties" in part:
            _describe(part["properties"], getattr(sys.modules[model.__module__], name))
    return {"$schema": DRAFT, "$id": f"urn:paiwatch:{which}.yaml", **body, "title": f"paiwatch {which}.yaml"}


def _describe(properties: dict[str, Any], model: type[BaseModel]) -> None:
    for field, text in _docstrings(model):
        key = model.model_fields[field].alias or field
        properties[key] = dict(sorted({**properties[key], "description": text}.items()))


def _docstrings(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Each field that has a docstring, and that."""
    declared = ast.parse(inspect.getsource(model)).body[0]
    assert isinstance(declared, ast.ClassDef)
    for one, following in pairwise(declared.body):
        match one, following:
            case ast.AnnAssign(target=ast.Name(id=field)), ast.Expr(value=ast.Constant(value=str(text))):
                yield field, inspect.cleandoc(text)
