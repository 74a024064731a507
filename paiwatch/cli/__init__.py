"""Words to functions: one file per verb. The only place that prints and exits.

Belongs here: argument parsing, tables, exit codes. May not: hold logic that the daemon would also need.
Before it: everything.
"""


def main() -> None:
    """Run one command."""
