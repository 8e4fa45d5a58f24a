"""Lets a contract take tokens of this institution's account, one call after the other: an allowance is one number."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from placet.chain.intents import SECONDS, UNDONE, Intents, next_try
from placet.chain.outbox import Mined
from placet.chain.signals import listening
from placet.chain.threaded import ask_chain, ask_store
from placet.core.errors import Reverted, StateError
from placet.jobs.context import JobContext

APPROVALS = 20
LOOK = 2.0
"""Seconds between two looks at an allowance that is on its way where no block is pushed."""


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
        """While in the block the contract may take this much, and no other block is entered. What a refused call does
        not take is not the contract's to take later."""
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
        """Until the latest block allows it. A reorganisation that takes that back makes the token refuse the call,
        which is tried again."""
        context = self.context
        while not await self._allowed(payment):
            intent = (await ask_store(next_try, context.sender, f"approve:{payment.name}", UNDONE, APPROVALS)).intent
            with contextlib.suppress(StateError):  # sent before a crash, for the allowance of then
                call = context.calls.approve(payment.token, payment.spender, payment.amount)
                await ask_store(context.sender.submit, intent, call, context.address)
            waiting = asyncio.create_task(context.sender.wait(intent, SECONDS))
            try:
                await self._until_allowed(payment, waiting)
                if waiting.done():
                    await waiting
            finally:
                waiting.cancel()

    async def _until_allowed(self, payment: TokenPayment, waiting: asyncio.Task[Mined]) -> None:
        """Until the latest block allows it, which is before the approval is confirmed, or that has ended."""
        with listening(self.context.sender.progress) as listener:
            waiting.add_done_callback(lambda _: listener.wake())
            while not waiting.done() and not await self._allowed(payment):
                await listener.wait(LOOK)
