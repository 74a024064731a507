"""What a disk that is full, failing or not ours says, and what people can do about it. Pure."""

import errno
import os

_SPACE = "free space there"
_OWNER = "let paiwatch's user own it and write there"
_HEALTH = "check the disk and the kernel's log"
_OPEN = "raise the limit of open files (LimitNOFILE=)"

#: Faults of the place rather than of what is written there.
_REMEDIES = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: f"raise the quota of paiwatch's user, or {_SPACE}",
    errno.EFBIG: "raise the limit on the size of files (LimitFSIZE=)",
    errno.EIO: _HEALTH,
    errno.EROFS: f"mount it for writing; if that was not your doing, {_HEALTH}",
    errno.EACCES: _OWNER,
    errno.EPERM: f"{_OWNER}; look at its attributes too (lsattr)",
    errno.EMFILE: _OPEN,
    errno.ENFILE: "too many files are open on this machine",
    errno.ENOMEM: "free memory",
    errno.EAGAIN: "too many processes run: end some, or raise their limit (TasksMax=, LimitNPROC=)",
    errno.ESTALE: "mount it again",
    errno.ENODEV: _HEALTH,
    errno.ENXIO: _HEALTH,
    errno.ETIMEDOUT: _HEALTH,
}


def may_pass(fault: OSError) -> bool:
    """Whether it lies with the disk, its owner or its limits: trying again helps once somebody has put that right.

    A file that is too large stays so: it is no reason for others to wait.
    """
    return fault.errno in _REMEDIES and fault.errno != errno.EFBIG


def explain(fault: OSError) -> str:
    """What is wrong and what to do, for the end of a message that has named the place."""
    said = os.strerror(fault.errno) if fault.errno else str(fault)
    return f"{said}; {_REMEDIES.get(fault.errno or 0, 'look at what is there')}"
