"""The floor under a start: the least that reads a whole tree: list it, read what declares services, parse that and the configuration.

No templates, no record, no daemon. Run as a program by `bench.start_topic`.
"""

import subprocess
import sys

import yaml


def read_all(repository: str, suffix: str) -> int:
    """Parse every file of the branch whose name ends so; gives how many there are."""
    git = ("git", "-C", repository)
    listing = subprocess.run((*git, "ls-tree", "-r", "-z", "main"), capture_output=True, check=True).stdout
    records = (record.partition(b"\t") for record in listing.split(b"\0"))
    wanted = [facts.split(b" ")[2] for facts, _, path in records if path.endswith(suffix.encode())]
    asked = b"".join(oid + b"\n" for oid in wanted)
    found = subprocess.run((*git, "cat-file", "--batch"), input=asked, capture_output=True, check=True).stdout
    at = 0
    for _ in wanted:
        end = found.index(b"\n", at)
        size = int(found[at:end].split(b" ")[2])
        yaml.load(found[end + 1 : end + 1 + size], Loader=yaml.CSafeLoader)
        at = end + size + 2
    return len(wanted)


if __name__ == "__main__":
    src, config = sys.argv[1:]
    print(read_all(src, "service.yaml"), read_all(config, ".yaml"))
