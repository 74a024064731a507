"""One look at trees that were made up, and what must be true of whatever it finds."""

from collections.abc import Iterable, Mapping

from paiwatch.problem import errors
from paiwatch.releases.release import Desired
from paiwatch.settings.sections import Logging
from paiwatch.snapshot import Entry, Mode, Revision, Snapshot, Tree, blob_id
from paiwatch.survey.rendering import expect
from paiwatch.survey.survey import Survey

Files = Mapping[str, bytes]


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
        expect(survey.rendering.render(name))
    return desired


def is_told(desired: Desired) -> bool:
    """Every service has its release, or a problem says why not."""
    blamed = {problem.service for problem in errors(desired.problems)}
    without = (desired.services.keys() | desired.invalid) - desired.releases.keys()
    return desired.is_broken or without <= blamed | {""} or without <= desired.invalid
