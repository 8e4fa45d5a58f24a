"""Circuit PSI with garblings that are opened: the same numbers, and what a certificate is."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from examples import examples
from garbling import CONTEXT, IdealTransfers, counted
from placet.core.errors import InputError, PlacetError, ProtocolError
from placet.protocols.garbled import Brought, CheatingCertificate, CountTerms, certificate, covert_evaluator, judged

BANK = [b"customer %d" % number for number in range(20)]
SHOP = [b"customer %d" % (2 * number) for number in range(10)]
AMOUNTS = [number * number - 300 for number in range(20)]
COMMON = list(range(0, 20, 2))
SUM = sum(AMOUNTS[number] for number in COMMON)


@pytest.fixture
def ideal(monkeypatch: pytest.MonkeyPatch) -> IdealTransfers:
    return IdealTransfers(monkeypatch)


def test_the_same_numbers_with_real_transfers() -> None:
    assert counted(Brought(BANK, AMOUNTS), Brought(SHOP), garblings=2).numbers == (len(COMMON), SUM)


@pytest.mark.parametrize(
    ("bank", "shop", "numbers"),
    [
        (Brought(BANK, AMOUNTS), Brought(SHOP), (len(COMMON), SUM)),
        (Brought(BANK), Brought(SHOP), (len(COMMON),)),
        (Brought(BANK, noise=-3), Brought(SHOP, noise=5), (len(COMMON) + 2,)),
        (Brought(BANK, AMOUNTS, noise=-3), Brought(SHOP, noise=-5), (len(COMMON) - 8, SUM)),
    ],
    ids=["summed", "count", "noisy", "both"],
)
def test_the_same_numbers_as_without(
    ideal: IdealTransfers, bank: Brought, shop: Brought, numbers: tuple[int, ...]
) -> None:
    assert counted(bank, shop, garblings=2).numbers == numbers


def test_nothing_comes_out_below_the_smallest_group(ideal: IdealTransfers) -> None:
    run = counted(Brought(BANK, AMOUNTS), Brought(SHOP), garblings=3, smallest=len(COMMON) + 1)
    assert run.numbers == (0, 0)


def test_what_one_more_garbling_costs(ideal: IdealTransfers) -> None:
    """Its transfers, its pads and hashes; tables cross once."""
    sizes = []
    for garblings in (2, 3):
        sent = counted(Brought(BANK, AMOUNTS), Brought(SHOP), garblings=garblings).network.sent
        sizes.append({tag: sum(len(one) for _, _, other, one in sent if other == tag) for _, _, tag, _ in sent})
    two, three = sizes
    more = {tag for tag in two if two[tag] < three[tag]}
    assert two.keys() == three.keys()
    assert more == {"garbled.pads", "garbled.committed", "ot.points", "ot.answers", "ideal.labels"}


@pytest.mark.parametrize("garblings", [0, 9])
def test_a_number_of_garblings_that_is_none(ideal: IdealTransfers, garblings: int) -> None:
    with pytest.raises(InputError, match="number of garblings"):
        _ = counted(Brought(BANK), Brought(SHOP), garblings=garblings).numbers


def test_both_sides_must_have_the_same_number_of_rows() -> None:
    """The garbler signs for how many rows it garbles."""
    payload = certificate.GarblerCommitment((20, 10), bytes(32), bytes(32), ()).payload
    assert certificate.GarblerCommitment.read(payload, 0).rows == (20, 10)
    with pytest.raises(ProtocolError) as refusal:
        certificate.GarblerCommitment.read(payload + b"\0", 0)
    assert refusal.value.code == "garbled.size"


# ------------------------------------------------------------------------------------------------ certificates


@dataclasses.dataclass(frozen=True)
class Honest:
    """All that an evaluator has of an honest run to make a certificate of."""

    certificate: CheatingCertificate
    own_seeds: tuple[bytes, ...]
    terms: CountTerms


@pytest.fixture(scope="module")
def honest() -> Honest:
    kept: list[Any] = []
    with pytest.MonkeyPatch.context() as patched:
        IdealTransfers(patched)

        async def keeps(offer: Any, run: Any, committed: certificate.GarblerCommitment) -> None:
            kept.append((offer, committed, run.terms))

        patched.setattr(covert_evaluator._Offer, "demand_honest", keeps)
        assert counted(Brought(BANK, AMOUNTS), Brought(SHOP), garblings=3).numbers == (len(COMMON), SUM)
    ((offer, committed, terms),) = kept
    index = (offer.choice + 1) % 3
    certificate = CheatingCertificate(
        index, offer.choice, offer.choosing_seed, offer.own_seeds[index], offer.answers, committed.payload
    )
    return Honest(certificate, offer.own_seeds, terms)


def verdict(certificate: CheatingCertificate, terms: CountTerms, context: bytes = CONTEXT) -> bool:
    """False too for what is none."""
    try:
        return asyncio.run(judged(certificate, terms, context))
    except PlacetError:
        return False


def test_no_certificate_against_a_garbler_that_follows_the_protocol(ideal: IdealTransfers, honest: Honest) -> None:
    assert asyncio.run(judged(honest.certificate, honest.terms, CONTEXT)) is False


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=examples(30),
    deadline=None,
)
@given(st.data())
def test_an_evaluator_cannot_frame_its_garbler(ideal: IdealTransfers, honest: Honest, data: st.DataObject) -> None:
    """Whatever it shows beside what the garbler signed: other seeds, indices, choices, answers."""
    true, seeds = honest.certificate, st.sampled_from([*honest.own_seeds, bytes(16), honest.certificate.choosing_seed])
    certificate = dataclasses.replace(
        true,
        index=data.draw(st.integers(0, 3)),
        choice=data.draw(st.one_of(st.just(true.choice), st.integers(0, 3))),
        choosing_seed=data.draw(st.one_of(st.just(true.choosing_seed), seeds, st.binary(min_size=16, max_size=16))),
        own_seed=data.draw(st.one_of(seeds, st.binary(min_size=16, max_size=16))),
        answers=data.draw(st.one_of(st.just(true.answers), st.binary(max_size=96))),
    )
    assert not verdict(certificate, honest.terms)


def test_the_evaluators_other_choice_frames_nobody(ideal: IdealTransfers, honest: Honest) -> None:
    """The points are of one choice and one secret: by another the seed would be another's."""
    other = 3 - honest.certificate.index - honest.certificate.choice
    for changes in ({"choice": other}, {"choice": honest.certificate.index}, {"index": honest.certificate.choice}):
        assert not verdict(dataclasses.replace(honest.certificate, **changes), honest.terms)


def test_what_was_committed_to_in_another_attempt_is_no_certificate(ideal: IdealTransfers, honest: Honest) -> None:
    assert not verdict(honest.certificate, honest.terms, b"job 1, attempt 2")
