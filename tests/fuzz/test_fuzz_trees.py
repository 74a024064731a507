"""Whatever lies in the trees, a look ends with services or problems: never with a traceback, and always soon."""

from collections.abc import Iterable, Mapping

from hypothesis import given
from hypothesis import strategies as st

from paiwatch.catalog.catalog import declare
from paiwatch.documents import yamltext
from paiwatch.problem import errors
from paiwatch.releases.release import Desired
from paiwatch.settings.sections import Logging
from paiwatch.snapshot import Entry, Mode, Revision, Snapshot, Tree, blob_id
from paiwatch.survey import Survey
from tests.fuzz.soup import jinja, thorough, yaml_bytes

Files = Mapping[str, bytes]

names = st.sampled_from(
    [
        "a",
        "b",
        "start.sh",
        "start.sh.template",
        "service.yaml",
        "x/y",
        "..",
        "ä",
        "\udcff",
        "-x",
        "a b",
        "a\nb",
        "é" * 60,
    ]
)
modes = st.sampled_from([*Mode])


def look(config: Files, src: Files, kinds: Mapping[str, Mode] | None = None) -> Desired:
    """What a survey makes of these trees."""
    blobs = {blob_id(content): content for content in (*config.values(), *src.values())}

    def read(oids: Iterable[str]) -> Mapping[str, bytes]:
        return {oid: blobs[oid] for oid in oids}

    def tree(files: Files, folder: str) -> Tree:
        entries = {
            path: Entry((kinds or {}).get(path, Mode.FILE), blob_id(content))
            for path, content in sorted(files.items())
        }
        return Tree(revision=Revision(id=blob_id(repr(entries).encode())), folder=folder, files=entries)

    survey = Survey(strict=True, secret_keys=Logging().secret_keys)
    desired = survey.look(Snapshot(config=tree(config, "."), src=tree(src, "src")), read, read)
    for name in desired.releases:
        survey.render(name)
    return desired


def is_told(desired: Desired) -> bool:
    """Every service has its release, or a problem says why not."""
    blamed = {problem.service for problem in errors(desired.problems)}
    without = (desired.services.keys() | desired.invalid) - desired.releases.keys()
    return desired.is_broken or without <= blamed | {""} or without <= desired.invalid


@thorough(3)
@given(yaml_bytes)
def test_any_service_yaml_is_a_service_or_says_why_not(content: bytes) -> None:
    document = yamltext.parse(content, file="src/a/deploy/service.yaml", dialect=yamltext.Dialect.STRICT)
    deploy = {"service.yaml": Entry(Mode.FILE, blob_id(content)), "start.sh": Entry(Mode.FILE, "0" * 40)}

    declared = declare("a", "src/a", document, deploy, {})

    assert declared.is_valid or errors(declared.problems)
    assert all(str(problem).isprintable() for problem in declared.problems)


@thorough()
@given(st.dictionaries(names, st.tuples(modes, yaml_bytes), max_size=5), yaml_bytes)
def test_any_deploy_folder_is_a_service_or_says_why_not(
    files: dict[str, tuple[Mode, bytes]], declaration: bytes
) -> None:
    src = {f"src/a/deploy/{name}": content for name, (_, content) in files.items()}
    kinds = {f"src/a/deploy/{name}": mode for name, (mode, _) in files.items() if mode.has_content}
    src.setdefault("src/a/deploy/service.yaml", declaration)

    assert is_told(look({"services-configuration.yaml": b"a: {b: 1}\n"}, src, kinds))


@thorough()
@given(yaml_bytes, yaml_bytes, yaml_bytes)
def test_any_configuration_gives_releases_or_problems(services: bytes, other: bytes, default: bytes) -> None:
    config = {"services-configuration.yaml": services, "site.yaml": other}
    src = {
        "src/a/deploy/service.yaml": b"template-list: [start.sh]\nstart-script: start.sh\n",
        "src/a/deploy/start.sh.template": b"{{ cluster_cfg }} {{ cluster_cfg.a.b }}",
        "src/a/config/a.yaml": default,
    }

    assert is_told(look(config, src))


@thorough()
@given(yaml_bytes, yaml_bytes)
def test_any_openpai_layout_gives_releases_or_problems(layout: bytes, services: bytes) -> None:
    config = {"layout.yaml": layout, "services-configuration.yaml": services}
    src = {
        "src/a/deploy/service.yaml": b"cluster-type: [k8s]\nstart-script: start.sh\ndeploy-rules:\n  - in: x\n",
        "src/a/deploy/start.sh": b"",
    }

    assert is_told(look(config, src))


@thorough(2)
@given(jinja, yaml_bytes)
def test_any_template_renders_or_is_a_problem(template: str, services: bytes) -> None:
    src = {
        "src/a/deploy/service.yaml": b"template-list: [start.sh]\nstart-script: start.sh\n",
        "src/a/deploy/start.sh.template": template.encode("utf-8", "surrogatepass"),
    }

    assert is_told(look({"services-configuration.yaml": services}, src))
