"""The config side of a look at an OpenPAI tree: parsers are run again only when something that they may read changed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from paiwatch.documents import yamlplain
from paiwatch.documents.document import Document
from paiwatch.model.openpai import assemble, tree, vocabulary
from paiwatch.model.openpai.assemble import LAYOUT, SERVICES, Asked, Given, Model
from paiwatch.model.openpai.vocabulary import Vocabulary
from paiwatch.model.reads import fingerprint, secret_values
from paiwatch.parsers import sections
from paiwatch.parsers.sections import Parsed, Request
from paiwatch.problem import Problem
from paiwatch.snapshot import Contents, Entry, Mode, Tree
from paiwatch.survey.components import Components

#: The two files that reach the object model; paictl reads no other.
FILES = frozenset({LAYOUT, SERVICES})

_NOTHING = Parsed(sections={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a src tree gives to every model: the files that parsers may read, and the words that sections may have."""

    components: Components
    inputs: Mapping[str, Entry]
    vocabulary: Vocabulary


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One run of the parsers, and what it was run on."""

    ground: Ground
    asked_for: str
    parsed: Parsed


def survey_model(
    config: Tree,
    components: Components,
    documents: Mapping[str, Document],
    defaults: Mapping[str, Document],
    *,
    read_config: Contents,
    read_src: Contents,
    secret: re.Pattern[str],
    seconds: float,
    before: Pass | None,
) -> tuple[Model, Pass | None]:
    """cluster_cfg of these documents. Raises TransientError when the parsers' process cannot be started."""
    given_files = {name: documents.get(name) or _missing(config, name) for name in sorted(FILES)}
    ground = _ground(components, defaults, read_src, before)
    services = given_files[SERVICES]
    given = Given(
        layout=given_files[LAYOUT],
        services=services,
        parsers=tuple(components.parsers),
        defaults=defaults,
        prefix=components.tree.prefix,
        respelled=_respelled(config, services, read_config),
        vocabulary=ground.vocabulary,
    )
    asked = assemble.ask(given, {})
    if asked.request is None:
        return assemble.assemble(given, asked, _NOTHING, frozenset()), before
    done = _parsed(asked.request, ground, read_src, seconds, before)
    secrets = _secrets(given, asked, secret)
    return assemble.assemble(given, asked, done.parsed, secrets), done


def _parsed(request: Request, ground: Ground, read: Contents, seconds: float, before: Pass | None) -> Pass:
    """The parsers' sections: those of the pass before when nothing that they see is different."""
    listing = [(path, entry.mode.value, entry.oid) for path, entry in ground.inputs.items()]
    asked_for = fingerprint((request.layout, request.parsers, sorted(request.failed), listing))
    if before is not None and before.asked_for == asked_for:
        return Pass(ground=ground, asked_for=asked_for, parsed=before.parsed)
    contents = read({entry.oid for entry in ground.inputs.values()})
    files = {f"src/{path}": contents[entry.oid] for path, entry in ground.inputs.items()}
    whole = Request(
        layout=request.layout,
        built=request.built,
        parsers=request.parsers,
        files=files,
        failed=request.failed,
    )
    parsed = sections.parse(whole, seconds=seconds)
    is_final = not any(fault.may_pass for fault in parsed.faults)  # else the next snapshot tries again
    return Pass(ground=ground, asked_for=asked_for if is_final else "", parsed=parsed)


def _ground(
    components: Components, defaults: Mapping[str, Document], read: Contents, before: Pass | None
) -> Ground:
    if before is not None and before.ground.components is components:
        return before.ground
    sources = _texts(components.parsers, read)
    values = {name: document.value for name, document in defaults.items()}
    return Ground(
        components=components,
        inputs=tree.inputs(components.tree, sources),
        vocabulary=vocabulary.vocabulary(
            components.parsers.keys(),
            parsers={
                name: vocabulary.words_of(source.decode(errors="replace")) for name, source in sources.items()
            },
            templates=_template_words(components, read),
            defaults=values,
        ),
    )


def _texts(entries: Mapping[str, Entry], read: Contents) -> dict[str, bytes]:
    contents = read({entry.oid for entry in entries.values()})
    return {name: contents[entry.oid] for name, entry in entries.items()}


def _template_words(components: Components, read: Contents) -> list[frozenset[str]]:
    """The words of every template of every service."""
    oids = {
        entry.oid
        for name in components.catalog.services
        for path, entry in components.deploys[name].items()
        if path.endswith(".template") and entry.mode in {Mode.FILE, Mode.EXECUTABLE}
    }
    return [vocabulary.words_of(text.decode(errors="replace")) for _, text in sorted(read(oids).items())]


def _missing(config: Tree, name: str) -> Document:
    file = f"{config.prefix}{name}"
    problem = Problem(file=file, message="does not exist", remedy="OpenPAI needs this file: add it")
    return Document(file=file, value=None, problems=(problem,))


def _respelled(config: Tree, services: Document, read: Contents) -> dict[tuple[str | int, ...], str]:
    entry = config.files.get(services.file)
    if entry is None or entry.mode not in {Mode.FILE, Mode.EXECUTABLE}:
        return {}
    return yamlplain.respelled(read({entry.oid})[entry.oid].decode(errors="replace"))


def _secrets(given: Given, asked: Asked, secret: re.Pattern[str]) -> frozenset[str]:
    """Values that parsers may quote in what they say, and nobody may read."""
    every: dict[str, Any] = {"layout": given.layout.value, "services": dict(asked.converted.sections)}
    every |= {name: document.value for name, document in given.defaults.items()}
    return secret_values(every, secret)
