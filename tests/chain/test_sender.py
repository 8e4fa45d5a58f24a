"""One intent, one transaction: whatever else happens."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import socket
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from forked import forked
from placet.chain import events, outbox
from placet.chain import sender as module
from placet.chain.client import Chain
from placet.chain.outbox import Mined
from placet.chain.rpc import RpcError
from placet.chain.sender import Sender
from placet.core.errors import ChainError, InputError, NotFoundError, Reverted, StateError
from placet.core.offers import Subjects
from placet.core.signatures import Key
from placet.sandbox.consortium import wait
from placet.sandbox.forking import Forked

CRASHING = Path(__file__).with_name("crashing_sender.py")


def drain(sender: Sender, seconds: float = 120.0) -> None:
    """Step until nothing is on its way."""
    deadline = time.monotonic() + seconds
    while sender.step():
        assert time.monotonic() < deadline, "the sender does not come to an end"
        time.sleep(0.01)


def register(environment, dataset: bytes | None = None):
    return environment.calls.register(dataset or secrets.token_bytes(32), Subjects.OWN, bytes(32), bytes(32), 0)


def committed(environment, dataset: bytes) -> list[int]:
    """The numbers that were committed to, one after the other."""
    commits = environment.chain.events([events.DatasetCommitted], 0, dataset=dataset)
    return [int.from_bytes(event.commitment, "big") for event in commits]


def test_the_same_intent_twice_is_one_transaction(environment) -> None:
    sender, call, before = environment.sender(), register(environment), environment.nonce()
    sender.submit("one", call, environment.key.address)
    sender.submit("one", call, environment.key.address)
    drain(sender)
    sender.submit("one", call, environment.key.address)
    drain(sender)
    outcome = sender.outcome("one")
    assert isinstance(outcome, Mined)
    assert environment.nonce() == before + 1
    receipt = environment.local.rpc("eth_getTransactionReceipt", "0x" + outcome.transaction.hex())
    assert (int(receipt["blockNumber"], 16), int(receipt["gasUsed"], 16)) == (outcome.block, outcome.gas)


def test_a_name_stands_for_one_call_of_one_account(environment) -> None:
    other = Key()
    sender = environment.sender(keys=(environment.key, other))
    call = register(environment)
    sender.submit("one", call, environment.key.address)
    for changed, account in ((register(environment), environment.key.address), (call, other.address)):
        with pytest.raises(StateError, match="stands for another call"):
            sender.submit("one", changed, account)
    with pytest.raises(StateError, match="no key"):
        sender.submit("two", call, Key().address)
    for name in ("", "x" * 201):
        with pytest.raises(InputError):
            sender.submit(name, call, environment.key.address)


def test_a_refusal_costs_nothing_and_has_its_name(environment) -> None:
    sender, dataset = environment.sender(), environment.dataset()
    before = environment.nonce()
    unknown = secrets.token_bytes(32)
    sender.submit("not ours", environment.calls.commit(unknown, bytes(32)), environment.key.address)
    sender.submit("fine", environment.calls.commit(dataset, bytes(32)), environment.key.address)
    drain(sender)
    refused = sender.outcome("not ours")
    assert isinstance(refused, Reverted)
    assert (refused.name, refused.arguments) == ("NotProvider", (unknown, bytes(20), environment.key.address))
    assert isinstance(sender.outcome("fine"), Mined)
    assert environment.nonce() == before + 1


def test_an_intent_may_build_on_the_one_before(environment) -> None:
    dataset, sender = secrets.token_bytes(32), environment.sender()
    environment.automine(False)
    registration = environment.calls.register(dataset, Subjects.PERSONS, bytes(32), bytes(32), 5)
    sender.submit("register", registration, environment.key.address)
    sender.submit("commit", environment.calls.commit(dataset, bytes(32)), environment.key.address)
    sender.submit("register again", registration, environment.key.address)
    for _ in range(3):
        sender.step()
        assert sender.outcome("register again") is None, "a refusal on an unmined state is not yet the truth"
    environment.local.mine()
    drain(sender)
    assert isinstance(sender.outcome("commit"), Mined)
    refused = sender.outcome("register again")
    assert isinstance(refused, Reverted)
    assert refused.name == "DatasetExists"


def test_a_transaction_that_fails_in_its_block_has_its_name_too(environment) -> None:
    dataset, rival = secrets.token_bytes(32), Key()
    environment.local.rpc("anvil_setBalance", "0x" + rival.address.hex(), hex(10**18))
    sender = environment.sender(keys=(environment.key, rival))
    call = register(environment, dataset)
    environment.automine(False)
    sender.submit("mine", call, environment.key.address)
    sender._outbox.add("his", call, rival.address)
    # Both are simulated on a state that holds neither: the pool must not be asked.
    honest, sender._chain.rpc.call = sender._chain.rpc.call, lambda method, *p: honest(
        method, *("latest" if method == "eth_estimateGas" and x == "pending" else x for x in p)
    )  # fmt: skip
    sender.step()
    environment.local.mine()
    drain(sender)
    outcomes = [sender.outcome("mine"), sender.outcome("his")]
    assert sum(isinstance(o, Mined) for o in outcomes) == 1
    refused = next(o for o in outcomes if isinstance(o, Reverted))
    assert refused.name == "DatasetExists"
    assert refused.arguments[0] == dataset


def test_an_unknown_revert_is_said_to_be_unknown(environment) -> None:
    target = secrets.token_bytes(20)
    environment.local.rpc("anvil_setCode", "0x" + target.hex(), "0x63deadbeef60e01b60005260046000fd")
    sender, call = environment.sender(), register(environment)
    sender.submit("odd", type(call)(target, b"", "odd"), environment.key.address)
    drain(sender)
    refused = sender.outcome("odd")
    assert isinstance(refused, Reverted)
    assert (refused.name, refused.arguments) == ("Unknown", (bytes.fromhex("deadbeef"),))


def test_what_runs_out_of_gas_is_signed_anew(environment) -> None:
    """The state changes between estimate and block so that the same call becomes dearer."""
    target = secrets.token_bytes(20)
    environment.local.rpc("anvil_setCode", "0x" + target.hex(), "0x00")
    sender, call = environment.sender(), register(environment)
    environment.automine(False)
    before = environment.nonce()
    sender.submit("dear", type(call)(target, b"", "dear"), environment.key.address)
    sender.step()
    # Sixteen storage writes: 350,000 gas instead of nothing.
    environment.local.rpc(
        "anvil_setCode", "0x" + target.hex(), "0x" + "".join(f"600160{i:02x}55" for i in range(16)) + "00"
    )
    environment.local.mine()
    sender.step()
    assert sender.outcome("dear") is None
    sender.step()
    environment.local.mine()
    drain(sender)
    assert isinstance(sender.outcome("dear"), Mined)
    assert environment.nonce() == before + 2


def test_what_no_block_can_hold_is_refused(environment) -> None:
    target = secrets.token_bytes(20)
    environment.local.rpc("anvil_setCode", "0x" + target.hex(), "0x5b600056")  # an endless loop
    sender, call = environment.sender(), register(environment)
    sender.submit("endless", type(call)(target, b"", "endless"), environment.key.address)
    drain(sender)
    refused = sender.outcome("endless")
    assert isinstance(refused, Reverted)
    assert refused.name == "OutOfGas"


def test_in_flight_are_only_so_many(environment, monkeypatch) -> None:
    assert module.IN_FLIGHT == 64
    monkeypatch.setattr(module, "IN_FLIGHT", 8)
    sender = environment.sender()
    environment.automine(False)
    for number in range(14):
        sender.submit(f"{number}", register(environment), environment.key.address)
    for _ in range(3):
        sender.step()
    assert environment.pending() == 8
    environment.local.mine()
    sender.step()
    assert environment.pending() == 6
    environment.automine(True)
    environment.local.mine()
    drain(sender)
    assert all(isinstance(sender.outcome(f"{number}"), Mined) for number in range(14))


def test_stuck_transactions_are_replaced_under_the_same_nonces(environment) -> None:
    sender, before = environment.sender(stuck_after=0.0), environment.nonce()
    environment.automine(False)
    for number in range(3):
        sender.submit(f"{number}", register(environment), environment.key.address)
    sender.step()
    offered = max(signed.max_fee for intent in sender._outbox.sent(environment.key.address) for signed in intent.signed)
    environment.local.rpc("anvil_setNextBlockBaseFeePerGas", hex(offered + 1))
    environment.local.mine()
    assert environment.nonce() == before, "the fees no longer do"
    sender.step()
    environment.local.mine()
    drain(sender)
    assert all(isinstance(sender.outcome(f"{number}"), Mined) for number in range(3))
    assert environment.nonce() == before + 3


def test_replacement_ends_at_the_highest_fee(environment, monkeypatch) -> None:
    monkeypatch.setattr(module, "MAX_FEE", 10 * 10**9)
    sender = environment.sender(stuck_after=0.0)
    environment.automine(False)
    sender.submit("one", register(environment), environment.key.address)
    sender.step()
    environment.local.rpc("anvil_setNextBlockBaseFeePerGas", hex(10**12))
    environment.local.mine()
    for _ in range(20):
        sender.step()
    (intent,) = sender._outbox.sent(environment.key.address)
    assert len(intent.signed) <= module.REPLACEMENTS + 1
    assert max(signed.max_fee for signed in intent.signed) <= module.MAX_FEE
    assert {signed.nonce for signed in intent.signed} == {intent.nonce}


@pytest.mark.parametrize(
    "words",
    [
        "already known",
        "AlreadyKnown",
        "Known transaction",
        "Transaction with the same hash was already imported.",
        "0x23: this transaction is already in the TxPool",
        "nonce too low: next nonce 5",
        "Nonce is too low",
    ],
)
def test_a_client_that_has_a_transaction_already_has_taken_it(environment, monkeypatch, words: str) -> None:
    sender, call = environment.sender(), environment.chain.rpc.call

    def refused(method: str, *parameters: object) -> object:
        if method == "eth_sendRawTransaction":
            raise RpcError(method, words)
        return call(method, *parameters)

    monkeypatch.setattr(sender._chain.rpc, "call", refused)
    sender.submit("one", register(environment), environment.key.address)
    sender.step()
    assert sender.trouble.words == ""


def test_an_outcome_counts_at_the_networks_depth(environment) -> None:
    sender = environment.sender(confirmations=2)
    sender.submit("one", register(environment), environment.key.address)
    for _ in range(3):
        sender.step()
        assert sender.outcome("one") is None
    environment.local.mine()
    sender.step()
    assert sender.outcome("one") is None
    environment.local.mine()
    sender.step()
    assert isinstance(sender.outcome("one"), Mined)


def test_after_a_reorganisation_the_same_transactions_are_sent_again(environment, monkeypatch) -> None:
    monkeypatch.setattr(module, "SEND_AGAIN", 0.0)
    sender, dataset = environment.sender(confirmations=5), environment.dataset()
    snapshot = environment.local.rpc("evm_snapshot")
    for number in range(3):
        sender.submit(
            f"{number}", environment.calls.commit(dataset, number.to_bytes(32, "big")), environment.key.address
        )
    sender.step()
    sender.step()
    before = [intent.signed for intent in sender._outbox.sent(environment.key.address)]
    assert committed(environment, dataset) == [0, 1, 2]

    assert environment.local.rpc("evm_revert", snapshot)
    environment.local.mine()
    assert committed(environment, dataset) == []
    assert [sender.outcome(f"{number}") for number in range(3)] == [None] * 3
    sender.step()
    assert [intent.signed for intent in sender._outbox.sent(environment.key.address)] == before
    environment.local.mine(5)
    drain(sender)
    assert committed(environment, dataset) == [0, 1, 2]
    assert all(isinstance(sender.outcome(f"{number}"), Mined) for number in range(3))


def test_a_nonce_that_somebody_else_used_up_costs_no_intent(environment, monkeypatch) -> None:
    """The same key in another tool: against the rules, but nothing is lost or doubled."""
    monkeypatch.setattr(module, "LOST_SECONDS", 0.0)
    sender, dataset = environment.sender(), environment.dataset()
    environment.automine(False)
    sender.submit("one", environment.calls.commit(dataset, bytes(32)), environment.key.address)
    honest, sender._chain.rpc.call = sender._chain.rpc.call, lambda method, *p: (
        "0x" + bytes(32).hex() if method == "eth_sendRawTransaction" else honest(method, *p)
    )  # fmt: skip
    sender.step()
    sender._chain.rpc.call = honest
    environment.automine(True)
    environment.local.rpc("eth_sendTransaction", {"from": "0x" + environment.key.address.hex(), "to": "0x" + "11" * 20})
    drain(sender)
    assert isinstance(sender.outcome("one"), Mined)
    assert committed(environment, dataset) == [0]


def test_a_receipt_that_comes_late_is_waited_for(environment, monkeypatch) -> None:
    """An endpoint of several machines: one counts the transaction, another does not show its receipt yet."""
    clock = [1000.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    sender, dataset = environment.sender(), environment.dataset()
    sender.submit("one", environment.calls.commit(dataset, bytes(32)), environment.key.address)
    sender.step()
    batch = sender._chain.rpc.batch
    sender._chain.rpc.batch = lambda method, asked: [None for _ in asked]
    for _ in range(20):
        assert sender.step()
        clock[0] += module.LOST_SECONDS / 21
    sender._chain.rpc.batch = batch
    sender.step()
    assert isinstance(sender.outcome("one"), Mined)
    assert committed(environment, dataset) == [0]


@pytest.mark.parametrize("moment", ["signed", "storing", "stored", "sending", "sent", "receipt", "settled"])
def test_killed_at_any_step_no_intent_is_lost_or_doubled(environment, tmp_path, moment) -> None:
    dataset = environment.dataset()
    child, log = crashing(environment, tmp_path, dataset, 4, moment)
    assert child.wait(120) == -signal.SIGKILL, log.read_text()
    resume(environment, tmp_path, dataset, 4)


def test_killed_at_any_time_no_intent_is_lost_or_doubled(environment, tmp_path) -> None:
    dataset = environment.dataset()
    for number, pause in enumerate((0.0, 0.05, 0.2), start=1):
        child, log = crashing(environment, tmp_path, dataset, 40, "any time")
        wait(lambda log=log, number=number: log.read_text().count("ready\n") == number, "sender", log)
        time.sleep(pause)
        child.kill()
        child.wait(120)
    resume(environment, tmp_path, dataset, 40)


def crashing(environment, folder: Path, dataset: bytes, count: int, moment: str) -> tuple[Forked, Path]:
    deployment, log = folder / "deployment.json", folder / "crashing.log"
    deployment.write_text(environment.deployment.model_dump_json())
    arguments = [environment.local.url, deployment, folder / "state.db", dataset.hex(), count, moment]
    return forked(CRASHING, arguments, folder, log), log


def resume(environment, folder: Path, dataset: bytes, count: int) -> None:
    """A new sender on the database that the killed one left."""
    sender = environment.sender()
    for number in range(count):
        call = environment.calls.commit(dataset, number.to_bytes(32, "big"))
        sender.submit(f"commit-{number}", call, environment.key.address)
    drain(sender)
    assert sorted(committed(environment, dataset)) == list(range(count))
    assert all(isinstance(sender.outcome(f"commit-{number}"), Mined) for number in range(count))


async def test_waiting(environment) -> None:
    sender, dataset = environment.sender(), environment.dataset()
    with pytest.raises(NotFoundError):
        await sender.wait("never", 1.0)
    running = asyncio.create_task(sender.run())
    await asyncio.sleep(0)
    sender.submit("good", environment.calls.commit(dataset, bytes(32)), environment.key.address)
    sender.submit("bad", environment.calls.commit(secrets.token_bytes(32), bytes(32)), environment.key.address)
    mined, again = await asyncio.gather(sender.wait("good", 120.0), sender.wait("good", 120.0))
    assert mined == again == sender.outcome("good")
    with pytest.raises(Reverted) as refused:
        await sender.wait("bad", 120.0)
    assert refused.value.name == "NotProvider"
    await asyncio.to_thread(environment.automine, False)
    sender.submit("late", register(environment), environment.key.address)
    with pytest.raises(ChainError) as late:
        await sender.wait("late", 0.3)
    assert late.value.code == "chain.timeout"
    assert not sender._waiting
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_what_another_program_puts_into_the_outbox_is_sent(environment) -> None:
    """`placet` does, for a node that runs: nothing wakes the sender, which looks by itself."""
    sender = environment.sender()
    running = asyncio.create_task(sender.run())
    await sender_at_rest(sender)
    outbox.Outbox(environment.engine).add("theirs", register(environment), environment.key.address)
    await sender.wait("theirs", 120.0)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def complaint(sender: Sender, words: str) -> None:
    """Until the sender has met with that."""
    async with asyncio.timeout(120):
        while words not in sender.trouble.words:
            await asyncio.sleep(0.01)


async def sender_at_rest(sender: Sender) -> None:
    """Until it has looked and found nothing."""
    sender._busy = True
    async with asyncio.timeout(120):
        while sender._busy:
            await asyncio.sleep(0.01)


async def test_no_money_is_said_to_who_waits_and_ends_when_there_is_some(environment, monkeypatch) -> None:
    monkeypatch.setattr(module, "SEND_AGAIN", 0.1)
    poor = Key()
    sender = environment.sender(keys=(poor,))
    running = asyncio.create_task(sender.run())
    sender.submit("one", register(environment), poor.address)
    await complaint(sender, "nsufficient funds")
    with pytest.raises(ChainError, match=r"(?i)insufficient funds"):
        await sender.wait("one", 0.1)
    await asyncio.to_thread(environment.local.rpc, "anvil_setBalance", "0x" + poor.address.hex(), hex(10**18))
    assert isinstance(await sender.wait("one", 120.0), Mined)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


class Line:
    """A line to the chain's endpoint that can be cut."""

    def __init__(self, url: str) -> None:
        self._target = int(url.rsplit(":", 1)[1])
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.cut = False
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near = self._listener.accept()[0]
                if self.cut:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._target))
                self._open += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)
        sink.close()

    def hang_up(self) -> None:
        self.cut = True
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.hang_up()
        self._listener.close()


async def test_the_endpoint_lost_and_back(environment, monkeypatch) -> None:
    monkeypatch.setattr(module, "BACKOFF", 0.2)
    line, dataset = Line(environment.local.url), environment.dataset()
    sender = Sender(environment.engine, Chain(line.url, environment.deployment), [environment.key])
    running = asyncio.create_task(sender.run())
    for number in range(30):
        sender.submit(
            f"{number}", environment.calls.commit(dataset, number.to_bytes(32, "big")), environment.key.address
        )
    await sender.wait("0", 120.0)
    line.hang_up()
    sender.submit("30", environment.calls.commit(dataset, (30).to_bytes(32, "big")), environment.key.address)
    await complaint(sender, "can't be reached")
    with pytest.raises(ChainError, match="can't be reached"):
        await sender.wait("30", 0.1)
    line.cut = False
    for number in range(31):
        await sender.wait(f"{number}", 120.0)
    assert sorted(committed(environment, dataset)) == list(range(31))
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    line.close()


def test_two_senders_on_one_outbox_do_not_double(environment) -> None:
    """Not supported, and yet the outbox lets only one of them take an intent."""
    first, second = environment.sender(), environment.sender()
    first.submit("one", register(environment), environment.key.address)
    (intent,) = second._outbox.queued(environment.key.address, 1)
    first.step()
    signed = outbox.SignedTransaction(secrets.token_bytes(32), 0, 1, 1, 1, b"raw")
    with pytest.raises(StateError, match="already on its way"):
        second._outbox.store(intent, signed)
