"""No event is missed, whatever the endpoint says of a range of blocks; and what it does not show is never believed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from faulty_endpoint import FaultyEndpoint, faulty_endpoint
from placet.chain import event_tables, events, logs
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
def faulty(environment) -> Iterator[FaultyEndpoint]:
    with faulty_endpoint(environment.local.url) as endpoint:
        yield endpoint


@pytest.fixture
def offer(environment) -> Offer:
    """An offer with batches in blocks of their own, two empty blocks after each."""
    made = environment.offer()
    for root in ROOTS:
        environment.send(environment.calls.anchor(made.id, root))
        environment.local.mine(2)
    return made


@pytest.fixture
def chain(environment, faulty) -> Chain:
    return Chain(faulty.url, environment.deployment)


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
def test_a_short_or_empty_answer_hides_nothing(environment, faulty, chain, offer, lie: str, receipts: str) -> None:
    faulty.mode = lie + receipts
    index = Index(environment.engine, chain)
    assert index.sync() == environment.chain.head().number
    assert list(index.batches(offer.id)) == ROOTS
    environment.send(environment.calls.anchor(offer.id, b"n" * 32))
    index.sync()
    assert list(index.batches(offer.id)) == [*ROOTS, b"n" * 32]
    read = chain.events(BATCHES, environment.deployment.block, offer=offer.id)
    assert [event.root for event in read] == [*ROOTS, b"n" * 32], "what an audit reads"


def test_many_events_in_one_block_and_others_beside_them(environment, faulty, chain) -> None:
    """A withdrawal of many, of which the answer leaves out the last; and a block that a stranger's logs share."""
    offer, owner = environment.offer(), Key()
    consents = [environment.consent(offer, owner) for _ in range(40)]
    environment.automine(False)
    sender = environment.sender()
    sender.submit(
        "many",
        environment.calls.withdraw_many(
            [consent.grant() for consent in consents],
            [environment.withdrawal(consent, owner) for consent in consents],
            [(bytes(32), [])] * len(consents),
        ),
        environment.key.address,
    )
    sender.submit("beside", environment.calls.anchor(offer.id, b"b" * 32), environment.key.address)
    sender.step()
    environment.local.mine()
    environment.automine(True)
    faulty.mode = "shortlogs"
    index = Index(environment.engine, chain)
    index.sync()
    assert index.withdrawal_list(offer.id) == [consent.id for consent in consents]
    assert list(index.batches(offer.id)) == [b"b" * 32]


def test_what_can_not_be_shown_is_no_checkpoint(environment, faulty, chain, offer) -> None:
    index = Index(environment.engine, chain)
    index.sync()
    before = index.latest()
    environment.send(environment.calls.anchor(offer.id, b"n" * 32))
    faulty.mode = "laglogs3+without:eth_getBlockReceipts+without:eth_getTransactionReceipt"
    for _ in range(2):
        with pytest.raises(ChainError):
            index.sync()
        assert index.latest() == before
    faulty.mode = "laglogs3"
    assert index.sync() > before
    assert list(index.batches(offer.id)) == [*ROOTS, b"n" * 32]


def test_filters_that_nobody_fills_in_rule_nothing_out(environment, faulty, chain, offer, monkeypatch) -> None:
    """Some chains leave every header's filter empty, or full."""
    honest = FaultyEndpoint.ask
    for bloom in ("0x" + "00" * 256, "0x" + "ff" * 256):

        def ask(endpoint: FaultyEndpoint, request, bloom: str = bloom):
            answer = honest(endpoint, request)
            if request["method"] == "eth_getBlockByNumber":
                answer["result"]["logsBloom"] = bloom
            return answer

        monkeypatch.setattr(FaultyEndpoint, "ask", ask)
        fresh = Chain(faulty.url, environment.deployment)
        faulty.mode = "laglogs100"
        assert [e.root for e in fresh.events(BATCHES, environment.deployment.block, offer=offer.id)] == ROOTS


@pytest.mark.parametrize("most", [1, 7])
def test_ranges_are_as_long_as_the_endpoint_takes_them(environment, faulty, chain, offer, most: int) -> None:
    faulty.mode = f"limit{most}"
    index = Index(environment.engine, chain)
    index.sync()
    assert list(index.batches(offer.id)) == ROOTS
    assert chain.logs._range.now <= most
    faulty.mode, chain.logs._range._run = "", 1
    chain.events(BATCHES, environment.deployment.block, offer=offer.id)
    assert chain.logs._range.now > most, "it is tried whether more can be had by now"


def test_empty_blocks_cost_their_headers_alone(environment, faulty, chain) -> None:
    index = Index(environment.engine, chain)
    environment.offer()
    index.sync()
    faulty.calls.clear()
    environment.local.mine(50)
    index.sync()
    assert dict(faulty.calls) == {"eth_getBlockByNumber": 51}
    assert faulty.batches[-1] == 50


def test_a_machine_that_lags_takes_nothing_back(environment, faulty, chain, offer) -> None:
    index = Index(environment.engine, chain)
    index.sync()
    faulty.mode = "behind"
    for number in range(6):
        environment.send(environment.calls.anchor(offer.id, bytes([100 + number]) * 32))
        seen = len(index.batches(offer.id))
        index.sync()
        assert len(index.batches(offer.id)) >= seen
    faulty.mode = ""
    index.sync()
    assert len(index.batches(offer.id)) == len(ROOTS) + 6


def test_an_index_that_missed_something_is_healed_by_a_new_process(environment, chain, offer) -> None:
    """A withdrawal that an earlier version missed, below the blocks that are read once more in any case."""
    owner = Key()
    consents = [environment.consent(offer, owner) for _ in range(3)]
    for consent in consents:
        environment.send(environment.calls.withdraw(consent.grant(), environment.withdrawal(consent, owner)))
    environment.local.mine(index_module.REREAD + 10)
    Index(environment.engine, chain).sync()
    environment.local.mine(index_module.REREAD + 10)
    Index(environment.engine, chain).sync()
    with environment.engine.begin() as connection:
        lost = sa.delete(event_tables.logs).where(event_tables.logs.c.consent == consents[1].id)
        assert connection.execute(lost).rowcount == 1
    index = Index(environment.engine, chain)
    index.sync()
    assert index.withdrawal_list(offer.id) == [consent.id for consent in consents]


def test_checkpoints_of_an_earlier_kind_are_not_believed(environment, chain, offer) -> None:
    """As a version that believed `eth_getLogs` left them: far on, without the events."""
    head = environment.chain.head()
    with environment.engine.begin() as connection:
        event_tables.logs.create(connection)
        connection.execute(sa.text("CREATE TABLE index_checkpoints (block BIGINT PRIMARY KEY, hash BLOB NOT NULL)"))
        connection.execute(
            sa.text("INSERT INTO index_checkpoints VALUES (:block, :hash)"), {"block": head.number, "hash": head.hash}
        )
    index = Index(environment.engine, chain)
    index.sync()
    assert list(index.batches(offer.id)) == ROOTS


def test_the_newest_blocks_are_read_once_more_by_a_new_process(environment, chain, offer) -> None:
    Index(environment.engine, chain).sync()
    with environment.engine.begin() as connection:
        connection.execute(sa.delete(event_tables.logs).where(event_tables.logs.c.name == "BatchAnchored"))
    index = Index(environment.engine, chain)
    index.sync()
    assert list(index.batches(offer.id)) == ROOTS
