"""JSON Schema of config.yaml and service.yaml, for editors and linters. PURE."""

from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from paiwatch.catalog.declaration import Declaration
from paiwatch.settings import Settings

DRAFT = "https://json-schema.org/draft/2020-12/schema"


class Which(StrEnum):
    """The two files people write for paiwatch."""

    CONFIG = "config"
    SERVICE = "service"


_MODELS: dict[Which, type[BaseModel]] = {Which.CONFIG: Settings, Which.SERVICE: Declaration}


def schema(which: Which) -> dict[str, Any]:
    """The schema of config.yaml or service.yaml."""
    body = _MODELS[which].model_json_schema(by_alias=True)
    return {"$schema": DRAFT, "$id": f"urn:paiwatch:{which}.yaml", **body, "title": f"paiwatch {which}.yaml"}
