"""Builders of values for tests: `a_service("grafana", needs=("prometheus",))`. Defaults are plausible, nothing is mocked."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from paiwatch.catalog.service import Operator, Prerequisite, Service
from paiwatch.domain import run_spec
from paiwatch.plan.applied import Applied
from paiwatch.releases.release import Desired, Read, Release, ReleaseFile, RenderedFiles
from paiwatch.snapshot import Entry, Mode, Revision, Snapshot, Tree, blob_id

ALL_SCRIPTS: Mapping[Operator, str] = {operator: f"{operator}.sh" for operator in Operator}

#: What builders of steps and memories take for the spec in them.
SPEC_FIELDS = frozenset({"scripts", "folder", "env", "timeout", "retries", "interrupted"})


def scripts(*operators: Operator) -> dict[Operator, str]:
    """`{START: "start.sh", …}` for these operators."""
    return {operator: f"{operator}.sh" for operator in operators}


def a_service(name: str, *, needs: Iterable[str | Prerequisite] = (), **fields: Any) -> Service:
    """A service with all four scripts; `needs` are prerequisites by name, or whole ones."""
    edges = tuple(Prerequisite(service=need) if isinstance(need, str) else need for need in needs)
    defaults: dict[str, Any] = {"folder": f"src/{name}", "scripts": ALL_SCRIPTS, "env": {}}
    return Service(name=name, prerequisites=edges, **(defaults | fields))


def a_release(name: str, files: Mapping[str, str] | None = None, **others: Any) -> Release:
    """The release of `rendered_files`, which takes the same arguments."""
    return rendered_files(name, files, **others).release


def rendered_files(
    name: str,
    files: Mapping[str, str] | None = None,
    *,
    rendered: Mapping[str, str] | None = None,
    reads: Iterable[Read] = (),
    modes: Mapping[str, Mode] | None = None,
    watched: Mapping[str, str] | None = None,
) -> RenderedFiles:
    """A release of these static and rendered files (texts by path in the deploy folder; of watched ones, in the tree)."""
    static = {"start.sh": f"echo {name}\n"} if files is None else dict(files)
    made = dict(rendered or {})
    kinds = modes or {}
    listing = {
        path: ReleaseFile(kinds.get(path, Mode.FILE), blob_id(text.encode()))
        for path, text in (static | made).items()
    }
    seen = {
        path: Entry(kinds.get(path, Mode.FILE), blob_id(text.encode()))
        for path, text in (watched or {}).items()
    }
    digest = hashlib.sha256(repr((name, sorted(listing.items()), sorted(seen.items()))).encode()).hexdigest()
    release = Release(
        service=name,
        digest=digest,
        files=listing,
        rendered=frozenset(made),
        reads=tuple(reads),
        watched=seen,
    )
    return RenderedFiles(release, {path: text.encode() for path, text in made.items()})


def a_read(key: str, value: object, *, template: str = "start.sh", how: str = "value") -> Read:
    """What a template saw at `grafana.port`."""
    path = tuple(int(part) if part.isdigit() else part for part in key.split("."))
    shown = "" if how in {"missing", "subtree"} else str(value)
    seen = hashlib.sha256(repr(value).encode()).hexdigest()
    return Read(template=template, path=path, how=how, seen=seen, shown=shown)


def a_tree(folder: str = ".", revision: str = "c" * 40) -> Tree:
    """An empty tree at a revision."""
    return Tree(revision=Revision(id=revision, subject="a commit"), folder=folder, files={})


def a_snapshot(config: str = "c" * 40, src: str = "d" * 40) -> Snapshot:
    """A snapshot of two empty trees with these revision ids; components lie in src/."""
    return Snapshot(config=a_tree(".", config), src=a_tree("src", src))


def a_desired(
    *services: Service,
    texts: Mapping[str, str] | None = None,
    releases: Iterable[Release] = (),
    invalid: Iterable[str] = (),
    snapshot: Snapshot | None = None,
) -> Desired:
    """What a snapshot asks for. Each service gets a release whose start.sh is its entry in `texts`.

    `releases` gives whole ones instead. A name in `invalid` has no release.
    """
    broken = frozenset(invalid)
    given = {release.service: release for release in releases}
    made = {
        service.name: a_release(service.name, {"start.sh": (texts or {}).get(service.name, "first")})
        for service in services
    }
    return Desired(
        snapshot=snapshot or a_snapshot(),
        services={service.name: service for service in services},
        releases={name: release for name, release in (made | given).items() if name not in broken},
        invalid=broken,
    )


def an_applied(release: Release, **fields: Any) -> Applied:
    """The memory of this release after a success; `prerequisites` maps names to the versions they had.

    Fields of its spec may be given by name; options that are not are as in the settings.
    """
    spec: dict[str, Any] = {"scripts": ALL_SCRIPTS, "folder": f"src/{release.service}"}
    spec |= {name: fields.pop(name) for name in SPEC_FIELDS & fields.keys()}
    applied = Applied(
        service=release.service,
        digest=release.digest,
        version=1,
        files=release.files,
        reads=release.reads,
        watched=release.watched,
        spec=run_spec.declared(**spec),
    )
    return replace(applied, **fields)


def all_applied(desired: Desired) -> dict[str, Applied]:
    """The memory in which everything desired is applied, at version 1, with its prerequisites at theirs."""
    return {
        name: an_applied(
            release,
            scripts=desired.services[name].scripts,
            prerequisites={
                edge.service: int(edge.service in desired.releases)
                for edge in desired.services[name].prerequisites
            },
        )
        for name, release in desired.releases.items()
    }


def edit_trees(
    config: dict[str, str], src: dict[str, str], edits: Iterable[tuple[str, str, str | None]]
) -> None:
    """Edit the texts of two trees: each edit is a side (config or src), a path, and the new text (None: the file goes)."""
    for side, path, text in edits:
        texts = config if side == "config" else src
        if text is None:
            texts.pop(path, None)
        else:
            texts[path] = text
