"""A reader: contents and history of one private mirror, through gits of its own. Whoever fetches into the mirror holds nobody up here.

Git allows that: a pack that is new, or gone into another one, is found when it is asked for; a file that is open stays readable.
What a reader finds missing or damaged, only the fetching side can mend.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from paiwatch.snapshot import Commit, Entry
from paiwatch.sources import contents, listing
from paiwatch.sources.calls import Calls
from paiwatch.sources.mirror import DamagedMirrorError
from paiwatch.sources.objects import Objects


class Reader:
    """Used by one thread; `abort` by any. `files` gives the last listing: faults name a file of it by its path."""

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        timeout: float,
        where: str,
        files: Callable[[], Mapping[str, Entry]],
    ) -> None:
        self.git = Calls(environment, timeout=timeout)
        self.objects = Objects(self.git, timeout=timeout)
        self._where = where
        self._files = files

    def read(self, oids: Iterable[str]) -> Mapping[str, bytes]:
        """Blobs by id, all from one git process. Raises DamagedMirrorError when one is missing."""
        wanted = tuple(dict.fromkeys(oids))
        if not wanted:
            return {}
        try:
            return contents.read(self.objects, wanted, where=self._where, files=self._files())
        except DamagedMirrorError:
            self.close()  # the mirror may be another one by the next question
            raise

    def log(self, since: str, until: str, paths: Sequence[str] = ()) -> tuple[Commit, ...]:
        """Commits of `until` but not of `since` that changed one of these paths, newest first; none if `since` is unknown."""
        wanted = (f":(top,literal){path}" for path in paths)
        answer = self.git.run(
            "log", *listing.LOG_FLAGS, "--end-of-options", f"{since}..{until}", "--", *wanted
        )
        return listing.parse_log(answer.out) if answer.status == 0 else ()

    def rest(self) -> None:
        """End the git that waits for questions if it had none for long."""
        self.objects.rest()

    def abort(self) -> None:
        """End the git that runs now, and start no other; from any thread. Whoever waits gets TransientError."""
        self.git.abort()

    def close(self) -> None:
        """End the git that waits for questions; the next one would start another."""
        self.objects.close()
