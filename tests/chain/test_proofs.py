"""Headers and receipts of a real chain hash as its blocks say, with all kinds of transactions, and hold its events."""

from __future__ import annotations

import pytest

from placet.chain import event_types, events, proofs
from placet.core.block_header import bloom_over, read_header, read_logs
from placet.core.errors import ChainError
from placet.core.values import to_hex

ROOTS = [bytes([number]) * 32 for number in range(1, 4)]


def test_blocks_of_the_chain_hash_as_it_says_and_tell_what_it_tells(environment) -> None:
    offer, rpc = environment.offer(), environment.chain.rpc
    for root in ROOTS:
        environment.send(environment.calls.anchor(offer.id, root))
    first, last = environment.deployment.block, environment.chain.head().number
    contracts, told, types = event_types.addresses(environment.deployment), [], set()
    for row, raw in proofs.headers(rpc, range(first, last + 1)):
        header = read_header(raw)
        assert (to_hex(header.hash), header.number) == (row["hash"], int(row["number"], 16))
        receipts = proofs.receipts(rpc, row, header)
        logs = read_logs(header, receipts)
        assert bloom_over(item for log in logs for item in (log.address, *log.topics)) == header.bloom
        types |= {receipt[0] for receipt in receipts if receipt[0] < 0x80}
        place = event_types.LogPlace(header.number, header.hash, header.timestamp, 0)
        own = [log for log in logs if log.address in contracts]
        told += [event_types.event_of(contracts[log.address], log.topics, log.data, place) for log in own]
    anchored = [event.root for event in told if isinstance(event, events.BatchAnchored) and event.offer == offer.id]
    assert anchored == ROOTS
    assert types == {2}


def test_receipts_of_all_types_make_up_their_block(environment) -> None:
    """Several in one block: the old kind, with an access list, with a priority fee; more than the trie's first branch
    holds."""
    local, rpc = environment.local, environment.chain.rpc
    sender, price = local.rpc("eth_accounts")[3], "0x174876e800"
    kinds = [{"gasPrice": price}, {"gasPrice": price, "accessList": []}, {"maxFeePerGas": price}]
    environment.automine(False)
    try:
        for number in range(20):
            local.rpc("eth_sendTransaction", {"from": sender, "to": sender, "value": "0x1"} | kinds[number % 3])
        local.mine()
    finally:
        environment.automine(True)
    ((row, raw),) = proofs.headers(rpc, [environment.chain.head().number])
    receipts = proofs.receipts(rpc, row, read_header(raw))
    assert len(receipts) == 20
    assert {receipt[0] if receipt[0] < 0x80 else 0 for receipt in receipts} >= {0, 2}


def test_a_chain_that_hashes_another_way_proves_nothing(environment) -> None:
    row = environment.chain.rpc.call("eth_getBlockByNumber", "latest", False)
    for change in ({"gasUsed": "0x7"}, {"requestsHash": None}, {"extraData": "0x01"}):
        with pytest.raises(ChainError) as refused:
            proofs.header_bytes(row | change)
        assert refused.value.code == "chain.unprovable"
