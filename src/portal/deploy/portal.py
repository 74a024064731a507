"""The portal: rendered pages, with the places marked <!--live:...--> filled in for each request."""

import html
import json
import sys

import web


def read(path, missing=""):
    """The text of a file, or `missing`."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return missing


def row(target):
    """One service as a table row."""
    status, content = web.ask(target["port"], "/health")
    said = json.loads(content) if status == 200 else {}
    state = "up" if status == 200 else "down"
    numbers = ", ".join(f"{name} {value}" for name, value in said.get("numbers", {}).items())
    cells = (said.get("version", ""), said.get("config", ""), numbers)
    rest = "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells)
    return f'<tr><td>{html.escape(target["name"])}</td><td class="{state}">{state}</td>{rest}</tr>\n'


def main(room):
    """Serve the page, its style, and the button on it."""
    live = web.Live(room)

    def page():
        status, content = web.ask(live.config["api_port"], "/visits")
        report = read(live.config["report"], "No report yet.")
        filled = {
            "services": "".join(row(target) for target in live.config["shows"]),
            "visits": str(json.loads(content)["visits"]) if status == 200 else "?",
            "report": html.escape(report),
            "up": str(live.health()["up_seconds"]),
        }
        text = read(live.path("config", "pages", "index.html"))
        for name, value in filled.items():
            text = text.replace(f"<!--live:{name}-->", value)
        return web.text(200, text, "text/html")

    def answer(method, path, _body):
        if path == "/":
            return page()
        if path == "/style.css":
            return web.text(200, read(live.path("config", "pages", "style.css")), "text/css")
        if path == "/visit" and method == "POST":
            web.ask(live.config["api_port"], "/visits", "POST")
            return web.text(303, "back to the page\n")
        return web.text(404, "there is only /\n")

    web.serve(live, answer)


if __name__ == "__main__":
    main(sys.argv[1])
