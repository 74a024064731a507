"""Files that editors put beside the one that is edited, for as long as that takes: no part of a live directory. Pure."""

import re

_SCRATCH = re.compile(
    r"""
      \..+\.sw[a-p] | 4913            # vim: swap, and the probe before it writes
    | .+~                             # most editors: the version before
    | \#.+\# | \.\#.+                 # emacs: auto-save and lock
    | \..+\.kate-swp                  # kate
    | \.goutputstream-.+              # GNOME
    | .+___jb_(?:tmp|old)___          # JetBrains
    | \.nfs[0-9a-f]{16,}              # NFS: deleted, but still open somewhere
    """,
    re.VERBOSE | re.DOTALL,
)


def is_scratch(file: str) -> bool:
    """Whether a file of this name (without folders) comes and goes with an editor."""
    return _SCRATCH.fullmatch(file) is not None
