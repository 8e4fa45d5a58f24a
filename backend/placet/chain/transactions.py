"""Signed transactions of EIP-1559. Made here from RLP and our own key type: eth-account would load a BLS library."""

from __future__ import annotations

from dataclasses import dataclass

import rlp  # type: ignore[import-untyped]

from placet.core.errors import InputError
from placet.core.hashing import keccak
from placet.core.signatures import Key

_TYPE = b"\x02"


@dataclass(frozen=True)
class Transaction:
    """A call of a contract, or with `to` empty its creation; it moves no ether. Fees in wei a unit of gas."""

    chain_id: int
    nonce: int
    to: bytes
    data: bytes
    gas: int
    max_fee: int
    tip: int

    def sign(self, key: Key) -> tuple[bytes, bytes]:
        """Hash (32 bytes) and raw bytes. The same key and fields give the same bytes. InputError for a bad `to`."""
        if len(self.to) not in (0, 20):
            raise InputError("an address has 20 bytes", found=f"{len(self.to)} bytes")
        fields = [self.chain_id, self.nonce, self.tip, self.max_fee, self.gas, self.to, 0, self.data, []]
        signature = key.sign(keccak(_TYPE, rlp.encode(fields)))
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
        raw = _TYPE + rlp.encode([*fields, signature[64] - 27, r, s])
        return keccak(raw), raw


def created_address(creator: bytes, nonce: int) -> bytes:
    """Where the contract lands that an account creates with this nonce."""
    return keccak(rlp.encode([creator, nonce]))[12:]
