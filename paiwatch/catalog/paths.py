"""Paths that service.yaml names: always inside the deploy folder, always written one way. PURE."""

_LONGEST_TARGET = 4096  # characters; the kernel takes no link that says more

_INSIDE = "write a path inside the deploy folder, such as start.sh or sub/start.sh"


def fault(path: str) -> tuple[str, str] | None:
    """What is wrong with a path of service.yaml, and what to do, or None."""
    if not path.strip("/ .") and not path.startswith(("/", "..")):
        return "is empty", _INSIDE
    if path.startswith("/"):
        return "is an absolute path", _INSIDE
    if ".." in path.split("/"):
        return "leaves the deploy folder with '..'", _INSIDE
    if path.endswith("/"):
        return "names a folder", _INSIDE
    if not path.isprintable():
        return "has a character that cannot be printed", "rename the file"
    return None


def normal(path: str) -> str:
    """The path without './' and doubled '/'."""
    if "/" not in path:
        return path
    return "/".join(part for part in path.split("/") if part not in {"", "."})


def parents(path: str) -> tuple[str, ...]:
    """The folders the path goes through: "a", "a/b" for "a/b/c"."""
    if "/" not in path:
        return ()
    parts = path.split("/")
    return tuple("/".join(parts[:end]) for end in range(1, len(parts)))


def resolve(link: str, target: str) -> str | None:
    """Where a symbolic link at `link` leads, from the deploy folder's root; None when outside of it, or to no place at all."""
    if target.startswith("/") or not target or "\0" in target or len(target) >= _LONGEST_TARGET:
        return None
    reached = link.split("/")[:-1]
    for part in target.split("/"):
        if part == "..":
            if not reached:
                return None
            reached.pop()
        elif part not in {"", "."}:
            reached.append(part)
    return "/".join(reached)


def shown(name: str) -> str:
    """A name that can be printed and stored whatever it holds: odd characters as escapes."""
    if name.isprintable():
        return name
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in name)
