"""The example as paiwatch reads it: no problem anywhere, and each edit that the README names changes just the services it says."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from paiwatch.catalog.catalog import Catalog
from paiwatch.catalog.components import components
from paiwatch.documents.yamltext import Dialect, parse
from paiwatch.example import example_config, example_tree
from paiwatch.model import cluster_cfg
from paiwatch.model.reads import Sight
from paiwatch.releases.assemble import Assembled, release_of
from paiwatch.releases.render import Renderer
from paiwatch.snapshot import Entry, Mode, Revision, Tree, blob_id
from tests.catalog.trees import read_catalog
from tests.example_stage import SERVICES, read_model, render

CONTENTS: Mapping[str, bytes] = {
    str(path.relative_to(example_tree())): path.read_bytes()
    for path in sorted(example_tree().rglob("*"))
    if path.is_file() and "__pycache__" not in path.parts
}
TREE = Tree(
    revision=Revision(id="example"),
    folder=".",
    files={path: Entry(Mode.FILE, blob_id(content)) for path, content in CONTENTS.items()},
)


def read_example() -> Catalog:
    found = components(TREE)
    documents = {
        name: parse(CONTENTS[f"{name}/deploy/service.yaml"], file=name, dialect=Dialect.STRICT)
        for name in SERVICES
    }
    return read_catalog(TREE.prefix, found, documents, {})


def release_all(config: Path) -> dict[str, Assembled]:
    """Every service's release under this configuration, none of it with a problem."""
    documents = {
        path.name: parse(path.read_bytes(), file=path.name, dialect=Dialect.STRICT)
        for path in config.glob("*.yaml")
    }
    defaults = {
        name: parse(CONTENTS[f"{name}/config/{name}.yaml"], file=name, dialect=Dialect.STRICT)
        for name in SERVICES
    }
    model, problems = cluster_cfg.assemble(documents, defaults)
    assert problems == ()
    by_id = {blob_id(content): content for content in CONTENTS.values()}
    found, renderer = components(TREE), Renderer(strict=True)
    return {
        name: release_of(service, found[name], contents=by_id, sight=Sight(model), renderer=renderer)
        for name, service in read_example().services.items()
    }


def digests(config: Path) -> dict[str, str]:
    return {name: one.release.digest for name, one in release_all(config).items() if one.release is not None}


def test_no_file_of_the_example_has_a_problem() -> None:
    catalog = read_example()
    assembled = release_all(example_config())

    assert catalog.problems == ()
    assert set(catalog.services) == set(assembled) == set(SERVICES)
    assert [problem for one in assembled.values() for problem in one.problems] == []


def test_releases_hold_what_plain_jinja_would_render(tmp_path: Path) -> None:
    shutil.copytree(example_tree(), tmp_path, dirs_exist_ok=True)
    for name, assembled in release_all(example_config()).items():
        deploy = tmp_path / name / "deploy"
        render(deploy, read_model(example_config(), example_tree()))

        assert assembled.rendered is not None
        contents = assembled.rendered.contents
        assert {path: (deploy / path).read_bytes() for path in contents} == contents


@pytest.mark.parametrize(
    ("file", "before", "after", "changed"),
    [
        pytest.param(
            "services-configuration.yaml", "in bloom", "bare", {"portal"}, id="one key of one service"
        ),
        pytest.param("cluster.yaml", "#2f6f4f", "#aa3344", {"portal", "reports"}, id="the theme"),
        pytest.param(
            "cluster.yaml", "platform-team@", "on-call@", {"settings", "reports"}, id="the support address"
        ),
        pytest.param(
            "cluster.yaml",
            "name: orchard",
            "name: meadow",
            {"settings", "api", "portal", "reports"},
            id="the name",
        ),
        pytest.param(
            "services-configuration.yaml",
            "change-me",
            "changed",
            {"store", "cache", "api"},
            id="the password",
        ),
        pytest.param(
            "services-configuration.yaml", "18084", "28084", {"metrics", "portal", "reports"}, id="a port"
        ),
        pytest.param("cluster.yaml", "# What all", "# All that", set(), id="a comment"),
    ],
)
def test_an_edit_changes_exactly_the_services_that_read_it(
    tmp_path: Path, file: str, before: str, after: str, changed: set[str]
) -> None:
    config = tmp_path / "config"
    shutil.copytree(example_config(), config)
    text = (config / file).read_text()
    assert text.count(before) == 1
    (config / file).write_text(text.replace(before, after))

    old, new = digests(example_config()), digests(config)

    assert {name for name in SERVICES if old[name] != new[name]} == changed
