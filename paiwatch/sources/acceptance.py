"""Acceptance: the gate between the newest commit of a repository and what is made of it.

What the rules refuse is never given on: the last accepted commit stays in force, and a refusal says who, what and why.
What was accepted last is remembered durably, so that a restart and a new mirror know it too.
"""

from collections.abc import Callable
from dataclasses import replace

from paiwatch.errors import ConfigError
from paiwatch.snapshot import Revision
from paiwatch.sources.acceptance_memory import AcceptanceMemory, Accepted, DamagedMemoryError
from paiwatch.sources.ancestry import Ancestry
from paiwatch.sources.refused_commit import Refusal, RefusedError, named
from paiwatch.sources.rules import History, Rules, Verify
from paiwatch.sources.signatures import Flaw


class Acceptance:
    """The rules of one repository and what they let through. Used by the thread of its repository.

    `verdict` gives the first of some commits that lacks a signature that counts; `recorded` is the commit that the record
    knows, for where nothing is remembered.
    """

    def __init__(
        self,
        rules: Rules,
        ancestry: Ancestry,
        verdict: Callable[[tuple[str, ...]], Flaw | None],
        *,
        memory: AcceptanceMemory,
        recorded: str,
        where: str,
    ) -> None:
        self._rules = rules
        self._ancestry = ancestry
        self._verdict = verdict
        self._memory = memory
        self._recorded = recorded
        self._where = where
        self._last: Accepted | None = None
        self._is_recalled = False
        self._told: str | None = None  # what was told last; None: whatever a former life told
        self.refusal: Refusal | None = None

    def admit(self, tip: str) -> str:
        """The tip if it keeps the rules, else the last good commit; `refusal` says which.

        Raises RefusedError for a refused tip when no earlier good commit is there, TransientError while nobody can say which one is.
        """
        self._recall()
        try:
            return self._admit(tip)
        finally:
            self._tell()

    def _recall(self) -> None:
        """Once. What cannot be read is not forgotten: only the record's word counts in its place."""
        if self._is_recalled:
            return
        recorded = Accepted(commit=self._recorded) if self._recorded else None
        try:
            self._last = self._memory.load() or recorded
        except DamagedMemoryError:
            if recorded is None:
                raise
            self._last = recorded
        self._is_recalled = True

    def _admit(self, tip: str) -> str:
        last = self._last = self._verified(self._last)
        if last is not None and tip == last.commit and self._is_good(last):
            self.refusal = None
            return tip
        fault = self._judge(tip, last)
        if fault is None:
            self._remember(Accepted(commit=tip, verified=self._rules.verifies))
            self.refusal = None
            return tip
        if last is None or not self._is_good(last) or not self._ancestry.has(last.commit):
            self.refusal = fault
            raise RefusedError(fault)
        self.refusal = replace(fault, kept=last.commit)
        return last.commit

    def accept_rewrite(self) -> Revision:
        """Let exactly the refused tip replace history at the next look. Raises ConfigError when none waits for that."""
        if self.refusal is None or not self.refusal.is_rewrite:
            why = f"; {self.refusal}" if self.refusal else ""
            raise ConfigError(f"{self._where}: no rewritten history waits to be accepted{why}")
        assert self._last is not None
        self._remember(replace(self._last, rewrite=self.refusal.tip.id))
        return self.refusal.tip

    def _tell(self) -> None:
        """For those who ask when nobody looks any more."""
        message = str(self.refusal or "")
        if message != self._told:
            self._memory.tell_refusal(message)
        self._told = message

    def _verified(self, last: Accepted | None) -> Accepted | None:
        """What was accepted before anybody looked at signatures may have a good one all the same."""
        if last is None or self._is_good(last) or not self._ancestry.has(last.commit):
            return last
        return last if self._verdict((last.commit,)) else replace(last, verified=True)

    def _is_good(self, last: Accepted) -> bool:
        return last.verified or not self._rules.verifies

    def _judge(self, tip: str, last: Accepted | None) -> Refusal | None:
        """Why the tip cannot be taken, if it cannot. Signatures come first: accepting a rewrite does not help those."""
        if self._rules.verifies:
            commits = (*self._new(tip, last), tip) if self._rules.verify is Verify.ALL else (tip,)
            if (flaw := self._verdict(commits)) is not None:
                return self._unsigned(tip, flaw)
        if last is None or (last.rewrite and self._ancestry.is_ancestor(last.rewrite, tip)):
            return None
        if self._rules.history is History.FAST_FORWARD_ONLY and not self._ancestry.is_ancestor(
            last.commit, tip
        ):
            return self._rewritten(tip, f"it does not contain {last.commit[:8]}, the last good one")
        if self._rules.verify is Verify.ALL and last.verified and not self._ancestry.has(last.commit):
            return self._rewritten(tip, f"{last.commit[:8]}, from which signatures are checked on, is gone")
        return None

    def _new(self, tip: str, last: Accepted | None) -> tuple[str, ...]:
        """What came since the last commit in force, whose own signature nobody may have looked at; nothing while there is none."""
        if last is None or not self._ancestry.has(last.commit):
            return ()
        return self._ancestry.between(last.commit, tip)

    def _unsigned(self, tip: str, flaw: Flaw) -> Refusal:
        newest = self._ancestry.revision(tip)
        if flaw.commit == tip:
            remedy = "sign it and push again, or add its signer if you trust them"
            return Refusal(where=self._where, tip=newest, why=f"it {flaw.why}", remedy=remedy)
        inner = self._ancestry.revision(flaw.commit)
        remedy = "push a history in which it is signed, or add its signer if you trust them"
        return Refusal(where=self._where, tip=newest, why=f"commit {named(inner)} {flaw.why}", remedy=remedy)

    def _rewritten(self, tip: str, why: str) -> Refusal:
        return Refusal(
            where=self._where,
            tip=self._ancestry.revision(tip),
            why=f"history was rewritten: {why}",
            remedy="look at it, then run `paiwatch accept-rewrite`, or push the old history again",
            is_rewrite=True,
        )

    def _remember(self, accepted: Accepted) -> None:
        """Before anything is made of it."""
        self._memory.remember(accepted)
        self._last = accepted
