"""A collector: asks /health of its targets, and gives what they said at /metrics.json and /metrics."""

import json
import sys
import threading

import web


def look(target):
    """One target as it is now: up or not, its version, its numbers."""
    status, content = web.ask(target["port"], "/health")
    said = json.loads(content) if status == 200 else {}
    return {"up": status == 200, "version": said.get("version", ""), "numbers": said.get("numbers", {})}


def as_lines(seen):
    """One `service_number value` per line, as collectors like it."""
    for name, state in sorted(seen.items()):
        yield f"{name}_up {int(state['up'])}\n"
        for number, value in sorted(state["numbers"].items()):
            yield f"{name}_{number} {value}\n"


def main(room):
    """Collect in one thread, serve in others."""
    live = web.Live(room)
    state = {"seen": {}, "rounds": 0}

    def collect():
        while True:
            state["seen"] = {target["name"]: look(target) for target in live.config["targets"]}
            state["rounds"] += 1
            live.wait(live.config["interval"])

    def answer(_method, path, _body):
        if path == "/metrics.json":
            return web.as_json(200, state["seen"])
        if path == "/metrics":
            return web.text(200, "".join(as_lines(state["seen"])))
        return web.text(404, "try /metrics or /metrics.json\n")

    threading.Thread(target=collect, name="collect", daemon=True).start()
    web.serve(live, answer, lambda: {"rounds": state["rounds"], "targets": len(live.config["targets"])})


if __name__ == "__main__":
    main(sys.argv[1])
