"""Other people's output on a terminal: its colours stay, everything else that would steer the terminal does not."""

import codecs
import re

_OBEYED = re.compile(r"(?P<colour>\x1b\[[0-9;]{0,32}m)|(?P<end>\r\n?)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_UNFINISHED = re.compile(r"(?:\r|\x1b(?:\[[0-9;]{0,32})?)\Z")
_PLAIN_AGAIN = "\x1b[0m"


class Screen:
    """Makes bytes that arrive in pieces fit to be shown: UTF-8 that is none and control characters become U+FFFD."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""
        self._is_coloured = False

    def feed(self, piece: bytes, *, final: bool = False) -> str:
        """What can be told of it; the beginning of a sequence waits for its end."""
        text = self._held + self._decoder.decode(piece, final)
        unfinished = None if final else _UNFINISHED.search(text)
        told = text if unfinished is None else text[: unfinished.start()]
        self._held = text[len(told) :]
        return _OBEYED.sub(self._shown, told)

    def finish(self) -> str:
        """What still waits, and the terminal's own colour again."""
        rest = self.feed(b"", final=True)
        return rest + _PLAIN_AGAIN if self._is_coloured else rest

    def _shown(self, found: re.Match[str]) -> str:
        """A progress bar's return becomes a new line, so that nothing that was written is hidden."""
        if found["colour"]:
            self._is_coloured = True
            return found["colour"]
        return "\n" if found["end"] else "\N{REPLACEMENT CHARACTER}"
