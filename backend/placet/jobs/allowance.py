"""Lets a contract take tokens of this institution's account, one call after the other: an allowance is one number."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from placet.chain.intents import UNDONE, Intents, next_try
from placet.chain.threaded import ask_chain, ask_store
from placet.core.errors import Reverted
from placet.jobs.context import JobContext

APPROVALS = 20


@dataclass(frozen=True)
class TokenPayment:
    """`name`: what it is for, alone in this institution; `spender`: the contract; `amount` in the smallest unit."""

    name: str
    token: bytes
    spender: bytes
    amount: int


@dataclass
class Allowances:
    """Of one contract."""

    context: JobContext
    intents: Intents
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    @contextlib.asynccontextmanager
    async def given(self, payment: TokenPayment | None) -> AsyncIterator[None]:
        """What this institution's own account sends in the block comes after the approval of this much, and no other
        block is entered. What a refused call does not take is not the contract's to take later."""
        async with self._one:
            if payment is None:
                yield
                return
            await self._approve(payment)
            try:
                yield
            except Reverted:
                call = self.context.calls.approve(payment.token, payment.spender, 0)
                await self.intents.carry(f"disallow:{payment.name}", call, self.context.address)
                raise

    async def _allowed(self, payment: TokenPayment) -> bool:
        read, owner = self.context.chain.allowance, self.context.address
        return await ask_chain(read, payment.token, owner, payment.spender) >= payment.amount

    async def _approve(self, payment: TokenPayment) -> None:
        """Unless the latest block allows it, put the approval before what is to come. Both are transactions of this
        institution's own account, whose nonces keep their order, in one block too."""
        if await self._allowed(payment):
            return
        sender = self.context.sender
        due = await ask_store(next_try, sender, f"approve:{payment.name}", UNDONE, APPROVALS)
        call = self.context.calls.approve(payment.token, payment.spender, payment.amount)
        await ask_store(sender.submit, due.intent, call, self.context.address)
