"""`make fuzz`: every target for so many seconds, guided by coverage (atheris), or by chance (hypothesis) where that is not there.

What broke a target lies in .fuzz/TARGET/ afterwards; what found something new is kept there and goes on growing.
"""

import argparse
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
_BROKEN = re.compile(r"Test unit written to (\S+)")
_RUNS = re.compile(r"stat::number_of_executed_units: (\d+)")


def main() -> int:
    """0 when nothing broke."""
    words = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    words.add_argument("targets", nargs="*", help=f"some of: {', '.join(TARGETS)} (all)")
    words.add_argument("--seconds", type=int, default=60, help="for each target (60)")
    asked = words.parse_args()
    if unknown := [name for name in asked.targets if name not in TARGETS]:
        words.error(f"no target {unknown[0]!r}; there are {', '.join(TARGETS)}")
    if find_spec("atheris") is None:
        return by_chance(asked.seconds)
    broken = [name for name in asked.targets or TARGETS if not is_whole(name, asked.seconds)]
    print(f"broken: {', '.join(broken) or 'none'}")
    return 1 if broken else 0


def is_whole(target: str, seconds: int) -> bool:
    """Whether the target stands what a process of its own finds for it."""
    folder = ROOT / ".fuzz" / target
    argv = (sys.executable, "-m", "tests.fuzz.guided", target, str(seconds), str(folder))
    ran = subprocess.run(
        argv,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    runs = int(found[1]) if (found := _RUNS.search(ran.stderr)) else 0
    if ran.returncode == 0:
        print(f"{target}: {runs:,} inputs, nothing broke", flush=True)
        return True
    place = found[1] if (found := _BROKEN.search(ran.stderr)) else "nothing was kept"
    print(f"{target}: broken after {runs:,} inputs: {place}\n{ran.stderr[-3000:]}", flush=True)
    return False


def by_chance(seconds: int) -> int:
    """The same targets with many more of hypothesis' examples than `make test` takes."""
    print(
        "atheris is not installed (it has wheels for CPython on x86-64 Linux): going by chance, with hypothesis",
        flush=True,
    )
    env = {**os.environ, "FUZZ_EXAMPLES": str(50 * seconds)}
    return subprocess.run(
        (sys.executable, "-m", "pytest", "-q", "--timeout=0", "tests/fuzz"), cwd=ROOT, env=env, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
