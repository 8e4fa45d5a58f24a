"""An endpoint whose machines are at different heights, and a chain that is final nowhere for a while: no event is
missed, no intent lost or sent as two transactions, and all goes on once it is over."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine

from faulty_endpoint import FaultyEndpoint, faulty_endpoint
from placet.chain import events, index, logs, outbox, rpc, sender
from placet.chain.client import Chain
from placet.chain.index import Index
from placet.chain.outbox import Mined
from placet.chain.sender import Sender
from placet.core.errors import ChainError, Reverted
from placet.core.offers import Subjects


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "_backoff", lambda _: 0.0)
    for module in (index, logs):
        monkeypatch.setattr(module, "PAUSE", 0.0)
    monkeypatch.setattr(sender, "SEND_AGAIN", 0.0)


@pytest.fixture
def faulty(environment) -> Iterator[FaultyEndpoint]:
    with faulty_endpoint(environment.local.url) as endpoint:
        yield endpoint


def behind(environment, faulty: FaultyEndpoint, **changes: object) -> Chain:
    return Chain(faulty.url, environment.deployment.model_copy(update=changes))


def numbers(environment, dataset: bytes) -> list[int]:
    """What was committed to, in order."""
    commits = environment.chain.events([events.DatasetCommitted], environment.deployment.block, dataset=dataset)
    return [int.from_bytes(event.commitment, "big") for event in commits]


def submit(environment, sending: Sender, dataset: bytes, *which: int) -> None:
    for number in which:
        call = environment.calls.commit(dataset, number.to_bytes(32, "big"))
        sending.submit(f"{number}", call, environment.key.address)


def stepped(sending: Sender) -> bool:
    """One look; what the endpoint does not show is looked for again."""
    try:
        return sending.step()
    except ChainError:
        return True


def drained(environment, sending: Sender, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while stepped(sending):
        assert time.monotonic() < end, "the sender does not come to an end"
        environment.local.mine()


@pytest.mark.parametrize(
    "mode", ["flip3", *(pytest.param(one, marks=pytest.mark.slow) for one in ("lag2", "flip1+behind"))]
)
def test_machines_at_different_heights_hide_no_event(environment, faulty: FaultyEndpoint, mode: str) -> None:
    offer = environment.offer()
    following = Index(create_engine("sqlite://"), behind(environment, faulty))
    following.sync()
    faulty.mode = mode
    roots = [bytes([number]) * 32 for number in range(1, 9)]
    seen: list[bytes] = []
    for root in roots:
        environment.send(environment.calls.anchor(offer.id, root))
        for _ in range(2):
            try:
                following.sync()
            except ChainError as error:
                assert error.code in ("chain.behind", "chain.incomplete")
        before, seen = seen, list(following.batches(offer.id))
        assert seen[: len(before)] == before, "nothing was taken back"
    environment.local.mine(4)
    faulty.mode = ""
    following.sync()
    assert list(following.batches(offer.id)) == roots


@pytest.mark.parametrize("mode", ["flip3", pytest.param("lag2", marks=pytest.mark.slow)])
def test_machines_at_different_heights_lose_and_double_no_intent(
    environment, faulty: FaultyEndpoint, mode: str
) -> None:
    """A machine that lags counts fewer transactions of the account, so that a nonce which is used up looks free; and
    refuses a call that builds on what it has not seen."""
    sending = Sender(environment.engine, behind(environment, faulty, confirmations=1), (environment.key,))
    first, datasets = environment.nonce(), [secrets.token_bytes(32) for _ in range(2)]
    faulty.mode = mode
    for number, dataset in enumerate(datasets):
        registration = environment.calls.register(dataset, Subjects.PERSONS, bytes(32), bytes(32), 0)
        sending.submit(f"registered {number}", registration, environment.key.address)
        drained(environment, sending)
        submit(environment, sending, dataset, number)
        drained(environment, sending)
    assert [numbers(environment, dataset) for dataset in datasets] == [[0], [1]]
    names = [name for number in range(2) for name in (f"registered {number}", f"{number}")]
    assert all(isinstance(sending.outcome(name), Mined) for name in names)
    assert environment.nonce() == first + len(names)
    with environment.engine.connect() as connection:
        signed = connection.execute(outbox.transactions.select()).all()
    assert len(signed) == len({one.nonce for one in signed}), "no nonce was signed for twice"


def test_one_answer_of_a_machine_that_lags_is_not_believed(environment, monkeypatch) -> None:
    """It refuses what builds on a block that it lacks, and counts one transaction of the account too few."""
    sending, dataset = environment.sender(), secrets.token_bytes(32)
    honest, past = sending._chain.rpc.call, environment.local.block_number()
    sending.submit(
        "registered",
        environment.calls.register(dataset, Subjects.OWN, bytes(32), bytes(32), 0),
        environment.key.address,
    )
    drained(environment, sending)
    submit(environment, sending, dataset, 0)
    for late in ("eth_estimateGas", "eth_getTransactionCount"):

        def call(method: str, *parameters: object, late: str = late) -> object:
            return honest(method, *(hex(past) if method == late and one == "pending" else one for one in parameters))

        monkeypatch.setattr(sending._chain.rpc, "call", call)
        sending.step()
        assert sending.outcome("0") is None
    monkeypatch.setattr(sending._chain.rpc, "call", honest)
    drained(environment, sending)
    assert all(isinstance(sending.outcome(name), Mined) for name in ("registered", "0"))
    with environment.engine.connect() as connection:
        signed = connection.execute(outbox.transactions.select()).all()
    assert len(signed) == len({one.nonce for one in signed}) == 2


def test_a_machine_that_never_catches_up_loses_no_nonce_to_another(
    environment, faulty: FaultyEndpoint, monkeypatch
) -> None:
    """One machine counts the account's transactions, another one, which stopped long ago, has no receipt: that the
    nonce is used up by a stranger's is believed of no block which holds the sender's own."""
    monkeypatch.setattr(sender, "LOST_SECONDS", 0.0)
    sending = Sender(environment.engine, behind(environment, faulty), (environment.key,))
    dataset, batch = environment.dataset(), sending._chain.rpc.batch
    submit(environment, sending, dataset, 0)
    sending.step()
    environment.local.mine(5)
    monkeypatch.setattr(sending._chain.rpc, "batch", lambda method, asked: [None for _ in asked])
    for _ in range(2 * sender.LOST_AFTER):
        sending.step()
    assert sending.outcome("0") is None
    monkeypatch.setattr(sending._chain.rpc, "batch", batch)
    drained(environment, sending)
    assert isinstance(sending.outcome("0"), Mined)
    assert numbers(environment, dataset) == [0]


def test_what_waits_to_be_final_keeps_nothing_from_the_chain(environment, faulty: FaultyEndpoint, monkeypatch) -> None:
    """Far more than may be in flight: a withdrawal is in a block although nothing has been final for long. The tag goes
    back, and is away for a while, too."""
    monkeypatch.setattr(sender, "IN_FLIGHT", 4)
    chain = behind(environment, faulty, finality="finalized", confirmations=3)
    sending, dataset, stood = (
        Sender(environment.engine, chain, (environment.key,)),
        environment.dataset(),
        environment.local.block_number(),
    )
    faulty.mode = f"final{stood}"
    submit(environment, sending, dataset, *range(12))
    for _ in range(6):
        sending.step()
    assert numbers(environment, dataset) == list(range(12))
    assert [sending.outcome(f"{number}") for number in range(12)] == [None] * 12
    faulty.calls.clear()
    sending.step()
    assert faulty.calls["eth_getTransactionReceipt"] == 0, "what is in blocks is not asked for at each look"
    for mode in ("nofinal", f"final{stood - 1}"):
        faulty.mode = mode
        sending.step()
    faulty.mode = f"final{stood + 5}"
    sending.step()
    ended = [number for number in range(12) if sending.outcome(f"{number}") is not None]
    assert ended == list(range(5))
    faulty.mode = f"final{stood}"
    sending.step()
    assert [number for number in range(12) if sending.outcome(f"{number}") is not None] == ended, "what counted counts"
    faulty.mode = f"final{environment.local.block_number()}"
    drained(environment, sending)
    assert all(isinstance(sending.outcome(f"{number}"), Mined) for number in range(12))
    assert numbers(environment, dataset) == list(range(12))


@pytest.mark.parametrize("restarted", [False, True])
def test_a_reorganisation_below_what_counts_takes_outcomes_back(environment, restarted: bool) -> None:
    """The chain forgets what counted, a refused transaction among it. The same bytes are sent again."""
    sending, dataset, unknown = environment.sender(), environment.dataset(), secrets.token_bytes(32)
    snapshot = environment.local.rpc("evm_snapshot")
    submit(environment, sending, dataset, 0, 1)
    drained(environment, sending)
    environment.automine(False)
    again = environment.calls.register(unknown, Subjects.OWN, bytes(32), bytes(32), 0)
    sending.submit("once", again, environment.key.address)
    sending._chain.rpc.call, honest = _simulating_latest(sending), sending._chain.rpc.call
    sending.submit("refused", again, environment.key.address)
    sending.step()
    sending._chain.rpc.call = honest
    environment.local.mine()
    environment.automine(True)
    submit(environment, sending, dataset, 2)
    drained(environment, sending)
    assert isinstance(sending.outcome("refused"), Reverted)
    bytes_before = _raw(environment)
    assert environment.local.rpc("evm_revert", snapshot)
    environment.local.mine()
    assert numbers(environment, dataset) == []
    if restarted:
        sending = environment.sender()
    sending.reorganised()
    drained(environment, sending)
    assert numbers(environment, dataset) == [0, 1, 2]
    assert _raw(environment) == bytes_before
    assert isinstance(sending.outcome("refused"), Reverted)
    submit(environment, sending, dataset, 3)
    drained(environment, sending)
    assert numbers(environment, dataset) == [0, 1, 2, 3]
    index_ = Index(create_engine("sqlite://"), environment.chain)
    index_.sync()
    assert index_.latest() == environment.local.block_number()


def _simulating_latest(sending: Sender):
    """Estimates see no pending transaction."""
    honest = sending._chain.rpc.call
    return lambda method, *p: honest(
        method, *("latest" if method == "eth_estimateGas" and one == "pending" else one for one in p)
    )


def _raw(environment) -> list[bytes]:
    with environment.engine.connect() as connection:
        return [bytes(one.raw) for one in connection.execute(outbox.transactions.select())]
