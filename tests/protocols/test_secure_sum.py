"""Secure aggregation: exact whoever drops out at whatever stage, masked until enough reveal, revealed once."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.core.errors import InputError, PlacetError, ProtocolError
from placet.jobs.randomness import stream
from placet.protocols.mpc import shamir
from placet.protocols.mpc.secure_sum import Dealt, Revealed, SumMember, Words, coin_of, parts_of, seeds_of, total

CONTEXT = b"job, attempt and round"


class Round:
    """All members of a round in one process. `stages` says at which stage a member is gone: 1 it never announces, 2 it
    deals nothing, 3 it uploads nothing, 4 it reveals nothing."""

    def __init__(self, vectors: list[Words], threshold: int, stages: dict[int, int] | None = None) -> None:
        self.vectors, self.threshold, stages = vectors, threshold, stages or {}
        count = len(vectors)

        def at(stage: int) -> list[int]:
            return [i for i in range(count) if stages.get(i, 5) > stage]

        self.members = [SumMember(i, count, threshold, CONTEXT, stream(bytes([i]) * 32, b"sum")) for i in range(count)]
        self.publics = {i: self.members[i].public for i in at(1)}
        dealt = {i: self.members[i].deal(self.publics) for i in at(2)}
        self.uploads = {i: self.members[i].masked({j: one[i] for j, one in dealt.items()}, vectors[i]) for i in at(3)}
        self.revealed = {i: self.members[i].reveal(self.uploads) for i in at(4) if i in self.uploads}

    def sum(self) -> Words:
        return total(CONTEXT, self.threshold, self.publics, self.uploads, self.revealed)

    def expected(self) -> Words:
        plain = np.zeros(len(self.vectors[0]), np.uint64)
        for member in self.uploads:
            plain = plain + self.vectors[member]
        return plain


def vectors(count: int, words: int = 5) -> list[Words]:
    draw = np.random.default_rng(count)
    return [draw.integers(0, 2**64, words, np.uint64, endpoint=False) for _ in range(count)]


@pytest.mark.parametrize("members", [2, 3, 5])
def test_a_sum_is_exact_and_uploads_are_not_the_vectors(members: int) -> None:
    run = Round(vectors(members), members // 2 + 1)
    assert (run.sum() == run.expected()).all()
    for member, upload in run.uploads.items():
        assert (upload != run.vectors[member]).all()


@pytest.mark.parametrize("pair", list(combinations(range(5), 2)))
def test_two_of_five_drop_out_at_any_stages(pair: tuple[int, int]) -> None:
    """Threshold 3: exact over those who uploaded, whatever stage each of two is gone at."""
    for first in (1, 2, 3, 4):
        for second in (1, 2, 3, 4):
            run = Round(vectors(5), 3, {pair[0]: first, pair[1]: second})
            assert (run.sum() == run.expected()).all(), (pair, first, second)
            assert set(range(5)) - set(pair) <= run.uploads.keys()


def test_three_of_five_gone_is_too_few() -> None:
    for stage in (1, 2, 3):
        with pytest.raises(ProtocolError) as caught:
            Round(vectors(5), 3, dict.fromkeys((0, 1, 2), stage))
        assert caught.value.code == "peer.members"
    with pytest.raises(ProtocolError):
        Round(vectors(5), 3, dict.fromkeys((0, 1, 2), 4)).sum()


def test_a_run_can_be_done_again_from_its_seeds() -> None:
    first, again = Round(vectors(3), 2), Round(vectors(3), 2)
    assert all((first.uploads[i] == again.uploads[i]).all() for i in range(3))


def test_nobody_reveals_twice_or_both_of_one() -> None:
    run = Round(vectors(3), 2)
    with pytest.raises(ProtocolError, match="once a round"):
        run.members[0].reveal({0, 1})
    for one in run.revealed.values():
        assert not one.seeds.keys() & one.keys.keys()
    both = run.revealed | {1: Revealed(run.revealed[1].seeds, {2: bytes(shamir.SHARE)})}
    with pytest.raises(ProtocolError, match="that uploaded"):
        total(CONTEXT, 2, run.publics, run.uploads, both)


def test_a_member_that_uploaded_is_not_told_otherwise() -> None:
    """Or it would reveal a share of its own key, where others reveal shares of its seed."""
    members = [SumMember(i, 3, 2, CONTEXT) for i in range(3)]
    publics = {i: one.public for i, one in enumerate(members)}
    dealt = [one.deal(publics) for one in members]
    for i, one in enumerate(members):
        one.masked({j: dealt[j][i] for j in range(3)}, vectors(3)[i])
    with pytest.raises(ProtocolError, match="said not to have"):
        members[1].reveal({0, 2})
    assert members[1].reveal({0, 1}).keys.keys() == {2}


def test_nobody_uploads_twice() -> None:
    run = Round(vectors(3), 2)
    with pytest.raises(ProtocolError, match="uploads once a round"):
        run.members[0].masked({i: Dealt(b"", b"") for i in range(3)}, vectors(3)[1])


def test_fewer_than_the_threshold_learn_nothing_of_an_upload() -> None:
    """What one member holds of another does not open it: any seed fits to a single share."""
    one = shamir.split(b"\x01" * 32, 3, 2, stream(bytes(32), b"a"))
    for secret in (b"\x02" * 32, b"\x03" * 32):
        slope = (int.from_bytes(one[0], "big") - int.from_bytes(secret, "big")) % shamir.PRIME
        second = (int.from_bytes(secret, "big") + 2 * slope) % shamir.PRIME
        assert shamir.join({0: one[0], 1: second.to_bytes(shamir.SHARE, "big")}, 2) == secret


def test_wrong_shares_are_noticed() -> None:
    run = Round(vectors(4), 3, {3: 3})
    key = dict(run.revealed[0].keys)
    key[3] = bytes(shamir.SHARE)
    with pytest.raises(ProtocolError):
        total(CONTEXT, 3, run.publics, run.uploads, run.revealed | {0: Revealed(run.revealed[0].seeds, key)})
    other = Round(vectors(4), 3, {3: 3})
    swapped = run.publics | {3: SumMember(3, 4, 3, CONTEXT).public}
    with pytest.raises(ProtocolError, match="another key"):
        total(CONTEXT, 3, swapped, other.uploads, other.revealed)


def test_what_is_no_member_or_no_key_is_refused() -> None:
    for index, members, threshold in ((2, 2, 2), (0, 4, 2), (0, 3, 4), (0, 17, 9), (-1, 3, 2)):
        with pytest.raises(InputError):
            SumMember(index, members, threshold, CONTEXT)
    member, other = SumMember(0, 2, 2, CONTEXT), SumMember(1, 2, 2, CONTEXT)
    for publics in (
        {0: member.public},
        {1: other.public},
        {0: other.public, 1: other.public},
        {0: member.public, 2: other.public},
        {0: member.public, 1: b"short"},
    ):
        with pytest.raises(ProtocolError):
            member.deal(publics)
    dealt = member.deal({0: member.public, 1: bytes(32)})
    with pytest.raises(ProtocolError, match="no key"):
        member.masked(dealt, np.zeros(1, np.uint64))
    with pytest.raises(ProtocolError):
        member.masked({1: Dealt(b"", b"")}, np.zeros(1, np.uint64))


@given(st.binary(min_size=32, max_size=32), st.integers(1, 6), st.data())
def test_any_threshold_of_shares_gives_the_secret(secret: bytes, threshold: int, data: st.DataObject) -> None:
    parties = data.draw(st.integers(threshold, 8))
    shares = shamir.split(secret, parties, threshold, stream(secret, b"shares"))
    chosen = data.draw(st.sets(st.sampled_from(range(parties)), min_size=threshold))
    assert shamir.join({i: shares[i] for i in chosen}, threshold) == secret


@pytest.mark.parametrize(
    "broken",
    [
        lambda shares: {0: shares[0]},
        lambda shares: {0: shares[0], 1: shares[1][:-1]},
        lambda shares: {0: shares[0], 1: b"\xff" * shamir.SHARE},
        lambda shares: {0: shares[0], 1: shares[1], 2: shares[1]},
    ],
)
def test_shares_of_no_one_secret_are_refused(broken) -> None:  # type: ignore[no-untyped-def]
    shares = shamir.split(b"\x07" * 32, 3, 2)
    with pytest.raises(PlacetError):
        shamir.join(broken(shares), 2)
    with pytest.raises(InputError):
        shamir.split(b"short", 3, 2)


# Parts of what one member uploaded.

WEIGHTS = [np.array(one, np.int64).view(np.uint64) for one in ([1, 0, 0, 0, 0], [3, -2, 0, 512, -1])]


def opened(run: Round) -> tuple[dict[int, bytes], dict[int, dict[int, Words]]]:
    """Everybody's seed, and what each says of its masks."""
    told = {member: run.members[member].masks_by(WEIGHTS) for member in run.uploads}
    return seeds_of(run.revealed, run.uploads, run.threshold), told


@pytest.mark.parametrize("members", [3, 5])
def test_parts_are_of_what_each_member_uploaded(members: int) -> None:
    run = Round(vectors(members), members)
    seeds, told = opened(run)
    parts = parts_of(CONTEXT, run.uploads, seeds, told, WEIGHTS)
    for member, own in parts.items():
        expected = [(weights * run.vectors[member]).sum(dtype=np.uint64) for weights in WEIGHTS]
        assert own.tolist() == expected


@pytest.mark.parametrize("liar", [0, 1, 2])
def test_who_says_something_else_of_a_mask_contradicts_each_other_member(liar: int) -> None:
    """Whatever number a member would rather have added, both ends of some mask must say it."""
    run = Round(vectors(3), 3)
    seeds, told = opened(run)
    for other in told[liar]:
        lied = told | {liar: told[liar] | {other: told[liar][other] + np.array([0, 1], np.uint64)}}
        with pytest.raises(ProtocolError) as caught:
            parts_of(CONTEXT, run.uploads, seeds, lied, WEIGHTS)
        assert caught.value.code == "sums.disputed"
        assert caught.value.found == f"parties {min(liar, other)} and {max(liar, other)}"


def test_masks_are_told_once_all_have_uploaded_and_revealed() -> None:
    members = [SumMember(n, 3, 3, CONTEXT, stream(bytes([n]) * 32, b"sum")) for n in range(3)]
    publics = {n: one.public for n, one in enumerate(members)}
    dealt = [one.deal(publics) for one in members]
    uploads = {n: one.masked({k: dealt[k][n] for k in range(3)}, vectors(3)[n]) for n, one in enumerate(members)}
    with pytest.raises(ProtocolError):
        members[0].masks_by(WEIGHTS)
    revealed = {n: one.reveal(uploads) for n, one in enumerate(members)}
    assert set(members[0].masks_by(WEIGHTS)) == {1, 2}
    seeds = seeds_of(revealed, uploads, 3)
    assert coin_of(CONTEXT, seeds) != coin_of(CONTEXT, seeds | {2: bytes(32)})
    gone = Round(vectors(3), 2, {2: 3})
    with pytest.raises(ProtocolError):
        gone.members[2].masks_by(WEIGHTS)
