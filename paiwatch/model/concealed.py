"""Concealed: values that no text may show. PURE."""


class Concealed:
    """Found by how they begin: ten thousand services may have as many passwords, and each text is looked through for all."""

    def __init__(self, values: frozenset[str]) -> None:
        self.values = values
        self._length = min(map(len, values), default=0)
        self._known: dict[str, list[str]] = {}
        for value in values:
            self._known.setdefault(value[: self._length], []).append(value)

    def are_in(self, text: str) -> bool:
        """Whether any of them is part of this text."""
        starts = range(len(text) - self._length + 1) if self.values else ()
        beginnings = ((at, self._known.get(text[at : at + self._length], ())) for at in starts)
        return any(text.startswith(value, at) for at, values in beginnings for value in values)
