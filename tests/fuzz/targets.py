"""What is fuzzed: each target takes any bytes and fails when paiwatch does anything but give a value or say what is wrong.

One list for both ways: `make test` throws hypothesis' bytes at them, `make fuzz` those that atheris finds by coverage.
"""

import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import yaml
from yaml.constructor import ConstructorError

from paiwatch.catalog import paths, watch
from paiwatch.catalog.catalog import declare
from paiwatch.catalog.watch import Pattern
from paiwatch.cli.screen import Screen
from paiwatch.documents import units, yamlplain, yamltext
from paiwatch.documents.yamltext import Dialect
from paiwatch.errors import ConfigError
from paiwatch.model.reads import fingerprint
from paiwatch.parsers import wire
from paiwatch.problem import Problem, errors
from paiwatch.releases import affinity
from paiwatch.releases.affinity import MisshapenError, Yaml
from paiwatch.scrub import SHORTEST, Scrubber, forms_of, without_credentials
from paiwatch.settings import file as settings_file
from paiwatch.snapshot import Entry, Mode
from paiwatch.sources import access, listing, refusal
from tests.fuzz.looking import is_told, look

Target = Callable[[bytes], None]

#: Stands between the parts of an input that is more than one text.
BETWEEN = b"\n=====\n"

_YAML = Yaml(load_all=yamlplain.load_all, dump=yamlplain.dump, bad=yamlplain.BadYamlError)


def parts(content: bytes, count: int) -> list[bytes]:
    """So many texts; those that are missing are empty."""
    found = content.split(BETWEEN, count - 1)
    return found + [b""] * (count - len(found))


def texts(content: bytes, count: int) -> list[str]:
    """The same as text, lone surrogates for what is no UTF-8."""
    return [part.decode("utf-8", "surrogateescape") for part in parts(content, count)]


def check(problems: tuple[Problem, ...]) -> None:
    """Each says where and what, on one line of a terminal, and not in a book."""
    for problem in problems:
        assert problem.file
        assert problem.message
        assert str(problem).isprintable()
        assert len(str(problem)) < 5000


def service_yaml(content: bytes) -> None:
    """A service, or errors that say why not."""
    document = yamltext.parse(content, file="src/a/deploy/service.yaml", dialect=Dialect.STRICT)
    deploy = {"service.yaml": Entry(Mode.FILE, "1" * 40), "start.sh": Entry(Mode.FILE, "0" * 40)}
    declared = declare("a", "src/a", document, deploy, {})
    assert declared.is_valid or errors(declared.problems)
    check(declared.problems)


def settings(content: bytes) -> None:
    """Settings, or every fault of the file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_bytes(content)
        try:
            _, warnings = settings_file.load_with_warnings(file, {"PAIWATCH_PARALLEL": "3"})
        except ConfigError as refused:
            warnings = refused.problems or (Problem(file="", message="refused without a reason"),)
    check(warnings)


def document(content: bytes) -> None:
    """What PyYAML says, or why not; plain values cross to the parsers and back."""
    for dialect in Dialect:  # the strict one also reads '=' as text, for which PyYAML has no value
        found = yamltext.parse(content, file="f.yaml", dialect=dialect)
        check(found.problems)
        if found.value is None or found.problems:
            continue
        with suppress(ConstructorError):
            said = list(yaml.load_all(content.decode("utf-8-sig"), Loader=yaml.CSafeLoader))
            assert fingerprint([found.value]) == fingerprint(said)
        with suppress(wire.WireError):
            assert fingerprint(wire.decode(wire.encode(found.value))) == fingerprint(found.value)
    yamlplain.respelled(content.decode(errors="replace"))


def configuration(content: bytes) -> None:
    """A plain tree: releases or problems."""
    services, other, default = parts(content, 3)
    src = {
        "src/a/deploy/service.yaml": b"template-list: [start.sh]\nstart-script: start.sh\n",
        "src/a/deploy/start.sh.template": b"{{ cluster_cfg }} {{ cluster_cfg.a.b }}",
        "src/a/config/a.yaml": default,
    }
    desired = look({"services-configuration.yaml": services, "site.yaml": other}, src)
    assert is_told(desired)
    check(desired.problems)


def layout(content: bytes) -> None:
    """An OpenPAI tree: releases or problems."""
    machines, services = parts(content, 2)
    src = {
        "src/a/deploy/service.yaml": b"cluster-type: [k8s]\nstart-script: start.sh\ntemplate-list: [a.yaml]\n"
        b"deploy-rules:\n  - in: x\n",
        "src/a/deploy/a.yaml.template": b"kind: Pod\nspec:\n  a: {{ cluster_cfg.a.b }}\n  m: {{ cluster_cfg.layout }}\n",
        "src/a/deploy/start.sh": b"",
    }
    desired = look({"layout.yaml": machines, "services-configuration.yaml": services}, src)
    assert is_told(desired)
    check(desired.problems)


def template(content: bytes) -> None:
    """Rendered, or a problem."""
    text, services = parts(content, 2)
    src = {
        "src/a/deploy/service.yaml": b"template-list: [start.sh]\nstart-script: start.sh\n",
        "src/a/deploy/start.sh.template": text,
    }
    desired = look({"services-configuration.yaml": services or b"a: {b: 1, c: [x, y]}\n"}, src)
    assert is_told(desired)
    check(desired.problems)


def deploy_rules(content: bytes) -> None:
    """The text with its pods placed, or no YAML, or no place for rules."""
    (text,) = texts(content, 1)
    with suppress(yamlplain.BadYamlError, MisshapenError):
        affinity.placed(text, [{"in": "a"}, {"notin": "b"}], _YAML)


def git_commit(content: bytes) -> None:
    """A revision that can be shown."""
    revision = listing.parse_commit("a" * 40, content)
    assert revision.subject.isprintable()
    assert revision.author.isprintable()
    assert revision.at >= 0


def git_output(content: bytes) -> None:
    """Listings, differences, logs and refs: values, or ValueError for what git does not print."""
    listing.parse_refs(content)
    for parse in (
        listing.parse_listing,
        listing.parse_log,
        lambda output: listing.apply_difference({"a": Entry(Mode.FILE, "1" * 40)}, output),
    ):
        with suppress(ValueError):
            parse(content)


def git_complaint(content: bytes) -> None:
    """One line, without credentials."""
    (said,) = texts(content, 1)
    told = refusal.explain(
        "https://host/x.git", f"{said}\nfatal: https://user:pass-word@host/x", secrets=("pass-word",)
    )
    assert "pass-word" not in told
    assert "\n" not in told
    refusal.may_be_ours(said)


def address(content: bytes) -> None:
    """The password of a URL is nowhere in what is shown of it."""
    (password,) = texts(content, 1)
    password = "".join(letter for letter in password if letter.isalnum() or letter in "@!$&*+,;=:%-._~")
    if not SHORTEST <= len(password) <= 4000:
        return
    url = f"https://user:{password}@host.invalid/x.git"
    assert "host.invalid" in without_credentials(url)
    for shown in (
        without_credentials(url),
        refusal.scrub(url),
        access.separate(access.Access(repo=url)).repo,
    ):
        assert password not in shown


def scrubbing(content: bytes) -> None:
    """No form of a secret is left, and pieces are scrubbed as the whole is."""
    secret, text = parts(content, 2)
    value = secret.decode("utf-8", "replace")
    if len(value) < SHORTEST or "•" in value or len(content) > 1000:
        return
    scrubber = Scrubber([value])
    whole = text + value.encode() + text
    scrubbed = scrubber.scrub(whole.decode("utf-8", "surrogateescape"))
    assert value not in scrubbed.replace("•••", "\0")
    for size in (1, 7):
        stream = scrubber.stream()
        pieces = [stream.feed(whole[at : at + size]) for at in range(0, len(whole), size)]
        told = b"".join([*pieces, stream.finish()])
        assert told.decode("utf-8", "surrogateescape") == scrubbed
    assert value in forms_of(value)


def quantities(content: bytes) -> None:
    """Durations and sizes: a number, or ValueError."""
    (text,) = texts(content, 1)
    for parse in (units.parse_duration, units.parse_size):
        with suppress(ValueError):
            assert 0 <= parse(text) < 1e18


def patterns(content: bytes) -> None:
    """A pattern says what is wrong with it, or matches or not."""
    text, path = texts(content, 2)
    if watch.fault(text) is None:
        normal = watch.normal(text)
        assert watch.normal(normal) == normal
        Pattern(text=normal).matches(path)
    if paths.fault(text) is None:
        assert paths.normal(paths.normal(text)) == paths.normal(text)
    paths.resolve(text, path)


def parsers_wire(content: bytes) -> None:
    """A value that can be sent back, or WireError."""
    with suppress(wire.WireError):
        wire.encode(wire.decode(content))


def screen(content: bytes) -> None:
    """Nothing is left that steers a terminal, however it came in pieces."""
    whole = Screen()
    told = whole.feed(content) + whole.finish()
    bits = Screen()
    again = "".join(bits.feed(content[at : at + 1]) for at in range(len(content))) + bits.finish()
    assert told == again
    assert not set(told) & {chr(code) for code in range(0x20) if chr(code) not in "\n\t\x1b"}


TARGETS: Mapping[str, Target] = {
    "service-yaml": service_yaml,
    "settings": settings,
    "document": document,
    "configuration": configuration,
    "layout": layout,
    "template": template,
    "deploy-rules": deploy_rules,
    "git-commit": git_commit,
    "git-output": git_output,
    "git-complaint": git_complaint,
    "address": address,
    "scrubbing": scrubbing,
    "quantities": quantities,
    "patterns": patterns,
    "parsers-wire": parsers_wire,
    "screen": screen,
}
