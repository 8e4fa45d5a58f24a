"""Addresses as people write them: EIP-55's checksum stands in the case of the letters."""

from __future__ import annotations

from sha3 import keccak_256


def checksummed(address: bytes) -> str:
    """An address of 20 bytes with EIP-55's checksum."""
    digits = address.hex()
    mask: str = keccak_256(digits.encode()).hexdigest()
    return "0x" + "".join(d.upper() if int(m, 16) > 7 else d for d, m in zip(digits, mask, strict=False))


def is_mistyped(text: str) -> bool:
    """Has `0x` and 40 hex digits both upper and lower letters, and not as EIP-55 wants them? In one case alone there is
    no checksum."""
    digits = text[2:]
    if digits in (digits.lower(), digits.upper()):
        return False
    return checksummed(bytes.fromhex(digits)) != text
