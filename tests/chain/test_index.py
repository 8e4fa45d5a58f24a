"""The index says what the chain says, also after the chain has changed its mind."""

from __future__ import annotations

import secrets

import pytest
from sqlalchemy import select

from placet.chain import event_tables, events
from placet.chain import index as module
from placet.chain import logs as logs_module
from placet.chain.event_tables import DeadConsent
from placet.chain.index import Index
from placet.chain.logs import Moved
from placet.chain.sizes import AdaptiveSize
from placet.core.errors import ChainError, NotFoundError
from placet.core.merkle import batch_levels, batch_proof
from placet.core.offers import Offer, Subjects
from placet.core.signatures import Key
from placet.core.withdrawal import FIRST_EPOCH


def same_as_the_chain(environment, index: Index) -> None:
    """Every stored event is what the endpoint gives now, and nothing is missing."""
    kinds = [kind for kinds in events.CONTRACTS.values() for kind in kinds]
    told = environment.chain.events(kinds, environment.deployment.block)
    assert index._decoded() == told


def test_before_and_after_the_first_look(environment) -> None:
    index = Index(environment.engine, environment.chain)
    assert index.latest() == environment.deployment.block - 1
    assert index.offers() == []
    assert index.sync() == index.latest() == environment.chain.head().number
    assert index.sync() == index.latest()


def test_offers_batches_and_as_of_a_block(environment) -> None:
    index = Index(environment.engine, environment.chain)
    offer = environment.offer()
    made = index.sync()
    environment.send(environment.calls.anchor(offer.id, b"1" * 32), environment.calls.anchor(offer.id, b"2" * 32))
    end = index.sync()
    assert [(made_.offer, made_.provider, made_.terms) for made_ in index.offers()] == [
        (offer.id, environment.key.address, offer)
    ]
    assert index.batches(offer.id) == {b"1" * 32: end - 1, b"2" * 32: end}
    assert index.batches(offer.id, at=end - 1) == {b"1" * 32: end - 1}
    assert index.batches(offer.id, at=made) == {}
    assert index.batches(secrets.token_bytes(32)) == {}
    assert index.offers(at=made - 1) == []
    (registered,) = index.datasets()
    assert (registered.dataset, registered.subjects) == (offer.dataset, Subjects.PERSONS)
    assert all(event.timestamp == environment.chain.block(event.block).timestamp for event in index.offers())
    same_as_the_chain(environment, index)


def test_the_dead_in_all_situations(environment) -> None:
    """Granted, batched with and without proof, never seen; by owner and by provider; many in one transaction."""
    index, offer, owner = Index(environment.engine, environment.chain), environment.offer(), Key()
    granted, late, unseen, batched, expelled, many_a, many_b = (environment.consent(offer, owner) for _ in range(7))
    leaves = sorted(consent.id for consent in (late, batched, expelled))
    levels = batch_levels(leaves)
    root = levels[-1][0]

    def proof(consent) -> list[bytes]:
        return batch_proof(levels, leaves.index(consent.id))

    calls = environment.calls
    environment.send(
        calls.grant(granted, environment.signed(granted, owner)),
        calls.anchor(offer.id, root),
        calls.withdraw(granted.grant(), environment.withdrawal(granted, owner)),
        calls.withdraw(late.grant(), environment.withdrawal(late, owner)),
        calls.withdraw(unseen.grant(), environment.withdrawal(unseen, owner)),
        calls.withdraw_batched(batched.grant(), environment.withdrawal(batched, owner), root, proof(batched)),
        calls.revoke_batched(expelled.grant(), b"r" * 32, root, proof(expelled)),
        calls.withdraw_many(
            [many_a.grant(), many_b.grant()],
            [environment.withdrawal(many_a, owner), environment.withdrawal(many_b, owner)],
            [(bytes(32), []), (bytes(32), [])],
        ),
    )
    before = index.sync()
    assert not index.dead(offer.id)[late.id].proven
    environment.send(calls.prove(late.id, offer.id, root, proof(late)))
    index.sync()

    order = [granted, late, unseen, batched, expelled, many_a, many_b]
    dead = index.dead(offer.id)
    assert index.withdrawal_list(offer.id) == [consent.id for consent in order] == list(dead)
    assert [entry.order for entry in dead.values()] == list(range(7))
    assert [entry.proven for entry in dead.values()] == [True, True, False, True, True, False, False]
    assert [entry.kind for entry in dead.values()] == ["withdrawn"] * 4 + ["revoked"] + ["withdrawn"] * 2
    assert not index.dead(offer.id, at=before)[late.id].proven
    assert dead[granted.id] == DeadConsent("withdrawn", before - 5, True, 0)
    assert index.dead(offer.id, at=before - 6) == {}
    given = index.given(granted.id)
    assert given is not None
    assert (given.not_before, given.not_after, given.uses) == (granted.not_before, granted.not_after, 1)
    assert index.given(batched.id) is None

    state = environment.chain.offer(offer.id)
    assert index.heads(offer.id) == (state.epoch, state.unproven)
    assert FIRST_EPOCH not in index.heads(offer.id)
    same_as_the_chain(environment, index)


def test_an_offer_of_more_than_any_document_counts_is_none_and_stops_nobody(environment) -> None:
    """Anybody can register a dataset and make such an offer."""
    index, usual = Index(environment.engine, environment.chain), environment.offer()
    odd = Offer.model_construct(**(dict(usual) | {"dataset": environment.dataset(), "budget": 2**53}))
    environment.send(environment.calls.offer(odd), environment.calls.anchor(usual.id, b"1" * 32))
    index.sync()
    assert [event.root for event in environment.chain.events([events.BatchAnchored], 0, offer=usual.id)] == [b"1" * 32]
    assert odd.id not in [event.offer for event in environment.chain.events([events.OfferMade], 0)]
    with pytest.raises(NotFoundError, match="document can name"):
        environment.chain.offer(odd.id)
    large, whole = environment.dataset(2**53), environment.dataset(2**53 - 1)
    with pytest.raises(NotFoundError, match="document can name"):
        environment.chain.dataset(large)
    assert environment.chain.dataset(whole).budget == 2**53 - 1


def test_a_reorganisation_takes_back_and_puts_elsewhere(environment) -> None:
    index, offer = Index(environment.engine, environment.chain), environment.offer()
    index.sync()
    snapshot = environment.local.rpc("evm_snapshot")
    environment.send(environment.calls.anchor(offer.id, b"1" * 32), environment.calls.anchor(offer.id, b"2" * 32))
    old = index.sync()
    assert environment.local.rpc("evm_revert", snapshot)
    environment.send(environment.calls.anchor(offer.id, b"2" * 32), environment.calls.anchor(offer.id, b"3" * 32))
    assert index.sync() == old, "the new branch is as long as the old one"
    assert index.batches(offer.id) == {b"2" * 32: old - 1, b"3" * 32: old}
    same_as_the_chain(environment, index)


@pytest.mark.parametrize("more", [0, 3])
def test_a_reorganisation_that_another_process_has_seen_shows_here_too(environment, more) -> None:
    """A node has several processes on one database, and what counted as deep in one of them was taken back in another,
    which has read on since."""
    ours, other = (Index(environment.engine, environment.chain) for _ in range(2))
    offer = environment.offer()
    ours.sync()
    other.sync()
    snapshot = environment.local.rpc("evm_snapshot")
    environment.send(environment.calls.anchor(offer.id, b"1" * 32))
    ours.sync()
    other.sync()
    before = ours.taken_back
    ours.sync()
    assert ours.taken_back == before
    assert environment.local.rpc("evm_revert", snapshot)
    environment.local.mine(1 + more)
    other.sync()
    assert ours.batches(offer.id) == {}
    ours.sync()
    after = ours.taken_back
    assert after > before
    ours.sync()
    environment.local.mine(1)
    other.sync()
    ours.sync()
    assert ours.taken_back == after
    same_as_the_chain(environment, ours)


def test_a_reorganisation_that_swaps_two_withdrawals_shows(environment) -> None:
    """As many have withdrawn as before."""
    index, offer, owner = Index(environment.engine, environment.chain), environment.offer(), Key()
    first, second = (environment.consent(offer, owner) for _ in range(2))
    environment.send(
        *(environment.calls.grant(consent, environment.signed(consent, owner)) for consent in (first, second))
    )
    before = index.ended_mark(offer.id)
    snapshot = environment.local.rpc("evm_snapshot")
    told = []
    for consent in (first, second):
        environment.send(environment.calls.withdraw(consent.grant(), environment.withdrawal(consent, owner)))
        index.sync()
        state = environment.chain.offer(offer.id)
        assert index.heads(offer.id) == (state.epoch, state.unproven)
        told.append((index.ended_mark(offer.id), state.epoch))
        if consent is first:
            assert environment.local.rpc("evm_revert", snapshot)
    marks, epochs = zip(*told, strict=True)
    assert len({before, *marks}) == 3 and len({FIRST_EPOCH, *epochs}) == 3
    same_as_the_chain(environment, index)


def test_a_shorter_chain_takes_nothing_back_until_it_shows_another_block(environment, monkeypatch) -> None:
    """A machine that lags tells of an earlier head too, and what it does not know has happened all the same."""
    index, offer = Index(environment.engine, environment.chain), environment.offer()
    start = index.sync()
    snapshot = environment.local.rpc("evm_snapshot")
    environment.send(*(environment.calls.anchor(offer.id, bytes([n]) * 32) for n in range(1, 6)))
    end = index.sync()
    assert environment.local.rpc("evm_revert", snapshot)
    assert index.sync() == index.latest() == end
    assert Index(environment.engine, environment.chain).sync() == end
    assert len(index.batches(offer.id)) == 5
    monkeypatch.setattr(module, "BEHIND_SECONDS", -1.0)
    with pytest.raises(ChainError, match="behind"):
        index.sync()
    environment.local.mine(end - start)
    assert index.sync() == index.latest() == end
    assert index.batches(offer.id) == {}
    same_as_the_chain(environment, index)


def test_a_reorganisation_below_all_checkpoints_reads_from_the_start(environment, monkeypatch) -> None:
    monkeypatch.setattr(module, "CHECKPOINTS", 2)
    index, offer = Index(environment.engine, environment.chain), environment.offer()
    index.sync()
    snapshot = environment.local.rpc("evm_snapshot")
    for number in range(1, 5):
        environment.send(environment.calls.anchor(offer.id, bytes([number]) * 32))
        index.sync()
    with environment.engine.connect() as connection:
        assert len(connection.execute(select(event_tables.checkpoints)).all()) == 2
    assert environment.local.rpc("evm_revert", snapshot)
    environment.local.mine(10)
    index.sync()
    assert index.batches(offer.id) == {}
    assert len(index.offers()) == 1
    same_as_the_chain(environment, index)


@pytest.mark.parametrize("moment", ["eth_getLogs", "eth_getBlockByNumber"])
def test_a_reorganisation_while_reading(environment, monkeypatch, moment) -> None:
    index, offer = Index(environment.engine, environment.chain), environment.offer()
    index.sync()
    snapshot = environment.local.rpc("evm_snapshot")
    environment.send(environment.calls.anchor(offer.id, b"1" * 32))
    seen = []

    def asked(honest):
        def ask(method: str, *params: object):
            answer = honest(method, *params)
            seen.append(method)
            if seen.count(moment) == 1 and method == moment:
                environment.local.rpc("evm_revert", snapshot)
                environment.local.rpc("evm_increaseTime", 10)
                environment.local.mine()
            return answer

        return ask

    for name in ("call", "batch"):
        monkeypatch.setattr(environment.chain.rpc, name, asked(getattr(environment.chain.rpc, name)))
    index.sync()
    index.sync()
    assert index.batches(offer.id) == {}
    monkeypatch.undo()
    same_as_the_chain(environment, index)


def test_a_chain_that_never_rests_is_an_error_and_stores_nothing_wrong(environment, monkeypatch) -> None:
    index, offer = Index(environment.engine, environment.chain), environment.offer()

    def moved(*_: object):
        raise Moved

    monkeypatch.setattr(environment.chain.logs, "blocks", moved)
    with pytest.raises(ChainError, match="faster"):
        index.sync()
    assert index.batches(offer.id) == {}
    monkeypatch.undo()
    index.sync()
    same_as_the_chain(environment, index)


def test_many_blocks_are_read_in_bounded_pieces(environment, monkeypatch) -> None:
    offer = environment.offer()
    for number in range(1, 8):
        environment.send(environment.calls.anchor(offer.id, bytes([number]) * 32))
        environment.local.mine(number % 3)
    monkeypatch.setattr(logs_module, "CHUNK", 5)
    environment.chain.logs._range = AdaptiveSize(3)
    ranges, honest = [], environment.chain.rpc.call

    def call(method: str, *params):
        if method == "eth_getLogs":
            ranges.append(int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) + 1)
        return honest(method, *params)

    monkeypatch.setattr(environment.chain.rpc, "call", call)
    index = Index(environment.engine, environment.chain)
    index.sync()
    assert len(ranges) > 3
    assert max(ranges) == 3
    assert len(index.batches(offer.id)) == 7
    same_as_the_chain(environment, index)


def test_a_new_process_goes_on_where_the_old_one_was(environment, monkeypatch) -> None:
    offer = environment.offer()
    Index(environment.engine, environment.chain).sync()
    environment.send(environment.calls.anchor(offer.id, b"1" * 32))
    monkeypatch.setattr(module, "REREAD", 0)
    index, starts, honest = Index(environment.engine, environment.chain), [], environment.chain.logs.blocks

    def blocks(start: int, *rest):
        starts.append(start)
        return honest(start, *rest)

    monkeypatch.setattr(environment.chain.logs, "blocks", blocks)
    assert index.sync() == starts[0] == environment.chain.head().number
    same_as_the_chain(environment, index)


def test_an_endpoint_without_timestamps_in_logs(environment, monkeypatch) -> None:
    environment.offer()
    honest = environment.chain.rpc.call

    def call(method: str, *params):
        answer = honest(method, *params)
        return (
            [{k: v for k, v in log.items() if k != "blockTimestamp"} for log in answer]
            if method == "eth_getLogs"
            else answer
        )

    monkeypatch.setattr(environment.chain.rpc, "call", call)
    index = Index(environment.engine, environment.chain)
    index.sync()
    monkeypatch.undo()
    same_as_the_chain(environment, index)
