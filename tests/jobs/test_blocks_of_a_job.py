"""A small job takes few blocks: mined by hand, one when a transaction waits, so that no clock has a say in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from placet.chain.abi import function
from placet.sandbox.consents import give
from placet.sandbox.consortium import Consortium, wait
from placet.sandbox.founding import MATCH, Stock, consortium

NAMES = {"north": "Bank North", "consumer": "Family Office"}
PEOPLE = [f"P{number:02}" for number in range(12)]
_CALLS = {
    function(contract, name).selector: name
    for contract, name in [
        ("SettlementToken", "approve"),
        *(("JobLedger", name) for name in ("open", "record", "seal", "release")),
        ("RewardEscrow", "claimFor"),
    ]
}


@pytest.fixture
def by_hand(tmp_path: Path) -> Iterator[Consortium]:
    """A consortium whose chain stands still but for `mine`; one confirmation, as in all sandboxes."""
    with consortium(tmp_path, NAMES, Stock({"north": dict.fromkeys(PEOPLE, 5)}, PEOPLE[4:]), MATCH) as made:
        give(made, {"north": PEOPLE}, seconds=86_400, uses=3)
        made.chain.rpc("evm_setAutomine", False)
        made.chain.rpc("evm_setIntervalMining", 0)
        yield made


def _pool(made: Consortium) -> list[str]:
    """The contract functions that transactions in the pool call, sorted."""
    pool = made.chain.rpc("txpool_content")["pending"]
    calls = [bytes.fromhex(one["input"][2:10]) for of_sender in pool.values() for one in of_sender.values()]
    return sorted(_CALLS.get(call, call.hex()) for call in calls)


def _mine(made: Consortium, *calls: str, deep: bool) -> None:
    """A block with these calls, once they are in the pool, and another that confirms it where that is waited for."""
    wait(lambda: _pool(made) == sorted(calls), f"{calls} in the pool, which has {_pool(made)}")
    made.chain.mine(2 if deep else 1)


def test_a_small_job_takes_five_blocks_to_its_result_and_six_to_its_end(by_hand: Consortium) -> None:
    """The opening with its rewards, and the seal with all steps, are deep before anybody goes on; keys open at once."""
    consumer = by_hand.members["consumer"]
    first = by_hand.chain.block_number()
    job = by_hand.begin(by_hand.request())
    _mine(by_hand, "approve", "open", deep=True)
    _mine(by_hand, "seal", deep=True)
    _mine(by_hand, "release", deep=False)
    url = f"{consumer.api}/v1/jobs/{job}/result"
    with httpx.Client(trust_env=False, timeout=60, headers=consumer.authorization) as http:
        wait(lambda: http.get(url).is_success, "result")
    assert by_hand.chain.block_number() - first == 5
    assert consumer.get(f"/v1/jobs/{job}")["ended"] is None
    assert [row["customer"] for row in consumer.get(f"/v1/jobs/{job}/result")["rows"]] == PEOPLE[4:]
    by_hand.chain.mine()
    assert by_hand.ended(job) == "completed"
    assert by_hand.chain.block_number() - first == 6
