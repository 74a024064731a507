"""The API: GET / says who answers, GET /visits gives the visitors counted so far, POST /visits counts one more."""

import sys

import web


def main(room):
    """Serve the three calls."""
    live = web.Live(room)

    def visits():
        status, content = web.ask(live.config["cache_port"], "/keys/visits", password=live.config["password"])
        return int(content) if status == 200 else 0

    def answer(method, path, _body):
        if path == "/":
            return web.as_json(200, {"greeting": live.config["greeting"], "cluster": live.config["cluster"]})
        if path != "/visits":
            return web.text(404, "try / or /visits\n")
        if method == "GET":
            return web.as_json(200, {"visits": visits()})
        status, content = web.ask(live.config["store_port"], "/keys/visits", "POST", password=live.config["password"])
        return web.as_json(200, {"visits": int(content)}) if status == 200 else web.text(502, "the store does not answer\n")

    web.serve(live, answer, lambda: {"visits": visits()})


if __name__ == "__main__":
    main(sys.argv[1])
