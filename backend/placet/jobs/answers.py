"""An institution as a party, asked by the others: each question has a name, a form and one who answers it."""

from __future__ import annotations

from placet.core.errors import PeerError
from placet.core.values import Value, parse
from placet.jobs.agreement import Agreement
from placet.jobs.attempts import Attempts
from placet.jobs.context import JobContext, Questions
from placet.jobs.erasing import Erasing
from placet.jobs.messages import (
    MAX_ASKED,
    AmendRequest,
    AttemptRef,
    EraseRequest,
    PlanRef,
    PrepareRequest,
    SealRequest,
    SignedByAll,
    SignRequest,
    StandingSigned,
    StandRequest,
)
from placet.jobs.recipe import Runs
from placet.jobs.store import JobStore


class PeerAnswers:
    """`agreement` answers for plans, `attempts` for what follows, `Erasing` where a person is to be forgotten;
    extensions of the context bring their own."""

    def __init__(self, context: JobContext, store: JobStore, runs: Runs) -> None:
        self.agreement = agreement = Agreement(context, store, runs)
        self.attempts = attempts = Attempts(context, store, runs)
        self._questions: Questions = {
            "prepare": (PrepareRequest, agreement.prepare),
            "sign": (SignRequest, agreement.sign),
            "dropped": (PlanRef, agreement.dropped),
            "agreed": (SignedByAll, agreement.agreed),
            "stand": (StandRequest, agreement.stand),
            "stood": (StandingSigned, agreement.standing.stood),
            "alive": (AttemptRef, attempts.alive),
            "look": (AttemptRef, attempts.look),
            "standing": (AttemptRef, attempts.standing),
            "roots": (AttemptRef, attempts.roots),
            "amend": (AmendRequest, attempts.amend),
            "seal": (SealRequest, attempts.seal),
            "erase": (EraseRequest, Erasing(context, store).erase),
        }
        for extension in context.extensions:
            self._questions |= extension.questions(context, agreement.entries.fresh)

    async def answer(self, asker: bytes, what: str, question: bytes | Value) -> Value:
        """A question of another institution, or of this one itself, by its name. PeerError for an unknown one."""
        if what not in self._questions:
            raise PeerError("no such question", found=what[:40], code="peer.question")
        model, method = self._questions[what]
        return await method(asker, parse(model, question, limit=MAX_ASKED) if isinstance(question, bytes) else question)
