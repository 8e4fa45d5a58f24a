"""Sends transactions so that a crash neither loses nor doubles an intent.

One queue an account. A signed transaction and its nonce are in the database before the network hears of it; after a
crash the same bytes are sent again. What stays away is sent again, and then again under the same nonce with a higher
fee, so that at most one of them can be mined. An outcome counts once it has the network's confirmations; until then a
reorganisation only means sending again. One that goes deeper takes the outcome back: the chain has used fewer nonces
than were settled, and the same bytes are sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from placet.chain.blocks import Head, Receipt
from placet.chain.calls import Call, through
from placet.chain.client import Chain
from placet.chain.fees import MAX_FEE, base_fee, fees
from placet.chain.nonces import is_another
from placet.chain.outbox import Intent, Mined, Outbox, SignedTransaction
from placet.chain.rpc import RpcError, octets, quantity
from placet.chain.sending_trouble import SendingTrouble
from placet.chain.signals import Signal, listening
from placet.chain.storage import storage_error
from placet.chain.threaded import ask_chain, ask_store
from placet.chain.transactions import at_pending, call_of, estimate, signed_transaction
from placet.core.errors import ChainError, NotFoundError, Reverted, StateError, StorageError
from placet.core.signatures import Key
from placet.core.values import to_hex

IN_FLIGHT, UNSETTLED = 64, 2_048
"""Transactions of one account at the most that are in no block yet; and with those that are, and wait to be confirmed:
a chain may be final nowhere for hours, and a withdrawal has to be in a block meanwhile."""
REPLACEMENTS = 12
LOST_AFTER, LOST_SECONDS = 5, 30.0
"""How often, and for how long, a nonce must be seen used up by a stranger before the intent is signed anew: an endpoint
of several machines may count a transaction some time before it shows the receipt."""
STARVED = 2
"""How often an intent that ran out of gas is signed anew."""
POLL, PUSHED, IDLE, BACKOFF = 0.1, 1.0, 1.0, 5.0
"""Seconds between two looks at what is on its way; the same where new blocks are pushed; at an outbox where nothing
waits, since the institution's other programs put intents there too."""
SEND_AGAIN = 2.0
_KNOWN = re.compile(
    r"already ?known|known transaction|already imported|already in the (?:tx|transaction) ?pool|nonce (?:is )?too low",
    re.IGNORECASE,
)
"""In the words of Geth and Erigon, Nethermind, Besu, OpenEthereum, EthereumJS."""
_log = logging.getLogger(__name__)
Included: TypeAlias = tuple[Intent, SignedTransaction, Receipt]
"""What is in a block."""


class Sender:
    """The transactions of the accounts in `keys`. One sender an account, anywhere: two would race for its nonces."""

    def __init__(
        self,
        engine: Engine,
        chain: Chain,
        keys: Sequence[Key],
        *,
        institution: bytes = b"",
        stuck_after: float = 20.0,
        pushed: Callable[[], bool] = lambda: False,
    ) -> None:
        """`institution`: an account that is a contract, in whose name the first key acts. `stuck_after`: seconds
        without a receipt after which a transaction is replaced with a higher fee. `pushed`: does somebody call
        `new_block` for each block now?"""
        self._outbox = Outbox(engine)
        self._chain = chain
        self._keys = {key.address: key for key in keys}
        self._signer, self._institution = keys[0].address, institution
        self._stuck_after = stuck_after
        self._stepping = threading.Lock()
        self._sent_at: dict[bytes, float] = {}
        self._heard: dict[bytes, tuple[float, bytes]] = {}
        self._lost: dict[int, tuple[int, float]] = {}
        self._starved: dict[int, int] = {}
        self._included: dict[int, tuple[int, bytes]] = {}
        self._beyond: dict[bytes, int] = {}
        self._doubtful = False
        self.trouble = SendingTrouble(self._outbox)
        self._waiting: dict[str, list[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}
        self._waiting_lock = threading.Lock()
        self._pushed = pushed
        self._busy = False
        self._wake = Signal()
        self.progress = Signal()
        """Sent for each block that may hold what is on its way."""

    def submit(self, intent: str, call: Call, account: bytes) -> None:
        """Take a call on. The same intent twice is one transaction; StateError if it is another call."""
        if account == self._institution and account not in self._keys:
            call, account = through(account, call), self._signer
        if account not in self._keys:
            raise StateError("no key of this account here", found=to_hex(account))
        self._outbox.add(intent, call, account)
        self._busy = True
        self._wake.send()

    def new_block(self) -> None:
        """A block that may hold what is on its way: look now."""
        if self._busy:
            self._wake.send()
            self.progress.send()

    def reorganised(self) -> None:
        """The chain has taken something back: is all there that counted as done?"""
        self._doubtful = True
        self._wake.send()

    def look(self) -> None:
        """Another process may have put something into the outbox."""
        self._wake.send()

    def outcome(self, intent: str) -> Mined | Reverted | None:
        """How an intent ended; None while it is on its way, or unknown."""
        return self._outbox.outcome(intent)

    def under_way(self, start: str) -> set[str]:
        """The intents whose names begin so and which have not ended."""
        return self._outbox.under_way(start)

    async def wait(self, intent: str, timeout: float) -> Mined:
        """Until the intent is mined and confirmed. Reverted if a contract refused it, at the latest before sending;
        ChainError after `timeout` seconds (the intent lives on); NotFoundError if it was never submitted."""
        place = (asyncio.get_running_loop(), asyncio.Event())
        deadline = place[0].time() + timeout
        with self._waiting_lock:
            self._waiting.setdefault(intent, []).append(place)
        try:
            if not await ask_store(self._outbox.has, intent):
                raise NotFoundError("no such intent", found=intent)
            while True:
                place[1].clear()
                outcome = await ask_store(self.outcome, intent)
                if isinstance(outcome, Reverted):
                    raise outcome
                if outcome is not None:
                    return outcome
                left = deadline - place[0].time()
                if left <= 0:
                    raise ChainError(
                        f"{intent} is not confirmed yet",
                        expected=f"within {timeout:g} s",
                        found=self.trouble.words or "no receipt at the network's depth",
                        remedy="wait on: it is not lost",
                        code="chain.timeout",
                    )
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(place[1].wait(), min(left, 2.0))
        finally:
            with self._waiting_lock:
                self._waiting[intent].remove(place)
                if not self._waiting[intent]:
                    del self._waiting[intent]

    async def run(self) -> None:
        """Until cancelled. An unreachable endpoint or a busy database is tried again, ever more slowly."""
        failures = 0
        with listening(self._wake) as listener:
            while True:
                try:
                    self._busy = await ask_chain(self.step)
                except (ChainError, StorageError, DBAPIError) as error:
                    known = error if isinstance(error, ChainError | StorageError) else storage_error(error)
                    words = str(known or type(error).__name__)
                    self.trouble.look_fails(words, known.code if known is not None else "internal")
                    _log.warning("the sender can't go on for now: %s", words)
                    failures += 1
                    await asyncio.sleep(min(POLL * 2**failures, BACKOFF))
                    continue
                if failures:
                    failures = 0
                    self.trouble.look_succeeds()
                await listener.wait(IDLE if not self._busy else PUSHED if self._pushed() else POLL)

    def step(self) -> bool:
        """One look at everything: settle what is mined, send again what stays away, send what is new. True if any
        intent is still on its way."""
        with self._stepping:
            if self._doubtful:
                for key in self._keys.values():
                    used = self._chain.rpc.call("eth_getTransactionCount", to_hex(key.address), "latest")
                    self._take_back(key, quantity(used))
                self._doubtful = False
            if not self._outbox.waits():
                return False
            busy = [self._account(key) for key in self._keys.values()]
        return any(busy)

    def _account(self, key: Key) -> bool:
        sent = self._outbox.sent(key.address)
        missing = self._follow(key, sent) if sent else []
        if sent:
            sent = self._outbox.sent(key.address)
        room = min(IN_FLIGHT - len(missing), UNSETTLED - len(sent))
        queued = self._outbox.queued(key.address, max(room, 0))
        if queued:
            self._busy = True  # before the block that holds it
            self._fill(key, queued, sent, bool(missing))
        return bool(sent or queued)

    # What was sent before.

    def _follow(self, key: Key, sent: list[Intent]) -> list[Intent]:
        """Settles what is confirmed; returns what is in no block."""
        before = self._chain.head()
        self.trouble.block(before.number)
        confirmed = self._chain.confirmed(before.number)
        waiting = self._in_blocks(sent, confirmed)
        hashes = [(intent, signed) for intent in sent if intent.number not in waiting for signed in intent.signed]
        answers = self._chain.rpc.batch("eth_getTransactionReceipt", [(to_hex(s.hash),) for _, s in hashes])
        receipts = {
            i.number: (i, s, Receipt.read(answer))
            for (i, s), answer in zip(hashes, answers, strict=True)
            if answer is not None
        }
        for intent, signed, receipt in receipts.values():
            self._lost.pop(intent.number, None)
            if signed.hash in self._heard:  # should the receipt vanish again, send at once
                self._heard[signed.hash] = (self._heard[signed.hash][0], b"")
            self._included[intent.number] = (receipt.block, receipt.block_hash)
        ripe = [one for one in receipts.values() if one[2].block <= confirmed]
        for one in ripe if confirmed == before.number else self._deep(ripe):
            self._settle(*one)
        missing = [intent for intent in sent if intent.number not in receipts and intent.number not in waiting]
        if missing:
            self._recover(key, missing, before, confirmed)
        return missing

    def _deep(self, ripe: list[Included]) -> list[Included]:
        """Those whose blocks are the chain's and count by a second look too: between two questions the chain may be
        reorganised, and another machine may answer."""
        if not ripe:
            return []
        blocks = sorted({receipt.block for _, _, receipt in ripe})
        shown = dict(zip(blocks, self._chain.hashes(blocks), strict=True))
        confirmed = self._chain.confirmed()
        return [one for one in ripe if one[2].block <= confirmed and shown[one[2].block] == one[2].block_hash]

    def _in_blocks(self, sent: list[Intent], confirmed: int) -> set[int]:
        """The numbers of those that were seen in blocks which do not count yet and still are the chain's, as far as the
        newest of them tells: nobody asks for their receipts until they may count."""
        included = {one.number: self._included[one.number] for one in sent if one.number in self._included}
        if not included:
            return set()
        block, hash_ = max(included.values())
        if self._chain.hashes((block,)) != [hash_]:
            for number in included:
                del self._included[number]
            return set()
        return {number for number, (block, _) in included.items() if block > confirmed}

    def _take_back(self, key: Key, used: int) -> None:
        """The chain has used so many of the account's nonces. Outcomes beyond them are undone by a reorganisation, or
        the machine that says so lags: they are followed again, under the same nonces, and nothing is signed anew."""
        for name in self._outbox.take_back(key.address, used):
            _log.warning("%s: the endpoint counts its transaction no more; it is followed again", name)
        self._beyond[key.address] = min(self._settled_beyond(key.address), used)

    def _settle(self, intent: Intent, signed: SignedTransaction, receipt: Receipt) -> None:
        self.trouble.ended(intent)
        self._included.pop(intent.number, None)
        self._beyond[intent.account] = max(self._settled_beyond(intent.account), signed.nonce + 1)
        for one in intent.signed:
            self._heard.pop(one.hash, None)
            self._sent_at.pop(one.hash, None)
        if receipt.done:
            self._outbox.mined(intent, Mined(receipt.block, signed.hash, receipt.gas))
        else:
            refusal = self._why(intent, receipt.block)
            tries = self._starved.pop(intent.number, 0)
            if refusal is None and tries < STARVED:
                _log.warning(
                    "%s ran out of gas: the chain had changed since the estimate; signing it anew", intent.name
                )
                self._starved[intent.number] = tries + 1
                self._outbox.requeue(intent)
                return
            self._outbox.reverted(intent, refusal or Reverted("Unknown", (), remedy="look at the transaction's trace"))
        self._tell(intent.name)

    def _why(self, intent: Intent, block: int) -> Reverted | None:
        """The custom error of a transaction that failed in `block`, by calling again; None if no contract refuses."""
        for moment in (block - 1, block):
            try:
                self._chain.rpc.call("eth_call", call_of(intent), hex(max(moment, 0)))
            except Reverted as error:
                return error
            except RpcError:
                continue
        return None

    def _recover(self, key: Key, missing: list[Intent], head: Head, confirmed: int) -> None:
        used = quantity(self._chain.rpc.call("eth_getTransactionCount", to_hex(key.address), hex(confirmed)))
        base = 0
        for place, intent in enumerate(missing):
            newest = intent.signed[-1]
            if newest.nonce < used:
                looks, since = self._lost.get(intent.number, (0, time.monotonic()))
                self._lost[intent.number] = (looks + 1, since)
                late = looks + 1 >= LOST_AFTER and time.monotonic() - since >= LOST_SECONDS
                if late and self._is_lost(intent, newest.nonce, confirmed):
                    _log.warning("%s: its nonce was used by another transaction; signing it anew", intent.name)
                    self._outbox.requeue(intent)
                    del self._lost[intent.number]
                continue
            if newest.hash not in self._heard:
                self._broadcast(intent, newest, head)
                continue
            now, (heard, heard_at) = time.monotonic(), self._heard[newest.hash]
            if now - self._sent_at[newest.hash] >= self._stuck_after and len(intent.signed) <= REPLACEMENTS:
                base = base or base_fee(self._chain.rpc)
                if place == 0 or newest.max_fee < base + newest.tip:
                    self._replace(key, intent, head)
                    continue
            if now - heard >= SEND_AGAIN and head.hash != heard_at:
                self._broadcast(intent, newest, head)

    def _is_lost(self, intent: Intent, nonce: int, confirmed: int) -> bool:
        ours = [signed.hash for signed in intent.signed]
        return is_another(self._chain, intent.account, nonce, ours, confirmed)

    def _replace(self, key: Key, intent: Intent, head: Head) -> None:
        old = intent.signed[-1]
        max_fee, tip = fees(self._chain.rpc)
        max_fee, tip = min(max(max_fee, old.max_fee * 5 // 4 + 1), MAX_FEE), max(tip, old.tip * 5 // 4 + 1)
        if max_fee <= old.max_fee:
            self._broadcast(intent, old, head)
            return
        _log.warning("%s is stuck: the same nonce again with a higher fee", intent.name)
        signed = signed_transaction(self._chain, key, intent.call, old.nonce, old.gas, max_fee, min(tip, max_fee))
        self._outbox.replace(intent, signed)
        self._broadcast(intent, signed, head)

    # What is new.

    def _fill(self, key: Key, queued: list[Intent], sent: list[Intent], unmined: bool) -> None:
        """Signs, stores and sends in order. A refusal is believed only when nothing of the account is unmined before
        it, since it may build on that."""
        head = self._chain.head()
        pending = quantity(at_pending(self._chain, "eth_getTransactionCount", to_hex(key.address)))
        nonce = max([pending, *(intent.nonce + 1 for intent in sent if intent.nonce is not None)])
        if nonce < self._settled_beyond(key.address):
            return self._take_back(key, nonce)
        max_fee, tip = fees(self._chain.rpc)
        for intent in queued:
            try:
                gas = estimate(self._chain, intent)
            except Reverted as refusal:
                if unmined or not self._is_refused(intent, refusal, head):
                    return
                self._outbox.reverted(intent, refusal)
                self._tell(intent.name)
                continue
            signed = signed_transaction(self._chain, key, intent.call, nonce, gas, max_fee, tip)
            self._outbox.store(intent, signed)
            self._broadcast(intent, signed, head)
            nonce += 1
            unmined = True

    def _is_refused(self, intent: Intent, refusal: Reverted, head: Head) -> bool:
        """Does the state of the newest block that was seen refuse it too? A machine that lags refuses what builds on
        what it has not seen. What no block has room for needs no second look."""
        if refusal.name == "OutOfGas":
            return True
        try:
            self._chain.rpc.call("eth_call", call_of(intent), hex(max(head.number, self.trouble.seen)))
        except Reverted:
            return True
        except RpcError:
            pass
        return False

    def _settled_beyond(self, account: bytes) -> int:
        """The nonce after all that outcomes stand on."""
        if account not in self._beyond:
            self._beyond[account] = self._outbox.settled_beyond(account)
        return self._beyond[account]

    def _broadcast(self, intent: Intent, signed: SignedTransaction, head: Head) -> None:
        """A refusal is kept for whoever waits; the transaction stays stored and is sent again."""
        seen = head.hash
        try:
            octets(self._chain.rpc.call("eth_sendRawTransaction", to_hex(signed.raw)), 32)
            self.trouble.words = ""
            self.trouble.taken(intent)
        except (RpcError, Reverted) as error:
            words = error.found or error.message
            if _KNOWN.search(words):
                self.trouble.taken(intent)
            else:
                seen = b""
                self.trouble.refused(intent, words, head)
        self._heard[signed.hash] = (time.monotonic(), seen)
        self._sent_at.setdefault(signed.hash, time.monotonic())

    def _tell(self, intent: str) -> None:
        with self._waiting_lock:
            waiting = list(self._waiting.get(intent, ()))
        for loop, event in waiting:
            with contextlib.suppress(RuntimeError):  # the waiter's loop has ended
                loop.call_soon_threadsafe(event.set)
