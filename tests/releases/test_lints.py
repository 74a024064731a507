"""Rendering only renders: what is wrong with a rendered file is found by lints, which look at it afterwards."""

from paiwatch.catalog.service import Operator, Service
from paiwatch.documents import yamlplain
from paiwatch.documents.yamlplain import BadYamlError
from paiwatch.model.doubts import Doubt
from paiwatch.model.reads import Sight
from paiwatch.problem import Problem
from paiwatch.releases.affinity import Yaml
from paiwatch.releases.assemble import Draft, assemble, draft
from paiwatch.releases.lint.lints import lint
from paiwatch.releases.render import Renderer
from paiwatch.snapshot import Entry, Mode, blob_id

YAML = Yaml(load_all=yamlplain.load_all, dump=yamlplain.dump, bad=BadYamlError)
RENDERER = Renderer(strict=False, yaml=YAML)
CUT = "kind: Pod\npassword: {{ cluster_cfg.password }}\n"


def a_draft(sight: Sight, rules: tuple[dict[str, str], ...] | None = None, **templates: str) -> Draft:
    """The draft of a service with these templates: `a_yaml="..."` is a.yaml.template."""
    texts = {f"{name.replace('_', '.')}.template": text.encode() for name, text in templates.items()}
    service = Service(
        name="web",
        folder="src/web",
        templates=tuple(path.removesuffix(".template") for path in texts),
        scripts={Operator.START: "start.sh"},
        env={},
        deploy_rules=rules,
    )
    return draft(
        service,
        {path: Entry(Mode.FILE, blob_id(text)) for path, text in texts.items()},
        contents={blob_id(text): text for text in texts.values()},
        sight=sight,
        renderer=RENDERER,
    )


def test_a_file_that_a_lint_tells_of_is_rendered_all_the_same() -> None:
    sight = Sight({"password": "ab #cd"})
    drafted = a_draft(sight, a_yaml=CUT)

    (problem,) = lint(drafted, sight, RENDERER)["a.yaml"]
    rendered = assemble(drafted, sight, YAML).rendered

    assert "stands unquoted" in problem.message
    assert rendered is not None
    assert rendered.contents == {"a.yaml": b"kind: Pod\npassword: ab #cd"}


def test_what_lints_tell_takes_the_release_away() -> None:
    sight = Sight({"password": "ab #cd"})
    drafted = a_draft(sight, a_yaml=CUT, b_txt="fine")

    told = lint(drafted, sight, RENDERER)
    assembled = assemble(drafted, sight, YAML, told)

    assert list(told) == ["a.yaml"]
    assert assembled.rendered is None
    assert assembled.problems == tuple(told["a.yaml"])


def test_what_lints_tell_of_a_file_is_told_in_place_of_what_rendering_says() -> None:
    sight = Sight({"password": "ab: cd"})
    drafted = a_draft(sight, ({"in": "master"},), a_yaml=CUT)
    assert "deploy-rules" in assemble(drafted, sight, YAML).problems[0].message

    (problem,) = assemble(drafted, sight, YAML, lint(drafted, sight, RENDERER)).problems

    assert "stands unquoted" in problem.message


def test_a_template_that_fails_over_a_doubtful_place_is_told_of_the_doubt() -> None:
    why = Problem(file="conf/services-configuration.yaml", message="the parser of 'db' failed")
    sight = Sight({}, doubts=(Doubt(path=("db",), problem=why),))
    drafted = a_draft(sight, a_txt="{{ cluster_cfg.db.port }}", b_txt="fine")

    assert isinstance(drafted.made["a.txt"], Problem)
    assert [problem.message for problem in lint(drafted, sight, RENDERER)["a.txt"]] == [why.message]


def test_a_draft_without_fault_has_nothing_to_tell() -> None:
    sight = Sight({"password": "abcd"})

    assert lint(a_draft(sight, a_yaml=CUT, b_txt="{{ cluster_cfg.password }}"), sight, RENDERER) == {}
