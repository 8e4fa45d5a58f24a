"""Questions to a plan's parties, by the trust list; this institution answers as one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

from placet.core.errors import InputError, PeerError
from placet.core.plan import Party
from placet.core.values import V, Value, parse
from placet.jobs.answers import PeerAnswers
from placet.jobs.certificates import institution_of
from placet.jobs.link import patiently
from placet.jobs.locks import JobLocks
from placet.jobs.messages import MAX_ANSWER, SignatureResponse
from placet.jobs.progress import PROPOSALS

PATIENCE = 10.0
"""Seconds for which a peer that is not there yet is asked again."""


class PeerClient:
    """Ask parties, each by the address in the trust list, and this institution as one of them. Who has the lock of
    `gathering` asks for a plan's signatures."""

    def __init__(self, answers: PeerAnswers) -> None:
        self.answers = answers
        self.context = answers.agreement.context
        self.gathering = JobLocks()

    async def propose(self, party: bytes, what: str, question: Value, answer: type[V]) -> V:
        """`ask`, of a plan that is not agreed yet: who follows proposals hears who has not answered."""
        words = {"prepare": "to say what it brings", "sign": "to sign the plan", "stand": "to sign the standing plan"}
        name = self.context.trust.name(party)
        with self.answers.agreement.store.waits.waiting(PROPOSALS, f"{name} {words[what]}"):
            return await self.ask(party, what, question, answer)

    async def signatures(self, what: str, signers: Sequence[bytes], question: Value) -> list[bytes]:
        """What each answers to `sign` or `stand`, asked at once: empty where a person decides first."""
        answers = await asyncio.gather(*(self.propose(one, what, question, SignatureResponse) for one in signers))
        return [answer.signature for answer in answers]

    async def ask(self, party: bytes, what: str, question: Value, answer: type[V]) -> V:
        """One party's answer; tried again for a while where it is only not there yet."""
        if party == self.context.address:
            return cast(V, await self.answers.answer(party, what, question))
        peer = self.context.trust.institution(party)
        body = question.model_dump_json().encode()
        raw: bytes = await patiently(PATIENCE)(self.context.peers.call, peer, what, body, limit=MAX_ANSWER)
        return _parsed(answer, raw, peer.name)

    async def ask_party(self, party: Party, what: str, question: Value, answer: type[V]) -> V:
        """The same of a plan's party. PeerError `peer.wrong-party` if the trust list has another TLS key for it."""
        institution_of(party, self.context.trust)
        return await self.ask(party.signer, what, question, answer)


def _parsed(answer: type[V], raw: bytes, name: str) -> V:
    try:
        return parse(answer, raw, limit=MAX_ANSWER)
    except InputError as error:
        raise PeerError(
            "a peer's answer is malformed", expected=error.expected, found=name, code="peer.answer"
        ) from None
