"""What a party brings into a plan: its entry under a fresh seed, and its own consents."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from placet.chain.threaded import ask_chain
from placet.core.consent import Status
from placet.core.errors import ConsentError
from placet.core.ids import ConsentId, OfferId
from placet.core.masking import public_key
from placet.core.plan import Input, Plan
from placet.jobs.context import JobContext, Prepared
from placet.jobs.messages import PartyEntry
from placet.jobs.randomness import seed_commitment
from placet.jobs.store import JobStore
from placet.vault.responses import DeadLeaves


class Entries:
    """Each drawn seed is kept until a plan uses it."""

    def __init__(self, context: JobContext, store: JobStore) -> None:
        self._context = context
        self._store = store
        self._at_rest = context.at_rest

    async def fresh(self, inputs: Prepared) -> PartyEntry:
        """An entry under a new seed, prepared for these inputs."""
        context, seed = self._context, secrets.token_bytes(32)
        commitment = seed_commitment(seed)
        now = await ask_chain(context.chain.now)
        await self._store.threaded.prepare(commitment, self._at_rest.seal(seed, b"seed"), inputs, now)
        return PartyEntry(
            recorder=context.recorder.address, payee=context.address, tls_key=context.tls_key, seed=commitment
        )


async def named_input(context: JobContext, offer: OfferId, consent: ConsentId, budget: int = 0) -> Input:
    """An own consent as a plan names it now. `budget`: what the job spends, in nano-rho."""
    epoch = (await ask_chain(context.chain.offer, offer)).epoch
    state = await ask_chain(context.chain.consent, consent)
    ends = state.first_opening + state.uses
    return Input(offer=offer, consent=consent, epoch=epoch, opens_before=ends, budget=budget)


async def named_dead(context: JobContext, consent: ConsentId) -> bool:
    """Was a consent that a plan names withdrawn or revoked?"""
    return (await ask_chain(context.chain.consent, consent)).status is not Status.GIVEN


def own_party(context: JobContext, seed: bytes) -> dict[str, object]:
    """This institution's entry in a plan, but for reward, output and inputs."""
    return {
        "signer": context.address,
        "recorder": context.recorder.address,
        "payee": context.address,
        "tls_key": context.tls_key,
        "seed": seed_commitment(seed),
    }


def consumer_key(context: JobContext) -> bytes:
    """The X25519 key that outputs are encrypted to."""
    return public_key(context.hpke)


async def ended_inputs(context: JobContext, plan: Plan, party: int, roots: Sequence[bytes]) -> dict[int, DeadLeaves]:
    """By number of a party's own inputs: which of its consents have ended by the latest block, and the epoch of the
    list that was looked through. `roots`: of the attempt's inputs."""
    leaves = {}
    for number, plan_input in enumerate(plan.parties[party].inputs, plan.input_offset(party)):
        if plan_input.named:
            epoch = (await ask_chain(context.chain.offer, plan_input.offer)).epoch
            dead = (plan_input.consent,) if await named_dead(context, plan_input.consent) else ()
            leaves[number] = DeadLeaves(epoch=epoch, consents=dead)
        else:
            leaves[number] = await context.demand_rows().dead(plan_input.offer, roots[number])
    return leaves


def consent_ended() -> ConsentError:
    """For an attempt that uses a consent which has ended since it began."""
    return ConsentError(
        "a consent in this attempt was withdrawn or revoked",
        remedy="a new attempt without it",
        code="consent.withdrawn",
    )
