"""Stakes of a job whose plan names an audit with stakes: this institution's own goes in by itself, and nobody computes
before those of all who are a part of the audit are in, at confirmation depth."""

from __future__ import annotations

from placet.catalogue.declared import declared
from placet.chain.intents import Intents
from placet.chain.threaded import ask_chain
from placet.core.errors import StateError
from placet.core.stakes import StakeStatus, StakeTerms, Subject
from placet.core.values import to_hex
from placet.jobs.allowance import Allowances, TokenPayment
from placet.jobs.context import JobContext
from placet.jobs.progress import STAKES
from placet.jobs.records import JobRecord
from placet.jobs.store import JobStore

_LASTING = (StakeStatus.HELD, StakeStatus.REPORTED, StakeStatus.ANSWERED)


def stakes_of(record: JobRecord) -> dict[int, StakeTerms]:
    """By party; none where the plan names no audit."""
    return {} if record.terms.staked is None else declared(record.plan, record.terms).stakes(record.job)


async def demand_stake(context: JobContext, token: bytes, amount: int) -> None:
    """StateError `stake.balance` where this institution has less of the token."""
    balance = await ask_chain(context.chain.balance_of, token, context.address)
    if balance < amount:
        raise StateError(
            "this institution has too little for the stake that the plan asks for",
            expected=f"{amount} of the token {to_hex(token)}",
            found=balance,
            remedy="send the rest to its signer's account",
            code="stake.balance",
        )


class Stakes:
    """One institution's."""

    def __init__(self, context: JobContext, store: JobStore, intents: Intents) -> None:
        self._context = context
        self._store = store
        self._intents = intents
        self._allowances = Allowances(context, intents)

    async def ready(self, record: JobRecord) -> bool:
        """Are all stakes in, so that this institution computes? Its own is put up here."""
        terms, missing = stakes_of(record), []
        if not terms:
            return True
        depth = await ask_chain(self._context.chain.confirmed)
        for party, one in terms.items():
            state = await ask_chain(self._context.chain.stake, one, block=depth)
            if state.status is not StakeStatus.HELD:
                if party == record.party:
                    await self._deposit(record, one)
                name = self._context.trust.name(record.plan.parties[party].signer)
                missing.append(f"the stake of {name} to be on chain")
        self._store.waits.set(record.job, STAKES, *missing)
        return not missing

    async def _deposit(self, record: JobRecord, terms: StakeTerms) -> None:
        """StateError `stake.balance` where this institution has too little; Reverted where the contract refuses it."""
        context = self._context
        if (await ask_chain(context.chain.stake, terms)).status is not StakeStatus.NONE:
            return
        await demand_stake(context, terms.token, terms.amount)
        payment = TokenPayment(
            f"stake-{record.job.hex()}", terms.token, context.deployment.audit_stakes.address, terms.amount
        )
        with self._store.waits.waiting(record.job, "the own stake to be in a block"):
            async with self._allowances.given(payment):
                call = context.calls.deposit(terms)
                await self._intents.carry(f"stake:{record.job.hex()}", call, context.address)

    async def settle(self, record: JobRecord) -> None:
        """End every stake of the job whose time is over, and fetch what this institution is owed of stakes."""
        context, audit = self._context, record.terms.staked
        if audit is None:
            return
        now = (await ask_chain(context.chain.head)).timestamp
        for party, terms in stakes_of(record).items():
            state = await ask_chain(context.chain.stake, terms)
            unsealed = terms.subject is Subject.PLACES and record.ended in ("aborted", "cancelled")
            over = now > (state.until or terms.find_by) or (unsealed and state.status is StakeStatus.HELD)
            if state.status in _LASTING and over:
                name = f"settle-stake:{record.job.hex()}:{party}:{state.status.value}"
                await self._intents.carry(name, context.calls.settle_stake(terms), context.address)
        if await ask_chain(context.chain.stakes_owed, audit.token, context.address):
            call = context.calls.claim_stake(audit.token, context.address)
            await self._intents.carry(f"claim-stake:{record.job.hex()}:{now}", call, context.address)
