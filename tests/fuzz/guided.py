"""One target under atheris, in a process of its own: `python -m tests.fuzz.guided TARGET SECONDS FOLDER`. It never returns."""

import importlib
import sys
from pathlib import Path

MOST_SECONDS = 20  # for one input
MOST_MEMORY = 2048  # MiB


def main(target: str, seconds: str, folder: Path) -> None:
    """Inputs that found something new are kept in `folder`/corpus, one that broke the target in `folder` itself."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["paiwatch"]):
        targets = importlib.import_module("tests.fuzz.targets")
        seeds = importlib.import_module("tests.fuzz.seeds")
    corpus, real = folder / "corpus", folder / "seeds"
    for each in (corpus, real):
        each.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(seeds.seeds(target)):
        (real / str(number)).write_bytes(content)
    words = {"".join(f"\\x{byte:02x}" for byte in word) for word in seeds.words() if word}
    (folder / "words").write_text("".join(f'"{word}"\n' for word in sorted(words)))
    options = {
        "max_total_time": seconds,
        "timeout": MOST_SECONDS,
        "rss_limit_mb": MOST_MEMORY,
        "max_len": 4096,
        "dict": folder / "words",
        "artifact_prefix": f"{folder}/",
        "print_final_stats": 1,
    }
    atheris.Setup(
        [sys.argv[0], *(f"-{key}={value}" for key, value in options.items()), str(corpus), str(real)],
        targets.TARGETS[target],
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
