"""Every key of both files is in the docs, and every setting with its default in config.example.yaml."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from paiwatch.catalog.declaration import Declaration
from paiwatch.documents.yamltext import Dialect, parse
from paiwatch.settings.file import OVERRIDES, load
from paiwatch.settings.sections import Settings


def model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := model_in(part))), None)


def keys(model: type[BaseModel], *, before: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = before + (field.alias or name)
        below = model_in(field.annotation)
        if below is None or not isinstance(field.annotation, type):
            yield key
        if below is not None:
            yield from keys(below, before=f"{key}.")


def value_at(data: Any, key: str) -> Any:
    for part in key.split("."):
        data = data[part] if isinstance(data, dict) else getattr(data, part)
    return data


@pytest.fixture
def everything(project_root: Path) -> Any:
    """The example with the keys that are commented out put in."""
    text = re.sub(
        r"^( *)# ([a-z_]+: )", r"\1\2", (project_root / "config.example.yaml").read_text(), flags=re.MULTILINE
    )
    return parse(text, file="config.example.yaml", dialect=Dialect.STRICT).value


@pytest.mark.parametrize("key", list(keys(Settings)))
def test_every_setting_is_in_the_docs_and_in_the_example(
    key: str, project_root: Path, everything: Any
) -> None:
    assert f"`{key}`" in (project_root / "docs/configuration.md").read_text()
    value_at(everything, key)


@pytest.mark.parametrize(
    "key", [key for key in keys(Settings) if key.split(".")[-1] not in {"repo", "directory", "folder"}]
)
def test_the_example_shows_defaults(key: str, everything: Any) -> None:
    defaults = Settings.model_validate({"config": {}, "src": {}})
    default = value_at(defaults, key)

    if default is not None:
        assert value_at(Settings.model_validate(everything), key) == default


@pytest.mark.parametrize("key", list(keys(Declaration)))
def test_every_key_of_a_declaration_is_in_the_docs(key: str, project_root: Path) -> None:
    assert f"| `{key}` |" in (project_root / "docs/service-yaml.md").read_text()


@pytest.mark.parametrize("variable", list(OVERRIDES))
def test_every_variable_is_in_the_docs_and_in_the_example(variable: str, project_root: Path) -> None:
    assert f"| `{variable}` |" in (project_root / "docs/configuration.md").read_text()
    assert f"${variable} " in (project_root / "config.example.yaml").read_text()


def test_the_docs_name_no_setting_that_does_not_exist(project_root: Path) -> None:
    rows = re.findall(
        r"^\| ((?:`[a-z._]+` ?)+)\|", (project_root / "docs/configuration.md").read_text(), re.MULTILINE
    )

    assert {key for row in rows for key in re.findall(r"`([^`]+)`", row)} == set(keys(Settings))


def test_the_example_loads(project_root: Path) -> None:
    settings = load(project_root / "config.example.yaml", {})

    assert settings.config.repo == "https://git.example.com/ops/cluster.git"
    assert settings.src.directory == Path("/srv/platform")


@pytest.mark.parametrize("page", ["configuration.md", "service-yaml.md"])
def test_yaml_in_the_docs_can_be_read(page: str, project_root: Path) -> None:
    for block in re.findall(r"```yaml\n(.*?)```", (project_root / "docs" / page).read_text(), re.DOTALL):
        assert parse(block, file=page, dialect=Dialect.STRICT).problems == ()
