"""Words to functions: one file per verb. The only place that prints and exits.

Belongs here: argument parsing, tables, exit codes. May not: hold logic that the daemon would also need.
Before it: everything.
"""

import sys

from paiwatch import collector
from paiwatch.cli import exits, root


def main() -> None:
    """The `paiwatch` command: run the arguments of this process, then exit."""
    collector.calm()
    sys.exit(exits.run(root.command, sys.argv[1:]))
