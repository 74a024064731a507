"""A key-value store: GET, PUT, DELETE /keys/NAME and POST /keys/NAME (adds one). Values are on disk before it answers."""

import json
import os
import sys
import threading

import web


class Shelf:
    """All keys in one file, written anew and renamed for each change."""

    def __init__(self, path):
        """Read what an earlier run left."""
        self.path, self.lock = path, threading.Lock()
        try:
            with open(path, encoding="utf-8") as file:
                self.values = json.load(file)
        except FileNotFoundError:
            self.values = {}

    def change(self, key, decide):
        """Set `key` to what `decide(old)` gives (None removes it), and give it back once it is safe on disk."""
        with self.lock:
            values = dict(self.values)
            value = decide(values.pop(key, None))
            if value is not None:
                values[key] = value
            self._write(values)
            self.values = values
            return value

    def _write(self, values):
        with open(f"{self.path}.new", "w", encoding="utf-8") as file:
            json.dump(values, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(f"{self.path}.new", self.path)


def one_more(old):
    """A value that counts; what is not a number starts again."""
    return str(int(old) + 1) if old and old.isdigit() else "1"


def main(room):
    """Serve the shelf."""
    live = web.Live(room)
    shelf = Shelf(live.path("data", "keys.json"))

    def answer(method, path, body):
        key = path.rpartition("/")[2]
        if not path.startswith("/keys/") or not key:
            return web.text(404, "try /keys/NAME\n")
        if method == "GET":
            return web.text(200, shelf.values[key]) if key in shelf.values else web.text(404, "no such key\n")
        if len(body) > live.config["largest_value"]:
            return web.text(413, "that value is too large\n")
        if method == "PUT":
            return web.text(200, shelf.change(key, lambda _: body.decode()))
        if method == "POST":
            return web.text(200, shelf.change(key, one_more))
        shelf.change(key, lambda _: None)
        return web.text(200, "gone\n")

    web.serve(live, answer, lambda: {"keys": len(shelf.values)})


if __name__ == "__main__":
    main(sys.argv[1])
