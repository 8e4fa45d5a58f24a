"""No event is missed, whatever the endpoint says of a range of blocks; and what it does not show is never believed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from faulty_endpoint import FaultyEndpoint, faulty_endpoint
from placet.chain import events, logs
from placet.chain import index as index_module
from placet.chain.client import Chain
from placet.chain.index import Index
from placet.core.errors import ChainError
from placet.core.offers import Offer
from placet.core.signatures import Key

ROOTS = [bytes([number]) * 32 for number in range(1, 7)]
BATCHES = [events.BatchAnchored]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "PAUSE", 0.0)


@pytest.fixture
def faulty(world) -> Iterator[FaultyEndpoint]:
    with faulty_endpoint(world.local.url) as endpoint:
        yield endpoint


@pytest.fixture
def offer(world) -> Offer:
    """An offer with batches in blocks of their own, two empty blocks after each."""
    made = world.offer()
    for root in ROOTS:
        world.send(world.calls.anchor(made.id, root))
        world.local.mine(2)
    return made


@pytest.fixture
def chain(world, faulty) -> Chain:
    return Chain(faulty.url, world.deployment)


WITHOUT = "+without:eth_getBlockReceipts"
LIES = ["laglogs3", "laglogs100", "shortlogs", "without:eth_getLogs"]


@pytest.mark.parametrize(
    ("lie", "receipts"),
    [
        *((lie, "") for lie in LIES),
        ("laglogs3", WITHOUT),
        *(pytest.param(lie, WITHOUT, marks=pytest.mark.slow) for lie in LIES[1:]),
    ],
)
def test_a_short_or_empty_answer_hides_nothing(world, faulty, chain, offer, lie: str, receipts: str) -> None:
    faulty.mode = lie + receipts
    index = Index(world.engine, chain)
    assert index.sync() == world.chain.head().number
    assert list(index.batches(offer.id)) == ROOTS
    world.send(world.calls.anchor(offer.id, b"n" * 32))
    index.sync()
    assert list(index.batches(offer.id)) == [*ROOTS, b"n" * 32]
    read = chain.events(BATCHES, world.deployment.block, offer=offer.id)
    assert [event.root for event in read] == [*ROOTS, b"n" * 32], "what an audit reads"


def test_many_events_in_one_block_and_others_beside_them(world, faulty, chain) -> None:
    """A withdrawal of many, of which the answer leaves out the last; and a block that a stranger's logs share."""
    offer, owner = world.offer(), Key()
    consents = [world.consent(offer, owner) for _ in range(40)]
    world.automine(False)
    sender = world.sender()
    sender.submit(
        "many",
        world.calls.withdraw_many(
            [consent.grant() for consent in consents],
            [world.withdrawal(consent, owner) for consent in consents],
            [(bytes(32), [])] * len(consents),
        ),
        world.key.address,
    )
    sender.submit("beside", world.calls.anchor(offer.id, b"b" * 32), world.key.address)
    sender.step()
    world.local.mine()
    world.automine(True)
    faulty.mode = "shortlogs"
    index = Index(world.engine, chain)
    index.sync()
    assert index.withdrawal_list(offer.id) == [consent.id for consent in consents]
    assert list(index.batches(offer.id)) == [b"b" * 32]


def test_what_can_not_be_shown_is_no_checkpoint(world, faulty, chain, offer) -> None:
    index = Index(world.engine, chain)
    index.sync()
    before = index.latest()
    world.send(world.calls.anchor(offer.id, b"n" * 32))
    faulty.mode = "laglogs3+without:eth_getBlockReceipts+without:eth_getTransactionReceipt"
    for _ in range(2):
        with pytest.raises(ChainError):
            index.sync()
        assert index.latest() == before
    faulty.mode = "laglogs3"
    assert index.sync() > before
    assert list(index.batches(offer.id)) == [*ROOTS, b"n" * 32]


def test_filters_that_nobody_fills_in_rule_nothing_out(world, faulty, chain, offer, monkeypatch) -> None:
    """Some chains leave every header's filter empty, or full."""
    honest = FaultyEndpoint.ask
    for bloom in ("0x" + "00" * 256, "0x" + "ff" * 256):

        def ask(endpoint: FaultyEndpoint, request, bloom: str = bloom):
            answer = honest(endpoint, request)
            if request["method"] == "eth_getBlockByNumber":
                answer["result"]["logsBloom"] = bloom
            return answer

        monkeypatch.setattr(FaultyEndpoint, "ask", ask)
        fresh = Chain(faulty.url, world.deployment)
        faulty.mode = "laglogs100"
        assert [e.root for e in fresh.events(BATCHES, world.deployment.block, offer=offer.id)] == ROOTS


@pytest.mark.parametrize("most", [1, 7])
def test_ranges_are_as_long_as_the_endpoint_takes_them(world, faulty, chain, offer, most: int) -> None:
    faulty.mode = f"limit{most}"
    index = Index(world.engine, chain)
    index.sync()
    assert list(index.batches(offer.id)) == ROOTS
    assert chain.logs._range.now <= most
    faulty.mode, chain.logs._range._run = "", 1
    chain.events(BATCHES, world.deployment.block, offer=offer.id)
    assert chain.logs._range.now > most, "it is tried whether more can be had by now"


def test_empty_blocks_cost_their_headers_alone(world, faulty, chain) -> None:
    index = Index(world.engine, chain)
    world.offer()
    index.sync()
    faulty.calls.clear()
    world.local.mine(50)
    index.sync()
    assert dict(faulty.calls) == {"eth_getBlockByNumber": 51}
    assert faulty.batches[-1] == 50


def test_a_machine_that_lags_takes_nothing_back(world, faulty, chain, offer) -> None:
    index = Index(world.engine, chain)
    index.sync()
    faulty.mode = "behind"
    for number in range(6):
        world.send(world.calls.anchor(offer.id, bytes([100 + number]) * 32))
        seen = len(index.batches(offer.id))
        index.sync()
        assert len(index.batches(offer.id)) >= seen
    faulty.mode = ""
    index.sync()
    assert len(index.batches(offer.id)) == len(ROOTS) + 6


def test_an_index_that_missed_something_is_healed_by_a_new_process(world, chain, offer) -> None:
    """A withdrawal that an earlier version missed, below the blocks that are read once more in any case."""
    owner = Key()
    consents = [world.consent(offer, owner) for _ in range(3)]
    for consent in consents:
        world.send(world.calls.withdraw(consent.grant(), world.withdrawal(consent, owner)))
    world.local.mine(index_module.REREAD + 10)
    Index(world.engine, chain).sync()
    world.local.mine(index_module.REREAD + 10)
    Index(world.engine, chain).sync()
    with world.engine.begin() as connection:
        lost = sa.delete(index_module.logs).where(index_module.logs.c.consent == consents[1].id)
        assert connection.execute(lost).rowcount == 1
    index = Index(world.engine, chain)
    index.sync()
    assert index.withdrawal_list(offer.id) == [consent.id for consent in consents]


def test_checkpoints_of_an_earlier_kind_are_not_believed(world, chain, offer) -> None:
    """As a version that believed `eth_getLogs` left them: far on, without the events."""
    head = world.chain.head()
    with world.engine.begin() as connection:
        index_module.logs.create(connection)
        connection.execute(sa.text("CREATE TABLE index_checkpoints (block BIGINT PRIMARY KEY, hash BLOB NOT NULL)"))
        connection.execute(
            sa.text("INSERT INTO index_checkpoints VALUES (:block, :hash)"), {"block": head.number, "hash": head.hash}
        )
    index = Index(world.engine, chain)
    index.sync()
    assert list(index.batches(offer.id)) == ROOTS


def test_the_newest_blocks_are_read_once_more_by_a_new_process(world, chain, offer) -> None:
    Index(world.engine, chain).sync()
    with world.engine.begin() as connection:
        connection.execute(sa.delete(index_module.logs).where(index_module.logs.c.name == "BatchAnchored"))
    index = Index(world.engine, chain)
    index.sync()
    assert list(index.batches(offer.id)) == ROOTS
