"""Contracts and model side by side: what every machine of histories needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from model.reference import Refused
from placet.chain.calls import Call, Calls
from placet.chain.client import Chain
from placet.core.errors import Reverted
from placet.core.signatures import Key
from placet.core.values import to_hex

STEPS = 30
by_histories = pytest.mark.parametrize("histories", [6, pytest.param(60, marks=pytest.mark.slow)])
"""So many histories of `STEPS` steps at most."""


class BothSides(RuleBasedStateMachine):
    """A history on a real chain, undone at its end. `now` is the time of the last block."""

    def __init__(self, chain: Chain) -> None:
        super().__init__()
        self.chain = chain
        self.calls = Calls(chain.deployment)
        self.snapshot = chain.rpc.call("evm_snapshot")
        self.now = chain.head().timestamp

    def agree_at_last(self) -> None:
        """What else must be equal when a history is over."""

    def teardown(self) -> None:
        try:
            self.agree_at_last()
        finally:
            assert self.chain.rpc.call("evm_revert", self.snapshot) is True

    def tell(self, sender: Key, call: Call) -> Reverted | None:
        """Have the call in a block of its own, a second later. The refusal, if there is one."""
        self.now += 1
        return tell(self.chain, sender, call, self.now)

    def same(self, sender: Key, call: Call, action: Any, *arguments: Any) -> bool:
        """Contract and model do it, or refuse it for the same reason."""
        refusal = self.tell(sender, call)
        try:
            action(*arguments)
        except Refused as expected:
            assert refusal is not None, f"the model refuses with {expected.name}, the contract does not"
            assert refusal.name == expected.name
            if expected.reason is not None:
                assert refusal.arguments[-1] == expected.reason
            return False
        assert refusal is None, f"the contract refuses with {refusal.name}, the model does not"
        return True


def tell(chain: Chain, sender: Key, call: Call, now: int) -> Reverted | None:
    """Have the call in a block of its own at `now`; the refusal if there is one, and then nothing is sent."""
    request = {"from": to_hex(sender.address), "to": to_hex(call.to), "data": to_hex(call.data), "gas": hex(3_000_000)}
    try:
        chain.rpc.call("eth_call", request, "latest", {}, {"time": hex(now)})
    except Reverted as refusal:
        return refusal
    chain.rpc.call("evm_setNextBlockTimestamp", hex(now))
    transaction = chain.rpc.call("eth_sendTransaction", request)
    end = time.monotonic() + 60
    while (receipt := chain.rpc.call("eth_getTransactionReceipt", transaction)) is None:
        assert time.monotonic() < end, "the transaction is not mined"
        time.sleep(0.002)
    assert receipt["status"] == "0x1", "the simulation passed and the transaction failed"
    return None


def go_through_histories(machine: Callable[[], BothSides], histories: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=histories,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=(Phase.explicit, Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )
