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


def ids(environment, lawful) -> list[bytes]:
    return [leaf.consent for leaf in environment.records.sets.stored(environment.offer.id, lawful.root).leaves]


def test_batched_and_alive(environment) -> None:
    consents = environment.accept("customer-00001", "customer-00002", "customer-00003", uses=4)
    environment.anchor(consents[:2])
    environment.state(epoch=b"7" * 24, openings=2)
    lawful = environment.lawful()
    assert ids(environment, lawful) == sorted(consents[:2])
    assert (lawful.count, lawful.epoch, lawful.opens_before) == (2, b"7" * 24, 4)
    evidence = environment.vault.leaves(environment.offer.id, lawful.root, 0)
    assert evidence.count == evidence.total == 2
    leaves = []
    for leaf in leaves_of(evidence):
        full = leaf.consent.expand(environment.offer, environment.scope, environment.trust.name)
        environment.chain.verifiers.demand(
            "it", full.owner, environment.deployment.consents.digest(full.id), leaf.signature
        )
        leaves.append((full.id, leaf.row))
    assert lawful_root(leaves) == lawful.root
    assert evidence.batches == (batch_root(sorted(consents[:2])),)
    assert environment.vault.batch(environment.offer.id, evidence.batches[0]).joined == b"".join(sorted(consents[:2]))


def test_a_set_is_kept_only_if_it_is_the_one_to_be_signed(environment) -> None:
    """Whoever asks what would be brought, however often and for whatever deadline, leaves nothing in the folder."""
    ends = [environment.now + seconds for seconds in (400, 500, 600)]
    ids = [environment.accept(name, not_after=end)[0] for name, end in zip(environment.customers, ends, strict=False)]
    environment.anchor(ids)
    brought = [environment.vault.lawful(environment.offer.id, 60, end - 1) for end in ends]
    assert [lawful.count for lawful in brought] == [3, 2, 1]
    right = to_sign(brought[0])
    for changed in ({"root": bytes(32)}, {"epoch": b"7" * 24}, {"opens_before": 1}):
        environment.vault.lawful(environment.offer.id, 60, ends[0] - 1, right.model_copy(update=changed))
    for lawful in brought:
        with pytest.raises(NotFoundError):
            environment.records.sets.stored(environment.offer.id, lawful.root)
    whole = environment.vault.lawful(environment.offer.id, 60, ends[0] - 1, right)
    assert len(environment.records.sets.stored(environment.offer.id, whole.root)) == 3
    environment.chain.ended[environment.offer.id] = {ids[0]}
    left = environment.vault.without(environment.offer.id, whole.root)
    with pytest.raises(NotFoundError):
        environment.records.sets.stored(environment.offer.id, left.root)
    assert (
        environment.vault.without(
            environment.offer.id, whole.root, SetToSign(job=JOB, root=left.root, epoch=left.epoch)
        )
        == left
    )
    assert len(environment.records.sets.stored(environment.offer.id, left.root)) == 2


def test_a_set_goes_once_no_plan_that_it_was_signed_for_can_be_opened_any_more(environment) -> None:
    """Plans without end, of which none is opened, fill no disk; a set of an opened job is its evidence."""
    ends = [environment.now + 7200 + number for number in range(3)]
    environment.anchor(
        [environment.accept(name, not_after=end)[0] for name, end in zip(environment.customers, ends, strict=False)]
    )
    open_by = environment.now + 60

    def signed(end: int, *jobs: int) -> bytes:
        """For these jobs, by the set that lasts until then."""
        lawful = environment.vault.lawful(environment.offer.id, 60, end)
        for number in jobs:
            sign = to_sign(lawful).model_copy(update={"job": JobId(bytes(31) + bytes([number])), "open_by": open_by})
            assert environment.vault.lawful(environment.offer.id, 60, end, sign) == lawful
        return lawful.root

    def kept() -> list[bytes]:
        environment.vault.lawful(environment.offer.id, 60, ends[0])
        with environment.engine.connect() as connection:
            return sorted(connection.execute(sa.select(LAWFUL.c.root)).scalars())

    opened, alike, dropped = signed(ends[0], 1, 2), signed(ends[1], 3), signed(ends[2], 4, 5)
    left = environment.vault.without(environment.offer.id, opened)
    assert left.root == opened
    amendment = SetToSign(job=JobId(bytes(31) + b"\3"), root=opened, epoch=left.epoch)
    environment.opened(opened)
    environment.chain.jobs[bytes(31) + b"\1"] = environment.chain.jobs[bytes(31) + b"\3"] = next(
        iter(environment.chain.jobs.values())
    )
    environment.vault.without(environment.offer.id, opened, amendment)
    environment.chain.block_time = open_by + 20  # of the latest block: that of the last deep one is openBy itself
    assert kept() == sorted([opened, alike, dropped])
    environment.chain.block_time = open_by + 21
    assert kept() == sorted([opened, alike])
    with pytest.raises(NotFoundError) as caught:
        environment.vault.leaves(environment.offer.id, dropped, 0)
    assert caught.value.code == "vault.root"
    environment.restart()
    environment.chain.block_time += 10**6
    assert kept() == sorted([opened, alike])
    open_by = environment.chain.block_time
    assert signed(ends[2], 6) == dropped and dropped in kept()


def test_a_set_that_is_dropped_is_kept_again_if_it_is_signed_again(environment) -> None:
    environment.anchor(environment.accept("customer-00001", not_after=environment.now + 10**6))
    for number in range(3):
        brought = environment.vault.lawful(environment.offer.id, 60, environment.now + 10**5)
        expiring = {"job": JobId(bytes(31) + bytes([number])), "open_by": environment.chain.block_time}
        environment.vault.lawful(
            environment.offer.id, 60, environment.now + 10**5, to_sign(brought).model_copy(update=expiring)
        )
        assert environment.records.sets.stored(environment.offer.id, brought.root)
        environment.chain.block_time += 60
        environment.vault.lawful(environment.offer.id, 60, environment.now + 10**5)
        with pytest.raises(NotFoundError):
            environment.records.sets.stored(environment.offer.id, brought.root)


def test_nobody(environment) -> None:
    environment.accept("customer-00001")
    lawful = environment.lawful()
    assert (lawful.root, lawful.count, lawful.opens_before) == (sha256(b""), 0, NEVER)
    assert lawful.counts == TableCounts(rows=len(environment.customers), consents=1, rowless=0)
    assert environment.vault.without(environment.offer.id, lawful.root) == lawful.model_copy(update={"counts": None})
    assert leaves_of(environment.vault.leaves(environment.offer.id, lawful.root, 0)) == []


def test_consents_whose_rows_are_gone_are_counted(environment) -> None:
    environment.anchor(environment.accept("customer-00001", "customer-00002"))
    cells = environment.tables.rows("accounts", None, environment.dataset.columns).lists()
    kept = [place for place, person in enumerate(cells["customer"]) if person != "customer-00001"]
    environment.tables.save(
        "accounts",
        environment.dataset.table,
        {name: [column[place] for place in kept] for name, column in cells.items()},
    )
    lawful = environment.lawful()
    assert lawful.count == 1
    assert lawful.counts == TableCounts(rows=len(environment.customers) - 1, consents=2, rowless=1)


def test_an_offer_has_the_decimals_of_its_table(environment) -> None:
    """A provider whose table counts cents makes no offer that counts units, nor the other way round."""
    scope = environment.a_scope(decimals={"balance": 2})
    offer = environment.make_offer(scope)
    with pytest.raises(ConsentError, match="expected: none; found: balance: 2") as refused:
        environment.vault.admit_many(offer, scope, [])
    assert refused.value.code == "consent.decimals"


def test_batch_anchored_after_the_block(environment) -> None:
    environment.anchor(environment.accept("customer-00001"), block=61)
    assert environment.lawful(block=60).count == 0
    assert environment.lawful(block=61).count == 1


def test_block_must_be_confirmed(environment) -> None:
    environment.anchor(environment.accept("customer-00001"))
    assert environment.lawful(block=98).count == 1
    with pytest.raises(StateError) as caught:
        environment.lawful(block=99)
    assert caught.value.code == "vault.block"


def test_noted_batch_that_is_not_anchored(environment) -> None:
    consents = environment.accept("customer-00001")
    root = environment.anchor(consents)
    del environment.chain.anchored[environment.offer.id][root]
    assert environment.lawful().count == 0


def test_batch_with_other_leaves_is_refused(environment) -> None:
    consents = environment.accept("customer-00001", "customer-00002")
    with pytest.raises(InputError):
        environment.vault.note_batch(environment.offer.id, batch_root([consents[0]]), [consents[1]])
    with pytest.raises(InputError):
        environment.vault.note_batch(environment.offer.id, batch_root(sorted(consents)), sorted(consents, reverse=True))


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
def test_window(environment, changes) -> None:
    good = environment.accept("customer-00001")
    bad = environment.accept("customer-00002", **changes)
    environment.anchor(good + bad)
    environment.state(openings=2)
    assert ids(environment, environment.lawful(deadline=1_800_001_000)) == good


def test_not_yet_valid_by_the_chains_time(environment) -> None:
    """An opening is never earlier than the latest block, but may be earlier than this machine's clock."""
    environment.anchor(environment.accept("customer-00001", not_before=1_800_000_030))
    environment.chain.time = 1_800_000_060
    assert environment.lawful().count == 0
    environment.chain.block_time = 1_800_000_030
    assert environment.lawful().count == 1


def test_withdrawn(environment) -> None:
    consents = environment.accept("customer-00001", "customer-00002")
    environment.anchor(consents)
    lawful = environment.lawful()
    environment.chain.ended[environment.offer.id] = {consents[0]}
    environment.state(epoch=b"1" * 24)
    assert environment.vault.dead(environment.offer.id, lawful.root).consents == (consents[0],)
    assert ids(environment, environment.lawful()) == [consents[1]]
    smaller = environment.vault.without(environment.offer.id, lawful.root)
    assert ids(environment, smaller) == [consents[1]]
    assert (smaller.count, smaller.epoch) == (1, b"1" * 24)


def test_one_consent_a_row_and_the_longest_wins(environment) -> None:
    short, long, late = (
        environment.accept("customer-00001", uses=2)[0],
        environment.accept("customer-00001", uses=9)[0],
        environment.accept("customer-00001", uses=9, not_after=1_800_020_000)[0],
    )
    environment.anchor([short, long, late])
    assert ids(environment, environment.lawful()) == [late]
    environment.chain.ended[environment.offer.id] = {late}
    assert ids(environment, environment.lawful()) == [long]
    environment.chain.ended[environment.offer.id] = {late, long}
    assert ids(environment, environment.lawful()) == [short]


def test_restart_keeps_everything(environment) -> None:
    consents = environment.accept("customer-00001", "customer-00002")
    environment.anchor(consents)
    before = environment.lawful()
    evidence = environment.vault.leaves(environment.offer.id, before.root, 0)
    environment.restart()
    assert environment.vault.leaves(environment.offer.id, before.root, 0) == evidence
    assert environment.lawful() == before
    assert environment.vault.datasets() == [environment.dataset]


def test_consents_of_a_second_offer_stay_apart(environment) -> None:
    environment.anchor(environment.accept("customer-00001"))
    scope = environment.a_scope(title="Second")
    offer = environment.make_offer(scope)
    consent, submission = environment.consent("customer-00002", scope=scope, offer=offer)
    assert environment.vault.admit_many(offer, scope, [submission]) == [consent.id]
    environment.vault.note_batch(offer.id, consent.id, [consent.id])
    environment.chain.anchored[offer.id] = {consent.id: 50}
    assert environment.lawful().count == 1
    other = environment.vault.lawful(offer.id, 60, 1_800_001_000)
    assert environment.vault.lawful(offer.id, 60, 1_800_001_000, to_sign(other)) == other
    with pytest.raises(NotFoundError):
        environment.vault.leaves(environment.offer.id, other.root, 0)


def test_unknown_offer(environment) -> None:
    nobody = Offer(**{**environment.offer.model_dump(), "dataset": bytes(32)})
    with pytest.raises(NotFoundError):
        environment.vault.lawful(nobody.id, 60, 1_800_001_000)


def test_chain_lost(environment) -> None:
    environment.anchor(environment.accept("customer-00001"))
    root = environment.lawful().root
    environment.chain.broken = ChainError("lost")
    for call in (lambda: environment.lawful(), lambda: environment.vault.without(environment.offer.id, root)):
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
def test_a_table_that_was_imported_otherwise_since_brings_nothing(environment, changes, rule: str) -> None:
    """Cents where owners and peers were told units, or rows found by another column, are no input of a job; neither of
    one that is planned then nor of one that is open already."""
    environment.anchor(environment.accept("customer-00001"))
    asked = environment.opened(environment.lawful().root)
    kinds = {"customer": "text", "balance": "integer", "remark": "text"}
    columns = tuple(Field_(name=name, type=kinds[name], decimals=decimals) for name, decimals in changes["columns"])
    schema = environment.dataset.table.model_copy(update={**changes, "columns": columns})
    cells = {"customer": [environment.customers[1]], "balance": [1], "remark": [environment.customers[1]]}
    environment.tables.save("accounts", schema, {name: cells[name] for name in schema.names})
    with pytest.raises(ConsentError) as planned:
        environment.lawful()
    with pytest.raises(WarrantError) as opened:
        environment.vault.rows(asked)
    assert (planned.value.code, opened.value.code) == (f"consent.{rule}", f"warrant.{rule}")
