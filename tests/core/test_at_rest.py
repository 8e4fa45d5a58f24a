"""What is kept: it opens with its own key and context alone, and what earlier versions kept still opens."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.core.at_rest import JOBS, OVERHEAD, VAULT, AtRest, Purpose, context
from placet.core.errors import ConfigError, StateError

SECRET = bytes(range(32))
KEPT_BY_A_VAULT = "6465666768696a6b6c6d6e6fb37fdcac38e7f93242b8cb5ba1f1982733ae28c13c1af90240eb25008d80d8"
KEPT_BY_A_NODE = "6465666768696a6b6c6d6e6ffe9097aebb21d779ed296258e74c9ddfb499b081cbca98bec2a9320256ca"
A_TAG = "f38b39fb9f4c92ed5d7734f7d7bf9b6fb6169628f65b650dc39bde211be91235"
PURPOSES = pytest.mark.parametrize("purpose", [VAULT, JOBS])


def test_what_was_kept_before_still_opens() -> None:
    """Made by the code that vaults and nodes ran before they shared this one: none of their bytes may be lost."""
    vault = AtRest(VAULT, SECRET)
    assert vault.open(bytes.fromhex(KEPT_BY_A_VAULT), context("table", "accounts", 3)) == b"kept by a vault"
    assert vault.tag(context("subject", "accounts", "C-1")).hex() == A_TAG
    assert AtRest(JOBS, SECRET).open(bytes.fromhex(KEPT_BY_A_NODE), b"key") == b"kept by a node"


@PURPOSES
@given(data=st.binary(max_size=300), name=st.binary(max_size=20))
def test_what_is_sealed_opens(purpose: Purpose, data: bytes, name: bytes) -> None:
    sealed = AtRest(purpose, SECRET).seal(data, name)
    assert len(sealed) == len(data) + OVERHEAD
    assert AtRest(purpose, SECRET).open(sealed, name) == data
    assert AtRest(purpose, SECRET).seal(data, name) != sealed


@PURPOSES
def test_nothing_else_opens(purpose: Purpose) -> None:
    here = context("table", "a", 1)
    sealed = AtRest(purpose, SECRET).seal(b"data", here)
    assert b"data" not in sealed
    bad = [bytes(b ^ (i == place // 8) << place % 8 for i, b in enumerate(sealed)) for place in range(8 * len(sealed))]
    for other in (*bad, *(sealed[:length] for length in range(len(sealed))), sealed + b"\0"):
        with pytest.raises(StateError) as refused:
            AtRest(purpose, SECRET).open(other, here)
        assert refused.value.code == purpose.code
    for elsewhere in (("table", "a", 2), ("table", "b", 1), ("table", "a1"), ("table", "a", "1")):
        with pytest.raises(StateError):
            AtRest(purpose, SECRET).open(sealed, context(*elsewhere))
    with pytest.raises(StateError):
        AtRest(purpose, secrets.token_bytes(32)).open(sealed, here)


def test_one_secret_serves_two_purposes_with_two_keys() -> None:
    with pytest.raises(StateError):
        AtRest(JOBS, SECRET).open(AtRest(VAULT, SECRET).seal(b"data", b"key"), b"key")
    tags = {
        AtRest(purpose, SECRET).tag(context(*parts))
        for purpose in (VAULT, JOBS)
        for parts in (("a", "bc"), ("ab", "c"))
    }
    assert len(tags) == 4


@PURPOSES
def test_a_secret_of_another_length(purpose: Purpose) -> None:
    with pytest.raises(ConfigError):
        AtRest(purpose, b"short")
