"""Which rows are lawful."""

import pytest
import sqlalchemy as sa
from tests.vault.conftest import JOB, to_sign

from placet.core.errors import ChainError, ConsentError, InputError, NotFoundError, StateError, WarrantError
from placet.core.hashing import sha256
from placet.core.ids import JobId
from placet.core.merkle import batch_root, lawful_root
from placet.core.offers import Offer
from placet.vault.database import LAWFUL
from placet.vault.lawful import NEVER
from placet.vault.responses import SetToSign, TableCounts
from placet.vault.schema import Field_
from shown import leaves_of


def ids(world, lawful) -> list[bytes]:
    return [leaf.consent for leaf in world.records.sets.stored(world.offer.id, lawful.root).leaves]


def test_batched_and_alive(world) -> None:
    consents = world.accept("customer-00001", "customer-00002", "customer-00003", uses=4)
    world.anchor(consents[:2])
    world.state(epoch=b"7" * 24, openings=2)
    lawful = world.lawful()
    assert ids(world, lawful) == sorted(consents[:2])
    assert (lawful.count, lawful.epoch, lawful.opens_before) == (2, b"7" * 24, 4)
    evidence = world.vault.leaves(world.offer.id, lawful.root, 0)
    assert evidence.count == evidence.total == 2
    leaves = []
    for leaf in leaves_of(evidence):
        full = leaf.consent.expand(world.offer, world.scope, world.trust.name)
        world.chain.verifiers.demand("it", full.owner, world.deployment.consents.digest(full.id), leaf.signature)
        leaves.append((full.id, leaf.row))
    assert lawful_root(leaves) == lawful.root
    assert evidence.batches == (batch_root(sorted(consents[:2])),)
    assert world.vault.batch(world.offer.id, evidence.batches[0]).joined == b"".join(sorted(consents[:2]))


def test_a_set_is_kept_only_if_it_is_the_one_to_be_signed(world) -> None:
    """Whoever asks what would be brought, however often and for whatever deadline, leaves nothing in the folder."""
    ends = [world.now + seconds for seconds in (400, 500, 600)]
    ids = [world.accept(name, not_after=end)[0] for name, end in zip(world.customers, ends, strict=False)]
    world.anchor(ids)
    brought = [world.vault.lawful(world.offer.id, 60, end - 1) for end in ends]
    assert [lawful.count for lawful in brought] == [3, 2, 1]
    right = to_sign(brought[0])
    for changed in ({"root": bytes(32)}, {"epoch": b"7" * 24}, {"opens_before": 1}):
        world.vault.lawful(world.offer.id, 60, ends[0] - 1, right.model_copy(update=changed))
    for lawful in brought:
        with pytest.raises(NotFoundError):
            world.records.sets.stored(world.offer.id, lawful.root)
    whole = world.vault.lawful(world.offer.id, 60, ends[0] - 1, right)
    assert len(world.records.sets.stored(world.offer.id, whole.root)) == 3
    world.chain.ended[world.offer.id] = {ids[0]}
    left = world.vault.without(world.offer.id, whole.root)
    with pytest.raises(NotFoundError):
        world.records.sets.stored(world.offer.id, left.root)
    assert world.vault.without(world.offer.id, whole.root, SetToSign(job=JOB, root=left.root, epoch=left.epoch)) == left
    assert len(world.records.sets.stored(world.offer.id, left.root)) == 2


def test_a_set_goes_once_no_plan_that_it_was_signed_for_can_be_opened_any_more(world) -> None:
    """Plans without end, of which none is opened, fill no disk; a set of an opened job is its evidence."""
    ends = [world.now + 7200 + number for number in range(3)]
    world.anchor([world.accept(name, not_after=end)[0] for name, end in zip(world.customers, ends, strict=False)])
    open_by = world.now + 60

    def signed(end: int, *jobs: int) -> bytes:
        """For these jobs, by the set that lasts until then."""
        lawful = world.vault.lawful(world.offer.id, 60, end)
        for number in jobs:
            sign = to_sign(lawful).model_copy(update={"job": JobId(bytes(31) + bytes([number])), "open_by": open_by})
            assert world.vault.lawful(world.offer.id, 60, end, sign) == lawful
        return lawful.root

    def kept() -> list[bytes]:
        world.vault.lawful(world.offer.id, 60, ends[0])
        with world.engine.connect() as connection:
            return sorted(connection.execute(sa.select(LAWFUL.c.root)).scalars())

    opened, alike, dropped = signed(ends[0], 1, 2), signed(ends[1], 3), signed(ends[2], 4, 5)
    left = world.vault.without(world.offer.id, opened)
    assert left.root == opened
    amendment = SetToSign(job=JobId(bytes(31) + b"\3"), root=opened, epoch=left.epoch)
    world.opened(opened)
    world.chain.jobs[bytes(31) + b"\1"] = world.chain.jobs[bytes(31) + b"\3"] = next(iter(world.chain.jobs.values()))
    world.vault.without(world.offer.id, opened, amendment)
    world.chain.block_time = open_by + 20  # of the latest block: that of the last deep one is openBy itself
    assert kept() == sorted([opened, alike, dropped])
    world.chain.block_time = open_by + 21
    assert kept() == sorted([opened, alike])
    with pytest.raises(NotFoundError) as caught:
        world.vault.leaves(world.offer.id, dropped, 0)
    assert caught.value.code == "vault.root"
    world.restart()
    world.chain.block_time += 10**6
    assert kept() == sorted([opened, alike])
    open_by = world.chain.block_time
    assert signed(ends[2], 6) == dropped and dropped in kept()


def test_a_set_that_is_dropped_is_kept_again_if_it_is_signed_again(world) -> None:
    world.anchor(world.accept("customer-00001", not_after=world.now + 10**6))
    for number in range(3):
        brought = world.vault.lawful(world.offer.id, 60, world.now + 10**5)
        expiring = {"job": JobId(bytes(31) + bytes([number])), "open_by": world.chain.block_time}
        world.vault.lawful(world.offer.id, 60, world.now + 10**5, to_sign(brought).model_copy(update=expiring))
        assert world.records.sets.stored(world.offer.id, brought.root)
        world.chain.block_time += 60
        world.vault.lawful(world.offer.id, 60, world.now + 10**5)
        with pytest.raises(NotFoundError):
            world.records.sets.stored(world.offer.id, brought.root)


def test_nobody(world) -> None:
    world.accept("customer-00001")
    lawful = world.lawful()
    assert (lawful.root, lawful.count, lawful.opens_before) == (sha256(b""), 0, NEVER)
    assert lawful.counts == TableCounts(rows=len(world.customers), consents=1, rowless=0)
    assert world.vault.without(world.offer.id, lawful.root) == lawful.model_copy(update={"counts": None})
    assert leaves_of(world.vault.leaves(world.offer.id, lawful.root, 0)) == []


def test_consents_whose_rows_are_gone_are_counted(world) -> None:
    world.anchor(world.accept("customer-00001", "customer-00002"))
    cells = world.tables.rows("accounts", None, world.dataset.columns).to_pydict()
    kept = [place for place, person in enumerate(cells["customer"]) if person != "customer-00001"]
    world.tables.save(
        "accounts", world.dataset.table, {name: [column[place] for place in kept] for name, column in cells.items()}
    )
    lawful = world.lawful()
    assert lawful.count == 1
    assert lawful.counts == TableCounts(rows=len(world.customers) - 1, consents=2, rowless=1)


def test_an_offer_has_the_decimals_of_its_table(world) -> None:
    """A provider whose table counts cents makes no offer that counts units, nor the other way round."""
    scope = world.a_scope(decimals={"balance": 2})
    offer = world.make_offer(scope)
    with pytest.raises(ConsentError, match="expected: none; found: balance: 2") as refused:
        world.vault.admit_many(offer, scope, [])
    assert refused.value.code == "consent.decimals"


def test_batch_anchored_after_the_block(world) -> None:
    world.anchor(world.accept("customer-00001"), block=61)
    assert world.lawful(block=60).count == 0
    assert world.lawful(block=61).count == 1


def test_block_must_be_confirmed(world) -> None:
    world.anchor(world.accept("customer-00001"))
    assert world.lawful(block=98).count == 1
    with pytest.raises(StateError) as caught:
        world.lawful(block=99)
    assert caught.value.code == "vault.block"


def test_noted_batch_that_is_not_anchored(world) -> None:
    consents = world.accept("customer-00001")
    root = world.anchor(consents)
    del world.chain.anchored[world.offer.id][root]
    assert world.lawful().count == 0


def test_batch_with_other_leaves_is_refused(world) -> None:
    consents = world.accept("customer-00001", "customer-00002")
    with pytest.raises(InputError):
        world.vault.note_batch(world.offer.id, batch_root([consents[0]]), [consents[1]])
    with pytest.raises(InputError):
        world.vault.note_batch(world.offer.id, batch_root(sorted(consents)), sorted(consents, reverse=True))


@pytest.mark.parametrize(
    "changes",
    [
        {"not_before": 1_800_000_001},
        {"not_after": 1_800_000_999},
        {"first_opening": 3},
        {"uses": 2},
    ],
    ids=["not yet valid", "expires before the deadline", "not yet open", "exhausted"],
)
def test_window(world, changes) -> None:
    good = world.accept("customer-00001")
    bad = world.accept("customer-00002", **changes)
    world.anchor(good + bad)
    world.state(openings=2)
    assert ids(world, world.lawful(deadline=1_800_001_000)) == good


def test_not_yet_valid_by_the_chains_time(world) -> None:
    """An opening is never earlier than the latest block, but may be earlier than this machine's clock."""
    world.anchor(world.accept("customer-00001", not_before=1_800_000_030))
    world.chain.time = 1_800_000_060
    assert world.lawful().count == 0
    world.chain.block_time = 1_800_000_030
    assert world.lawful().count == 1


def test_withdrawn(world) -> None:
    consents = world.accept("customer-00001", "customer-00002")
    world.anchor(consents)
    lawful = world.lawful()
    world.chain.ended[world.offer.id] = {consents[0]}
    world.state(epoch=b"1" * 24)
    assert world.vault.dead(world.offer.id, lawful.root).consents == (consents[0],)
    assert ids(world, world.lawful()) == [consents[1]]
    smaller = world.vault.without(world.offer.id, lawful.root)
    assert ids(world, smaller) == [consents[1]]
    assert (smaller.count, smaller.epoch) == (1, b"1" * 24)


def test_one_consent_a_row_and_the_longest_wins(world) -> None:
    short, long, late = (
        world.accept("customer-00001", uses=2)[0],
        world.accept("customer-00001", uses=9)[0],
        world.accept("customer-00001", uses=9, not_after=1_800_020_000)[0],
    )
    world.anchor([short, long, late])
    assert ids(world, world.lawful()) == [late]
    world.chain.ended[world.offer.id] = {late}
    assert ids(world, world.lawful()) == [long]
    world.chain.ended[world.offer.id] = {late, long}
    assert ids(world, world.lawful()) == [short]


def test_restart_keeps_everything(world) -> None:
    consents = world.accept("customer-00001", "customer-00002")
    world.anchor(consents)
    before = world.lawful()
    evidence = world.vault.leaves(world.offer.id, before.root, 0)
    world.restart()
    assert world.vault.leaves(world.offer.id, before.root, 0) == evidence
    assert world.lawful() == before
    assert world.vault.datasets() == [world.dataset]


def test_consents_of_a_second_offer_stay_apart(world) -> None:
    world.anchor(world.accept("customer-00001"))
    scope = world.a_scope(title="Second")
    offer = world.make_offer(scope)
    consent, submission = world.consent("customer-00002", scope=scope, offer=offer)
    assert world.vault.admit_many(offer, scope, [submission]) == [consent.id]
    world.vault.note_batch(offer.id, consent.id, [consent.id])
    world.chain.anchored[offer.id] = {consent.id: 50}
    assert world.lawful().count == 1
    other = world.vault.lawful(offer.id, 60, 1_800_001_000)
    assert world.vault.lawful(offer.id, 60, 1_800_001_000, to_sign(other)) == other
    with pytest.raises(NotFoundError):
        world.vault.leaves(world.offer.id, other.root, 0)


def test_unknown_offer(world) -> None:
    nobody = Offer(**{**world.offer.model_dump(), "dataset": bytes(32)})
    with pytest.raises(NotFoundError):
        world.vault.lawful(nobody.id, 60, 1_800_001_000)


def test_chain_lost(world) -> None:
    world.anchor(world.accept("customer-00001"))
    root = world.lawful().root
    world.chain.broken = ChainError("lost")
    for call in (lambda: world.lawful(), lambda: world.vault.without(world.offer.id, root)):
        with pytest.raises(ChainError):
            call()


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"columns": (("customer", None), ("balance", 2))}, "decimals"),
        ({"identifier": "remark", "columns": (("customer", None), ("balance", None), ("remark", None))}, "namespace"),
        ({"columns": (("customer", None), ("remark", None))}, "columns"),
    ],
)
def test_a_table_that_was_imported_otherwise_since_brings_nothing(world, changes, rule: str) -> None:
    """Cents where owners and peers were told units, or rows found by another column, are no input of a job; neither of
    one that is planned then nor of one that is open already."""
    world.anchor(world.accept("customer-00001"))
    asked = world.opened(world.lawful().root)
    kinds = {"customer": "text", "balance": "integer", "remark": "text"}
    columns = tuple(Field_(name=name, type=kinds[name], decimals=decimals) for name, decimals in changes["columns"])
    schema = world.dataset.table.model_copy(update={**changes, "columns": columns})
    cells = {"customer": [world.customers[1]], "balance": [1], "remark": [world.customers[1]]}
    world.tables.save("accounts", schema, {name: cells[name] for name in schema.names})
    with pytest.raises(ConsentError) as planned:
        world.lawful()
    with pytest.raises(WarrantError) as opened:
        world.vault.rows(asked)
    assert (planned.value.code, opened.value.code) == (f"consent.{rule}", f"warrant.{rule}")
