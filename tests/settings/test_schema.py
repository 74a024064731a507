"""The JSON Schemas: complete, self-contained and unchanged unless on purpose."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from paiwatch.settings.schema import DRAFT, Which, schema

_TYPES = {"object", "array", "string", "number", "integer", "boolean", "null"}


def parts(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for inner in node.values():
            yield from parts(inner)
    if isinstance(node, list):
        for inner in node:
            yield from parts(inner)


@pytest.mark.parametrize("which", list(Which))
def test_the_schema_is_what_it_was(which: Which, snapshot: SnapshotAssertion) -> None:
    assert json.dumps(schema(which), indent=2) == snapshot


@pytest.mark.parametrize("which", list(Which))
def test_the_schema_is_a_draft_that_stands_by_itself(which: Which) -> None:
    whole = schema(which)

    assert whole["$schema"] == DRAFT
    assert whole["additionalProperties"] is False
    for part in parts(whole):
        if isinstance(part.get("$ref"), str):
            assert part["$ref"].removeprefix("#/$defs/") in whole["$defs"]
        if isinstance(part.get("type"), str):
            assert part["type"] in _TYPES
        if isinstance(part.get("pattern"), str):
            re.compile(part["pattern"])
        if isinstance(part.get("required"), list) and "properties" in part:
            assert set(part["required"]) <= part["properties"].keys()


def test_the_schema_of_a_service_has_the_words_of_the_file() -> None:
    properties = schema(Which.SERVICE)["properties"]

    assert {"start-script", "template-list", "on-change", "deploy-rules"} <= properties.keys()
    assert schema(Which.SERVICE)["required"] == ["start-script"]
