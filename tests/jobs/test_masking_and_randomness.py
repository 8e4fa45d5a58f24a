"""What leaves a party masked, and the randomness that follows from its seed."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from placet.core.errors import InputError
from placet.core.hashing import sha256
from placet.core.masking import SUITE, mask, public_key, shared_secret, unmask, unmask_shared
from placet.core.noise_opening import NoiseOpening, SealedNoise, committed
from placet.core.noise_sealing import open_noise, opened_by, seal_noise
from placet.jobs.randomness import noise_seed, seed_commitment, stream, work_digest

SECRET = bytes(range(32))
KEY = bytes(range(32, 64))
JOB = bytes(range(64, 96))
PLACE: dict[str, Any] = {"job": JOB, "attempt": 2, "party": 1}
PART = b"sixteen octets.."


def masked(part: bytes = PART, **changes: Any) -> bytes:
    own = {"key": KEY, "ephemeral": secrets.token_bytes(32), "consumer": public_key(SECRET)}
    return mask(part, **(own | PLACE | changes))


def unmasked(content: bytes, **changes: Any) -> bytes:
    return unmask(content, **({"key": KEY, "secret": SECRET} | PLACE | changes))


@given(st.binary(max_size=4096))
def test_a_masked_output_opens_to_the_part(part: bytes) -> None:
    assert unmasked(masked(part)) == part


def test_one_output_opens_by_its_own_secret_and_no_other_does() -> None:
    """So that it can be shown to an auditor: by the same RFC's arithmetic, written once more."""
    one, other = masked(), masked()
    shared = shared_secret(one, key=KEY, secret=SECRET, **PLACE)
    shown: dict[str, Any] = {"key": KEY, "consumer": public_key(SECRET), "shared": shared} | PLACE
    assert unmask_shared(one, **shown) == PART
    changes: list[dict[str, Any]] = [
        {"shared": shared_secret(other, key=KEY, secret=SECRET, **PLACE)},
        {"shared": bytes(32)},
        {"shared": b""},
        {"consumer": public_key(KEY)},
        {"key": SECRET},
        {"attempt": 1},
        {"party": 0},
    ]
    for change in changes:
        with pytest.raises(InputError):
            unmask_shared(one, **(shown | change))
    for bad in (other, one[:-1], b"", AESGCM(KEY).encrypt(bytes(12), b"short", None)):
        with pytest.raises(InputError):
            unmask_shared(bad, **shown)


def test_the_same_part_looks_different_each_time() -> None:
    assert masked() != masked()
    assert len(masked()) == len(masked())
    assert PART not in masked()


def test_the_same_randomness_makes_the_same_output_again() -> None:
    """What a replay compares: key and ephemeral secret follow from the party's seed there."""
    assert masked(ephemeral=KEY) == masked(ephemeral=KEY) != masked(ephemeral=SECRET)
    assert masked(ephemeral=KEY) != masked(ephemeral=KEY, attempt=3)


def test_every_flipped_bit_and_every_cut_is_refused() -> None:
    good = masked()
    assert unmasked(good) == PART
    for place in range(8 * len(good)):
        bad = bytearray(good)
        bad[place // 8] ^= 1 << place % 8
        with pytest.raises(InputError):
            unmasked(bytes(bad))
    for length in range(len(good)):
        with pytest.raises(InputError):
            unmasked(good[:length])
    for more in (good + b"\0", b"\0" + good, good + good):
        with pytest.raises(InputError):
            unmasked(more)


@pytest.mark.parametrize(
    "changes",
    [
        {"job": bytes(32)},
        {"attempt": 1},
        {"attempt": 3},
        {"party": 0},
        {"party": 2},
        {"attempt": 1, "party": 2},
        {"key": bytes(32)},
        {"secret": bytes(range(1, 33))},
    ],
)
def test_another_place_key_or_secret_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError) as refused:
        unmasked(masked(), **changes)
    assert "does not open" in refused.value.message


def test_both_locks_hold_alone() -> None:
    """The consumer opens nothing without the release key, nor does anybody else with it."""
    content = masked()
    info = b"placet.output/1" + JOB + (2).to_bytes(4, "big") + (1).to_bytes(4, "big")
    suite = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
    inner = AESGCM(KEY).decrypt(bytes(12), content, info)
    mine = x25519.X25519PrivateKey.from_private_bytes(SECRET)
    assert suite.decrypt(inner, mine, info=info) == PART
    with pytest.raises(Exception):  # noqa: B017 - whatever the library says, it does not open
        suite.decrypt(content, mine, info=info)
    with pytest.raises(Exception):  # noqa: B017
        suite.decrypt(inner, x25519.X25519PrivateKey.generate(), info=info)


def test_a_stream_follows_from_seed_and_labels_alone() -> None:
    first, second = stream(SECRET, b"a", b"b"), stream(SECRET, b"a", b"b")
    taken = first(7) + first(0) + first(100) + first(1)
    assert taken == second(108)
    assert len(set(taken)) > 50
    # Fixed: evidence of old jobs must stay re-executable.
    assert stream(bytes(32), b"placet")(8).hex() == "7f645251e3398f95"


@given(st.lists(st.binary(max_size=6), max_size=4), st.lists(st.binary(max_size=6), max_size=4))
def test_streams_of_different_labels_have_nothing_in_common(one: list[bytes], other: list[bytes]) -> None:
    same = stream(SECRET, *one)(32) == stream(SECRET, *other)(32)
    assert same is (one == other)


def test_labels_do_not_run_into_each_other() -> None:
    taken = {
        stream(SECRET, *labels)(32)
        for labels in ((b"ab",), (b"a", b"b"), (b"", b"ab"), (b"ab", b""), (), (b"",), (b"\0\0\0\1a",))
    }
    assert len(taken) == 7


def test_streams_of_different_seeds_have_nothing_in_common() -> None:
    assert stream(SECRET, b"a")(32) != stream(KEY, b"a")(32)


def test_a_seed_commitment_binds_and_is_not_the_seeds_own_hash() -> None:
    seeds = [secrets.token_bytes(32) for _ in range(50)]
    assert len({seed_commitment(seed) for seed in seeds}) == 50
    assert seed_commitment(SECRET) == seed_commitment(SECRET) == committed(work_digest(SECRET), noise_seed(SECRET))
    assert seed_commitment(SECRET) not in (sha256(SECRET), stream(SECRET)(32))


def test_noise_opens_for_its_auditor_alone_and_shows_nothing_of_the_other_randomness() -> None:
    opening = NoiseOpening(job=JOB, party=1, work=work_digest(SECRET), noise=noise_seed(SECRET))
    sealed = seal_noise(opening, public_key(KEY))
    assert open_noise(sealed, KEY) == opening
    assert opened_by(KEY, [sealed]) == {1: opening} and opened_by(SECRET, [sealed]) == {}
    assert opening.fits(seed_commitment(SECRET)) and not opening.fits(seed_commitment(KEY))
    assert not opening.model_copy(update={"noise": KEY}).fits(seed_commitment(SECRET))
    assert not opening.model_copy(update={"work": KEY}).fits(seed_commitment(SECRET))
    assert SECRET not in (opening.noise, opening.work) and noise_seed(SECRET) not in sealed.sealed
    assert opening.noise.hex() not in repr(opening)
    for secret, other in (
        (SECRET, sealed),
        (KEY, sealed.model_copy(update={"party": 2})),
        (KEY, sealed.model_copy(update={"job": SECRET})),
        (KEY, sealed.model_copy(update={"sealed": sealed.sealed[:-1]})),
        (KEY, sealed.model_copy(update={"sealed": b""})),
    ):
        with pytest.raises(InputError):
            open_noise(other, secret)
    of_another = opening.model_copy(update={"party": 2})
    swapped = SUITE.encrypt(
        of_another.model_dump_json().encode(),
        x25519.X25519PublicKey.from_public_bytes(public_key(KEY)),
        info=b"placet.noise/1" + JOB + (1).to_bytes(4, "big"),
    )
    with pytest.raises(InputError):
        open_noise(SealedNoise(job=JOB, party=1, auditor=public_key(KEY), sealed=swapped), KEY)
    with pytest.raises(InputError):
        seal_noise(opening, bytes(32))
