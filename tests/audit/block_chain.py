"""A chain of blocks out of a simulated job's events: headers, receipts and logs as Ethereum encodes them."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from eth_abi.abi import encode
from test_collect import Replay

from placet.audit.bundle import Bundle
from placet.audit.log_proof import LogProof, ReadLog
from placet.audit.proof import ChainProof, ProvenBlock, TrustedBlocks
from placet.chain import event_types, events
from placet.core import rlp
from placet.core.block_header import bloom_over, read_header, read_logs
from placet.core.event_log import LogEntry
from placet.core.hashing import keccak
from placet.core.merkle import Rfc6962Tree, rfc6962_leaf
from placet.core.offers import Offer
from placet.core.ordered_trie import EMPTY, ordered_root
from placet.core.stakes import StakeTerms

STATUS = b"\x01"


def _plain(value: Any) -> Any:
    if isinstance(value, Offer):
        return (value.dataset, value.consumer, value.purpose, value.operations, value.scope, value.budget)
    return tuple(vars(value).values()) if isinstance(value, StakeTerms) else value


def log_of(event: events.Event, deployment: Any) -> tuple[bytes, list[bytes], bytes]:
    """Address, topics and data of an event, by Ethereum's own library."""
    own = event_types.event_type(type(event))
    address = next(
        address
        for address, contract in event_types.addresses(deployment).items()
        if type(event) in events.CONTRACTS[contract]
    )
    values = {name: _plain(getattr(event, event_types.field_name(name))) for name, _, _ in own.parameters}
    topics = [encode([of], [_text(of, values[name])]) for name, of, indexed in own.parameters if indexed]
    plain = [(of, _text(of, values[name])) for name, of, indexed in own.parameters if not indexed]
    return address, [own.topic, *topics], encode([of for of, _ in plain], [value for _, value in plain])


def _text(of: str, value: Any) -> Any:
    """`eth_abi` takes addresses as text."""
    if of == "address":
        return "0x" + value.hex()
    if of.startswith("("):
        return tuple(_text(kind, one) for kind, one in zip(of[1:-1].split(","), value, strict=True))
    return int(value) if of.startswith("uint") and not of.endswith("]") else value


def receipt(logs: list[tuple[bytes, list[bytes], bytes]], kind: bytes = b"\x02") -> bytes:
    bloom = bloom_over(item for address, topics, _ in logs for item in (address, *topics)).to_bytes(256, "big")
    return kind + rlp.encode([STATUS, rlp.of_int(21_000), bloom, [[a, t, d] for a, t, d in logs]])


def header(
    number: int, timestamp: int, parent: bytes, receipts: list[bytes], bloom: int, state: bytes = bytes(32)
) -> bytes:
    root = ordered_root(receipts)
    return rlp.encode(
        [
            parent, bytes(32), bytes(20), state, EMPTY, root, bloom.to_bytes(256, "big"), b"", rlp.of_int(number),
            rlp.of_int(30_000_000), rlp.of_int(21_000), rlp.of_int(timestamp), b"", bytes(32), bytes(8),
            rlp.of_int(7), EMPTY, b"", b"", bytes(32), bytes(32),
        ]
    )  # fmt: skip


def proven(simulation: Any, state: bytes = bytes(32)) -> tuple[Bundle, TrustedBlocks]:
    """The job's bundle with its proof, and the hash of its last block, which has this root of the state."""
    replay, told = Replay(simulation), simulation.bundle()
    by_block: dict[int, dict[int, Any]] = defaultdict(dict)
    for event in replay.log:
        by_block[event.block][event.log_index] = log_of(event, simulation.deployment)
    first, last = min(by_block), told.facts.head.block
    blocks, parent = [], bytes(32)
    opened = b""
    for number in range(first, last + 1):
        logs = by_block.get(number, {})
        filled = [logs.get(place, (bytes(20), [], b"")) for place in range(max(logs, default=-1) + 1)]
        bodies = [receipt([one]) for one in filled]
        bloom = bloom_over(item for address, topics, _ in filled for item in (address, *topics))
        time = replay.times.get(number, simulation_time(number))
        raw = header(number, time, parent, bodies, bloom, state if number == last else bytes(32))
        blocks.append(ProvenBlock(header=raw, receipts=tuple(bodies) if bodies else None))
        parent = keccak(raw)
        if told.facts.opened is not None and number == told.facts.opened.at.block:
            opened = parent
    facts = told.facts
    if facts.opened is not None:
        facts = facts.model_copy(update={"opened": facts.opened.model_copy(update={"block_hash": opened})})
    bundle = told.model_copy(update={"facts": facts, "proof": ChainProof(blocks=tuple(blocks))})
    return bundle, TrustedBlocks({last: parent}, "a friend")


def logged(simulation: Any) -> tuple[Bundle, TrustedBlocks]:
    """The same where headers have gaps: the log of events instead of receipts, and what witnesses say of its last
    block. The log's first three entries come as subtrees: they lie before the job's facts."""
    bundle, trusted = proven(simulation)
    assert bundle.proof is not None
    entries, blocks = [], []
    for block in bundle.proof.blocks:
        sealed = read_header(block.header)
        logs = read_logs(sealed, block.receipts) if block.receipts is not None else ()
        entries += [LogEntry(sealed.number, sealed.hash, log) for log in logs if log.address != bytes(20)]
        if block.receipts is not None or block == bundle.proof.blocks[-1]:
            blocks.append(ProvenBlock(header=block.header))
    tree, raw = Rfc6962Tree(), [entry.encoded() for entry in entries]
    for number in range(3):
        tree.add(rfc6962_leaf(rlp.encode(rlp.of_int(number))))
    log = LogProof(size=3, nodes=tree.nodes, entries=tuple(raw))
    proof = ChainProof(blocks=tuple(blocks), log=log)
    head = {number: ReadLog.of(log).head for number in trusted.hashes}
    return bundle.model_copy(update={"proof": proof}), TrustedBlocks(trusted.hashes, "two witnesses", head)


def simulation_time(number: int) -> int:
    from simulator import START

    return START + 2 * number
