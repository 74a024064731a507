"""A plan with all that can be found out about its reasons: commits, lines of templates, places of keys. Only for showing."""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from paiwatch.cli.progress import working
from paiwatch.cli.view import View
from paiwatch.errors import ConfigError, StalledError, TransientError
from paiwatch.model.reads import How, Sight
from paiwatch.plan.keys import KeyChange, find_key_changes
from paiwatch.plan.plan import Plan, Reason
from paiwatch.releases.places import Place, Places
from paiwatch.snapshot import Revision
from paiwatch.survey.provenance import Provenance, Side

#: Services beyond these keep their plain reasons: nobody reads on, and each has to be rendered once more.
MOST = 500

_DECLARATION = "deploy/service.yaml"
_TELLING = ("key", "file")


def explained(seen: View, services: Collection[str] | None = None) -> Plan:
    """The plan of this look with the reasons of these services (all) explained; no secret is in any of them."""
    names = dict.fromkeys(step.id.service for step in seen.plan.steps)
    wanted = [name for name in names if services is None or name in services][:MOST]
    with working("explaining"):
        told = _Explainer(seen).tell(wanted)
    steps = tuple(replace(step, reasons=told.get(step.id.service, step.reasons)) for step in seen.plan.steps)
    return replace(seen.plan, steps=steps)


class _Explainer:
    """One look being explained; remembers what it found for the services that others follow."""

    def __init__(self, seen: View) -> None:
        snapshot, sources = seen.desired.snapshot, seen.sources
        self._seen = seen
        self._plain = {step.id.service: step.reasons for step in seen.plan.steps}
        self._folders = {step.id.service: step.spec.folder for step in seen.plan.steps}
        releases = seen.plan.releases.values()
        self._rolled_back = frozenset(release.service for release in releases if release.instead_of)
        self._told: dict[str, tuple[Reason, ...]] = {}
        self._provenance = Provenance(
            Side(tree=snapshot.config, read=sources.read_config, log=sources.log_config),
            Side(tree=snapshot.src, read=sources.read_src, log=sources.log_src),
            seen.rendering.sight,
            self._replay,
        )

    def tell(self, services: Collection[str]) -> Mapping[str, tuple[Reason, ...]]:
        """The reasons of these services, explained."""
        return {name: self._service(name) for name in services}

    def _replay(self, config: str) -> Sight | None:
        """cluster_cfg at this revision of config with the present src; the survey is back at the present afterwards."""
        survey, sources, now = self._seen.survey, self._seen.sources, self._seen.desired.snapshot
        try:
            then = asyncio.run(sources.look(now, config_rev=config)).snapshot
        except (ConfigError, StalledError, TransientError):
            return None
        is_broken = survey.look(
            replace(now, config=then.config), sources.read_config, sources.read_src
        ).is_broken
        sight = survey.rendering.sight
        survey.look(now, sources.read_config, sources.read_src)
        return None if is_broken else sight

    def _service(self, name: str) -> tuple[Reason, ...]:
        if name in self._rolled_back:  # what the tree says did not bring this about
            return self._plain[name]
        if name not in self._told:
            self._told[name] = tuple(self._reasons(name))
        return self._told[name]

    def _reasons(self, name: str) -> Iterator[Reason]:
        changes = self._changes(name)
        places: Places = self._seen.rendering.places(name) if changes else {}
        for reason in self._plain[name]:
            found = reason
            if reason.kind == "key" and (change := changes.get((reason.key, reason.file))):
                found = self._key(name, reason, change, places)
            elif reason.kind == "file" and reason.file:
                found = _brought(reason, self._file(name, reason.file))
            elif reason.kind in {"new", "removed"}:
                found = _brought(reason, self._declaration(name, added=reason.kind == "new"))
            elif reason.chain and reason.chain[-1] in self._plain:
                found = self._followed(reason)
            yield self._masked(found)

    def _key(self, name: str, reason: Reason, change: KeyChange, places: Places) -> Reason:
        commit = self._provenance.commit_of_key(change.path, change.how, self._since(name))
        place = _place(change, places) or Place(reason.file, 0)
        origin = self._provenance.origin(change.path)
        return _brought(replace(reason, template=place.file, line=place.line, origin=origin), commit)

    def _file(self, name: str, path: str) -> Revision | None:
        """A rendered file is in no commit: its template may be."""
        since = self._since(name)[1]
        return self._provenance.commit_of_file(path, since) or self._provenance.commit_of_file(
            f"{path}.template", since
        )

    def _declaration(self, name: str, *, added: bool) -> Revision | None:
        """Who brought the service, or took it away."""
        file = f"{self._folders[name]}/{_DECLARATION}"
        return self._provenance.commit_of_file(file, self._since(name)[1], added=added)

    def _followed(self, reason: Reason) -> Reason:
        """What brought the root of the chain brought this too."""
        own = self._service(reason.chain[-1])
        root = next((each for each in own if each.kind in _TELLING), own[0])
        return replace(reason, commit=root.commit, author=root.author, subject=root.subject)

    def _changes(self, name: str) -> Mapping[tuple[str, str], KeyChange]:
        """The key changes of a service by key and template, as its reasons name them."""
        applied, release = self._seen.memory.get(name), self._seen.desired.releases.get(name)
        if applied is None or release is None or all(reason.kind != "key" for reason in self._plain[name]):
            return {}
        deploy = f"{self._folders[name]}/deploy"
        return {
            (change.key, f"{deploy}/{change.template.removesuffix('.template')}.template"): change
            for change in find_key_changes(applied.reads, release.reads)
        }

    def _since(self, name: str) -> tuple[str, str]:
        """Config and src of what is applied; of a service that never ran, those that anything was last applied of."""
        applied = self._seen.memory.get(name)
        if applied is not None and applied.digest:
            return applied.config, applied.src
        latest = max(self._seen.memory.values(), key=lambda each: each.at, default=None)
        return (latest.config, latest.src) if latest else ("", "")

    def _masked(self, reason: Reason) -> Reason:
        scrub = self._seen.scrub
        return replace(
            reason,
            detail=scrub(reason.detail),
            before=scrub(reason.before),
            after=scrub(reason.after),
            author=scrub(reason.author),
            subject=scrub(reason.subject),
        )


def _place(change: KeyChange, places: Places) -> Place | None:
    """Where the reading that differs was done; else where the key was read in another way."""
    for how in (change.how, *How):
        if place := places.get((change.template, change.path, how)):
            return place
    return None


def _brought(reason: Reason, commit: Revision | None) -> Reason:
    if commit is None:
        return reason
    return replace(reason, commit=commit.id, author=commit.author, subject=commit.subject)
