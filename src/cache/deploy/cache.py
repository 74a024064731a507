"""A read-through cache of the store: GET /keys/NAME, from memory while it is fresh."""

import sys
import threading
import time

import web


class Memory:
    """Answers of the store with the time they were fetched; oldest go first."""

    def __init__(self, live):
        """Empty, as after every start."""
        self.live, self.lock, self.held = live, threading.Lock(), {}
        self.hits = self.misses = 0

    def fresh(self, path):
        """The held answer, or None when there is none that is fresh."""
        with self.lock:
            fetched, result = self.held.get(path, (0.0, None))
            found = result is not None and time.monotonic() - fetched < self.live.config["seconds"]
            self.hits += found
            self.misses += not found
            return result if found else None

    def keep(self, path, result):
        """Hold this answer, and no more than the configured number."""
        with self.lock:
            self.held.pop(path, None)
            self.held[path] = (time.monotonic(), result)
            while len(self.held) > self.live.config["entries"]:
                del self.held[next(iter(self.held))]


def main(room):
    """Serve from memory."""
    live = web.Live(room)
    memory = Memory(live)

    def answer(method, path, _body):
        if method != "GET" or not path.startswith("/keys/"):
            return web.text(404, "try GET /keys/NAME\n")
        held = memory.fresh(path)
        if held is None:
            status, content = web.ask(live.config["store_port"], path, password=live.config["password"])
            held = web.text(status or 502, content if status else "the store does not answer\n")
            if status == 200:
                memory.keep(path, held)
        return held

    web.serve(live, answer, lambda: {"held": len(memory.held), "hits": memory.hits, "misses": memory.misses})


if __name__ == "__main__":
    main(sys.argv[1])
