"""Writes data/latest.txt every so often, from what metrics has seen. Ready once the first report is there."""

import json
import os
import sys
import time

import web


def lines(seen):
    """One line for each service."""
    for name, state in sorted(seen.items()):
        numbers = ", ".join(f"{key} {value}" for key, value in sorted(state["numbers"].items()))
        yield f"  {name:<10} {'up' if state['up'] else 'DOWN':<5} {numbers}\n"


def write(path, text):
    """Replace a file in one go."""
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(f"{path}.new", path)


def report(live):
    """The text of one report, and a note that this configuration was used for it."""
    used = live.id
    status, content = web.ask(live.config["metrics_port"], "/metrics.json")
    seen = "".join(lines(json.loads(content))) if status == 200 else "  metrics does not answer\n"
    with open(live.path("config", "texts", "report.txt"), encoding="utf-8") as file:
        frame = file.read()
    text = frame.replace("@TIME@", time.strftime("%Y-%m-%d %H:%M:%S")).replace("@LINES@", seen)
    write(live.path("data", "latest.txt"), text + "\n")
    write(live.path("ready"), used + "\n")


def main(room):
    """Write one report after the other; HUP asks for one at once."""
    live = web.Live(room)
    while True:
        report(live)
        live.wait(live.config["every"])


if __name__ == "__main__":
    main(sys.argv[1])
