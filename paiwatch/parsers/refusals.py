"""What a parser may not do while a plan is made: start programs, use the network. What it gets of docker instead.

OpenPAI's cluster parser logs in to the image registry and reads the file that docker keeps of it. Here the same file is
computed from the user and the password, and docker is never run.
"""

import base64
import json
import re
import sys
import types
from collections.abc import Callable
from typing import Any

_LOGIN = re.compile(r"docker login -u (?P<user>.*?) -p (?P<password>.*) (?P<registry>\S*)", re.DOTALL)
_CONFIG = re.compile(r"cat (~|\$HOME)/\.docker/config\.json(?P<encoded> *\| *base64)?\s*")
_HUB = "https://index.docker.io/v1/"

#: Events of the interpreter (PEP 578) that a parser may not cause, and what people call them.
_REFUSED = {
    "subprocess.Popen": "start a program",
    "os.system": "start a program",
    "os.exec": "start a program",
    "os.posix_spawn": "start a program",
    "os.spawn": "start a program",
    "os.fork": "start a process",
    "os.forkpty": "start a process",
    "pty.spawn": "start a program",
    "socket.connect": "use the network",
    "socket.bind": "use the network",
    "socket.sendto": "use the network",
    "socket.getaddrinfo": "use the network",
    "socket.gethostbyname": "use the network",
}


class RefusedError(RuntimeError):
    """A parser tried what it may not."""


class Docker:
    """The little of docker that parsers ask for."""

    def __init__(self) -> None:
        self._config: str | None = None

    def answer(self, command: Any) -> str | None:
        """What this command prints, or None when it is none of docker's."""
        line = command if isinstance(command, str) else " ".join(map(str, command))
        if login := _LOGIN.fullmatch(line):
            self._config = stored(login["registry"], login["user"], login["password"])
            return ""
        asked = _CONFIG.fullmatch(line)
        if asked is None or self._config is None:
            return None
        encoded = base64.b64encode(self._config.encode()).decode()
        return _wrapped(encoded) if asked["encoded"] else self._config


def stored(registry: str, user: str, password: str) -> str:
    """The text of config.json after `docker login`: a tab for each level, no newline at the end."""
    code = base64.b64encode(f"{user}:{password}".encode()).decode()
    return json.dumps({"auths": {_server(registry): {"auth": code}}}, indent="\t", ensure_ascii=False)


def _stand_in(answered: Callable[..., str], succeeded: Callable[..., int]) -> types.ModuleType:
    """A module `subprocess` that starts nothing."""
    module = types.ModuleType("subprocess")
    answers = dict.fromkeys(("check_output", "getoutput", "Popen", "run"), answered)
    failure = type("CalledProcessError", (RefusedError,), {})
    vars(module).update(answers | dict.fromkeys(("check_call", "call"), succeeded))
    vars(module).update({"CalledProcessError": failure, "PIPE": -1, "STDOUT": -2, "DEVNULL": -3})
    return module


def _server(registry: str) -> str:
    """Docker's own registry has an old address; of others the host is kept."""
    if registry in {"", "docker.io", "index.docker.io"}:
        return _HUB
    return registry.removeprefix("https://").removeprefix("http://").partition("/")[0]


def _wrapped(text: str) -> str:
    """As the program base64 prints it."""
    return "".join(f"{text[start : start + 76]}\n" for start in range(0, len(text), 76))


def install(told: Callable[[str], None]) -> None:
    """Refuse programs and the network in this process from now on; each refusal is told in a few words."""
    docker = Docker()

    def answered(command: Any, *_: Any, **__: Any) -> str:
        answer = docker.answer(command)
        if answer is None:
            told("start a program")
            raise RefusedError("a parser may not start a program")
        return answer

    def succeeded(command: Any, *_: Any, **__: Any) -> int:
        answered(command)
        return 0

    sys.modules["subprocess"] = _stand_in(answered, succeeded)

    def refuse(event: str, _: tuple[Any, ...]) -> None:
        if event in _REFUSED:
            told(_REFUSED[event])
            raise RefusedError(f"a parser may not {_REFUSED[event]}")

    sys.addaudithook(refuse)
