"""The principal: who asked for something, and through which door. PURE."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

#: What stands for a login that the kernel does not know.
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks. `uid` and `user` are whom the process runs as, `login` is who logged in before any su or sudo, `door` is the way they came.

    `uid` is None where the door tells none, `user` is empty where nobody knows its name, `login` is "unknown" where the kernel keeps none.
    """

    uid: int | None
    user: str
    login: str
    door: str

    @property
    def name(self) -> str:
        """What people are shown: the login and whom it became, else the user, else the number."""
        acting = self.user or (f"uid {self.uid}" if self.uid is not None else UNKNOWN)
        if self.login in {"", UNKNOWN, acting}:
            return acting
        return self.login if acting == UNKNOWN else f"{self.login} (as {acting})"

    def to_json(self) -> dict[str, Any]:
        """The plain mapping from which `from_json` makes it again."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """The principal that was written down. Raises ValueError where this is none; unknown keys are passed over."""
        uid = document.get("uid")
        if uid is not None and (not isinstance(uid, int) or isinstance(uid, bool)):
            raise ValueError(f"a uid is a number, not {uid!r}")
        texts = {key: document.get(key) for key in ("user", "login", "door")}
        if wrong := [key for key, text in texts.items() if not isinstance(text, str)]:
            raise ValueError(f"a principal has texts as {', '.join(wrong)}")
        return cls(uid=uid, user=str(texts["user"]), login=str(texts["login"]), door=str(texts["door"]))
