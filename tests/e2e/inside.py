"""A platform whose commands run in the process of the test: an interpreter for each would take most of the time."""

import io
from contextlib import redirect_stderr, redirect_stdout

from paiwatch.cli import exits, root
from tests.e2e.platform import Platform


class Inside(Platform):
    """Its daemon, if it is started, is a process of its own all the same."""

    def cli(self, *words: str, code: int = 0) -> str:
        """As a command line would; gives all that was said."""
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            ended = exits.run(root.command, ["-c", str(self.root / "config.yaml"), *words])
        assert ended == code, f"{words}: {ended}\n{said.getvalue()}"
        return said.getvalue()
