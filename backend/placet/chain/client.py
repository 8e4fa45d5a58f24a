"""One chain endpoint and one deployment: checked against each other, then read. Synchronous, safe for many threads.

Reads take `block` (None: the latest). An endpoint out of reach raises ChainError, a refusing contract Reverted.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from placet.chain import abi, event_logs, event_types, finality
from placet.chain.blocks import Block, Head
from placet.chain.blooms import Topics
from placet.chain.deployed import check_contracts, same
from placet.chain.events import E, Event, JobOpened
from placet.chain.logs import LogReader, Moved
from placet.chain.rpc import Rpc, RpcError, members, octets, quantity
from placet.chain.states import (
    Acceptance,
    ConsentState,
    DatasetState,
    EnclaveClass,
    Escrow,
    JobState,
    JobStatus,
    OfferState,
    StakeState,
)
from placet.core.consent import Reason, Status
from placet.core.errors import ChainError, InputError, NotFoundError, Reverted
from placet.core.hashing import keccak
from placet.core.ids import BatchRoot, ConsentId, DatasetId, JobId, OfferId
from placet.core.job_list import signer_key
from placet.core.plan import Plan, plan_of
from placet.core.signatures import ContractCheck
from placet.core.stakes import Fault, StakeStatus, StakeTerms
from placet.core.trust import Deployment
from placet.core.values import MAX_BUDGET, ZERO20, ZERO32, to_hex

_ERC1271 = keccak(b"isValidSignature(bytes32,bytes)")[:4]
ERC1271_GAS = 3_000_000
"""More than wallets use; a stranger's contract that burns all it gets keeps a node waiting for milliseconds."""


class Chain:
    """A deployment at one endpoint."""

    def __init__(self, url: str, deployment: Deployment, rpc: Rpc | None = None) -> None:
        """`rpc`: the endpoint's client where it is to be a less patient one."""
        self.deployment = deployment
        self.rpc = rpc or Rpc(url)
        self.verifiers = deployment.verifiers.asking(erc1271(self.rpc))
        self.logs = LogReader(self.rpc, event_types.addresses(deployment))

    def check(self) -> None:
        """DeploymentError unless the endpoint serves the chain and the contracts that the deployment file names."""
        named = self.deployment
        same("chain id", named.chain_id, quantity(self.rpc.call("eth_chainId")))
        same("genesis block", to_hex(named.genesis), to_hex(self.block(0).hash))
        check_contracts(named, self.rpc, self.read)

    def block(self, number: int | str) -> Head:
        """A block by number, or by tag such as `latest`; NotFoundError if the endpoint has none."""
        reference = hex(number) if isinstance(number, int) else number
        block = self.rpc.call("eth_getBlockByNumber", reference, False)
        if block is None:
            raise NotFoundError("no such block", found=reference)
        return Head.read(block)

    def hashes(self, blocks: Sequence[int]) -> list[bytes | None]:
        """The hashes of blocks by number, in one request; None for what the endpoint has not."""
        answers = self.rpc.batch("eth_getBlockByNumber", [(hex(number), False) for number in blocks])
        return [None if block is None else Head.read(block).hash for block in answers]

    def has_code(self, address: bytes, *, block: int) -> bool:
        """Is there a contract at an address, or an account with EIP-7702 code?"""
        return len(self.code(address, block=block)) > 0

    def code(self, address: bytes, *, block: int | None = None) -> bytes:
        """What stands at an address; nothing where there is no contract."""
        return octets(self.rpc.call("eth_getCode", to_hex(address), "latest" if block is None else hex(block)))

    def head(self) -> Head:
        """The latest block."""
        return self.block("latest")

    def confirmed(self, head: int | None = None) -> int:
        """The last block that counts for good; 0 where none does yet. `head`: the latest one, where it is known."""
        tag = self.deployment.finality
        named = None if tag == "blocks" else finality.tagged(self.rpc, tag) or 0
        head = self.head().number if head is None else head
        return max(head - self.deployment.confirmations, 0) if named is None else min(named, head)

    def now(self) -> int:
        """The later of the latest block's time and this machine's, in Unix seconds."""
        return max(self.head().timestamp, int(time.time()))

    def dataset(self, dataset: DatasetId, *, block: int | None = None) -> DatasetState:
        """NotFoundError if nobody registered it, or with a privacy budget that documents don't count exactly."""
        address = self.deployment.dataset_registry.address
        provider, subjects, *rest = self.read("DatasetRegistry", address, "datasets", dataset, block=block)[0]
        if provider == ZERO20:
            raise NotFoundError("no such dataset on chain", found=to_hex(dataset))
        state = DatasetState(provider, event_logs.subjects_of(subjects), *rest)
        if state.budget >= MAX_BUDGET:
            raise NotFoundError(
                "no dataset that a document can name", expected=f"a budget below {MAX_BUDGET}", found=state.budget
            )
        return state

    def offer(self, offer: OfferId, *, block: int | None = None) -> OfferState:
        """NotFoundError if nobody made it."""
        terms, provider, epoch, openings, unproven, spent = self._consents("offers", offer, block=block)
        if provider == ZERO20:
            raise NotFoundError("no such offer on chain", found=to_hex(offer))
        return OfferState(event_logs.offer_of(terms), provider, epoch, openings, unproven, spent)

    def withdrawal_heads(self, offers: Sequence[OfferId], *, block: int) -> list[tuple[bytes, bytes]]:
        """Many offers' epochs and heads of their unproven ends (24 bytes each), in as few requests as the endpoint
        takes."""
        function, address = abi.function("ConsentRegistry", "offers"), self.deployment.consent_registry.address
        calls = [({"to": to_hex(address), "data": to_hex(function.encode(offer))}, hex(block)) for offer in offers]
        states = (function.decode(octets(answer)) for answer in self.rpc.batch("eth_call", calls))
        return [(epoch, unproven) for _, _, epoch, _, unproven, _ in states]

    def batch(self, offer: OfferId, root: BatchRoot, *, block: int | None = None) -> int:
        """When a batch was anchored under an offer, in Unix seconds; 0 if never."""
        anchored: int = self._consents("batches", offer, root, block=block)[0]
        return anchored

    def is_relay(self, provider: bytes, relay: bytes, *, block: int | None = None) -> bool:
        return bool(self._consents("isRelay", provider, relay, block=block)[0])

    def consent(self, consent: ConsentId, *, block: int | None = None) -> ConsentState:
        """Of a consent that was given, withdrawn or revoked by itself; status NONE for any other."""
        status, *rest = self._consents("statusOf", consent, block=block)[0]
        return ConsentState(Status(status), *rest)

    def check_consent(
        self,
        consent: ConsentId,
        offer: OfferId,
        *,
        consumer: bytes,
        purpose: bytes,
        operations: int,
        from_: int,
        until: int,
        opening: int,
        block: int | None = None,
    ) -> Reason:
        """May it be used over all of [from_, until] at that opening? The first reason why not."""
        use = (consent, offer, consumer, purpose, operations, from_, until, opening)
        return Reason(self._consents("check", *use, block=block)[0])

    def job(self, job: JobId, *, block: int | None = None) -> JobState:
        """Status NONE for a job never seen."""
        status, *rest = self._jobs("jobs", job, block=block)[0]
        return JobState(JobStatus(status), *rest)

    def is_opening(self, job: JobId, block: int) -> bool:
        """Was the job opened in that block?"""
        return bool(self.events([JobOpened], block, block, job=job))

    def opened_plan(self, job: JobId, transaction: bytes) -> Plan | None:
        """The plan of a job, out of the transaction that opened it (the hash stands with `JobOpened`); None where the
        endpoint does not show that transaction, or it does not hold the plan."""
        shown = self.rpc.call("eth_getTransactionByHash", to_hex(transaction))
        if shown is None:
            return None
        data = octets(members(shown, "transaction").get("input"))
        for plan, _ in abi.function("JobLedger", "open").arguments(data):
            with contextlib.suppress(ValidationError):
                if (candidate := plan_of(plan)).job(self.deployment.jobs) == job:
                    return candidate
        return None

    def trail(self, job: JobId, attempt: int, party: int, *, block: int | None = None) -> tuple[bytes, int]:
        """Head and number of steps of a party's trail on chain."""
        head, count = self._jobs("trail", job, attempt, party, block=block)
        return head, count

    def job_list(self, signer: bytes, *, block: int | None = None) -> tuple[int, bytes]:
        """How many jobs were opened under a signer's signature, and the head (24 bytes) of the list of them."""
        count, head = self._jobs("jobList", signer_key(signer), block=block)
        return count, head

    def recorder(self, job: JobId, party: int, *, block: int | None = None) -> bytes:
        """Zero address if there is no such party."""
        address: bytes = self._jobs("recorder", job, party, block=block)[0]
        return address

    def key_due(self, job: JobId, party: int, *, block: int | None = None) -> bytes | None:
        """The hash of the release key that a party still owes, or None."""
        key: bytes = self._jobs("keyDue", job, party, block=block)[0]
        return None if key == ZERO32 else key

    def payout(self, job: JobId, party: int, *, block: int | None = None) -> int:
        """A party's share of the pot by the seal; 0 before it."""
        payout: int = self._jobs("reward", job, party, block=block)[2]
        return payout

    def acceptance(self, provider: bytes, measurement: bytes, *, block: int | None = None) -> Acceptance:
        """A provider's word on an enclave's measurement id; class NONE if it never accepted it."""
        address = self.deployment.enclave_registry.address
        kind, *rest = self.read("EnclaveRegistry", address, "acceptances", provider, measurement, block=block)[0]
        return Acceptance(EnclaveClass(kind), *rest)

    def owed(self, token: bytes, payee: bytes, *, block: int | None = None) -> int:
        """What `payee` may claim, in the token's units."""
        amount: int = self._escrow("owed", token, payee, block=block)[0]
        return amount

    def escrow(self, job: JobId, *, block: int | None = None) -> Escrow:
        """All zero if the job pays nothing."""
        return Escrow(*self._escrow("accounts", job, block=block)[0])

    def stake(self, terms: StakeTerms, *, block: int | None = None) -> StakeState:
        """Where the stake under these very terms stands; status NONE where it was never deposited."""
        status, fault, until = self._stakes("stakes", terms.id, block=block)[0]
        return StakeState(StakeStatus(status), Fault(fault), until)

    def stakes_owed(self, token: bytes, payee: bytes, *, block: int | None = None) -> int:
        """What `payee` may claim of stakes, in the token's units."""
        amount: int = self._stakes("owed", token, payee, block=block)[0]
        return amount

    def balance_of(self, token: bytes, account: bytes, *, block: int | None = None) -> int:
        """ERC-20. InputError `input.token` where no token answers at the address: no code, or another contract's."""
        try:
            balance: int = self.read("SettlementToken", token, "balanceOf", account, block=block)[0]
        except ChainError as error:
            if not isinstance(error, Reverted) and error.code != "chain.answer":
                raise
            raise InputError(
                "no token answers at this address",
                expected="the address of an ERC-20 contract on this chain",
                found=to_hex(token),
                code="input.token",
            ) from None
        return balance

    def allowance(self, token: bytes, account: bytes, spender: bytes, *, block: int | None = None) -> int:
        """ERC-20."""
        amount: int = self.read("SettlementToken", token, "allowance", account, spender, block=block)[0]
        return amount

    def events(
        self, kinds: Sequence[type[E]], from_block: int, to_block: int | None = None, **indexed: bytes | int
    ) -> list[E]:
        """Events of these classes in [from_block, to_block], in order; filtered by indexed fields (job=…, offer=…)."""
        head = self.head() if to_block is None else self.block(to_block)
        return self.events_of(self.blocks(from_block, head), kinds, **indexed)

    def blocks(self, first: int, head: Head) -> list[Block]:
        """Those blocks in [first, head] that may hold events of ours: no other one does. ChainError `chain.moving` if
        the chain is reorganised meanwhile."""
        try:
            pieces = self.logs.blocks(first, head)
            return [block for piece in pieces for block in piece if self.logs.may_hold(block)]
        except Moved:
            raise ChainError(
                "the chain was reorganised while it was read", remedy="try again", code="chain.moving"
            ) from None

    def events_of(self, blocks: Sequence[Block], kinds: Sequence[type[E]], **indexed: bytes | int) -> list[E]:
        """The same, in blocks that `blocks` gave."""
        events_ = [
            event
            for topics in _topics(kinds, indexed)
            for _, event in self.logs.logs(blocks, topics)
            for kind in kinds
            if isinstance(event, kind)
        ]
        return sorted(events_, key=lambda event: (event.block, event.log_index))

    def _consents(self, name: str, *values: Any, block: int | None) -> tuple[Any, ...]:
        return self.read("ConsentRegistry", self.deployment.consent_registry.address, name, *values, block=block)

    def _jobs(self, name: str, *values: Any, block: int | None) -> tuple[Any, ...]:
        return self.read("JobLedger", self.deployment.job_ledger.address, name, *values, block=block)

    def _escrow(self, name: str, *values: Any, block: int | None) -> tuple[Any, ...]:
        return self.read("RewardEscrow", self.deployment.reward_escrow.address, name, *values, block=block)

    def _stakes(self, name: str, *values: Any, block: int | None) -> tuple[Any, ...]:
        return self.read("AuditStakes", self.deployment.audit_stakes.address, name, *values, block=block)

    def read(self, contract: str, address: bytes, name: str, *values: Any, block: int | None = None) -> tuple[Any, ...]:
        """What a function of a contract gives; Reverted where it refuses."""
        function = abi.function(contract, name)
        call = {"to": to_hex(address), "data": to_hex(function.encode(*values))}
        return function.decode(octets(self.rpc.call("eth_call", call, "latest" if block is None else hex(block))))


def erc1271(rpc: Rpc) -> ContractCheck:
    """How an endpoint is asked whether a contract accepts a signature."""

    def check(account: bytes, digest: bytes, signature: bytes) -> bool:
        data = _ERC1271 + abi.encode(("bytes32", "bytes"), (digest, signature))
        try:
            call = {"to": to_hex(account), "data": to_hex(data), "gas": hex(ERC1271_GAS)}
            answer = octets(rpc.call("eth_call", call, "latest"))
        except (Reverted, RpcError):
            return False
        return len(answer) >= 32 and answer[:32] == _ERC1271.ljust(32, b"\0")

    return check


def _topics(kinds: Sequence[type[Event]], indexed: dict[str, bytes | int]) -> list[Topics]:
    """What `eth_getLogs` wants: one query for all kinds, or one for each where indexed fields choose."""
    if not indexed:
        return [[[event_types.event_type(kind).topic for kind in kinds]]]
    return [
        [[event_types.event_type(kind).topic], *([topic] if topic is not None else None for topic in rest)]
        for kind in kinds
        for rest in [event_types.indexed_topics(kind, indexed)]
    ]
