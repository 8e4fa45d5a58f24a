"""Who signed: ERC-7913 signers off chain.

An address is tried as an ECDSA key first (a wallet, or an EIP-7702 account, has one) and, if that fails and the caller
can ask the chain, as an ERC-1271 contract. Longer signers are P-256 keys behind a verifier of the deployment.
Signatures must have a low s, as OpenZeppelin's contracts demand; what comes from outside is brought into that form by
`Verifiers.normal`, once, before it is stored or hashed.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import coincurve
from cryptography.hazmat.primitives.asymmetric import ec, utils

from placet.core.ecdsa import P256_N, PREHASHED, recover_many
from placet.core.errors import SignatureError
from placet.core.hashing import keccak
from placet.core.signature_forms import Scheme, is_wrapped, normal_form, refusal
from placet.core.values import to_hex

ContractCheck = Callable[[bytes, bytes, bytes], bool]
"""(address, digest, signature) → does the ERC-1271 contract accept it?"""


@dataclass(frozen=True)
class Verifiers:
    """What a deployment accepts: the addresses of its verifiers of P-256 keys and of passkeys, and how to ask ERC-1271
    contracts (or None)."""

    p256: frozenset[bytes] = frozenset()
    passkey: frozenset[bytes] = frozenset()
    contract: ContractCheck | None = None

    def asking(self, contract: ContractCheck | None) -> Verifiers:
        """The same, and contracts are asked so (or, by None, not at all)."""
        return replace(self, contract=contract)

    def scheme(self, signer: bytes) -> Scheme | None:
        """How the signer's key signs, or None where the deployment knows no such signer."""
        if len(signer) == 20:
            return Scheme.WALLET
        if len(signer) != 84:
            return None
        verifier = signer[:20]
        return Scheme.P256 if verifier in self.p256 else Scheme.PASSKEY if verifier in self.passkey else None

    def accepts(self, signer: bytes, digest: bytes, signature: bytes) -> bool:
        """Does `signature` over `digest` come from `signer`? False where it can't be checked."""
        scheme = self.scheme(signer)
        if scheme is None:
            return False
        if scheme.accepts(signer, digest, signature):
            return True
        return scheme is Scheme.WALLET and self.contract is not None and self.contract(signer, digest, signature)

    def accept_many(
        self, signers: Sequence[bytes], digests: Sequence[bytes], signatures: Sequence[bytes]
    ) -> list[bool]:
        """`accepts` of each of many: the wallets' together."""
        return [
            author == signer or self.accepts(signer, digest, signature)
            for author, signer, digest, signature in zip(
                recover_many(digests, signatures), signers, digests, signatures, strict=True
            )
        ]

    def demand(self, what: str, signer: bytes, digest: bytes, signature: bytes) -> None:
        """SignatureError unless `accepts`."""
        if not self.accepts(signer, digest, signature):
            raise self._refusal(what, signer, digest, signature)

    def of_key(self, signer: bytes, digest: bytes, signature: bytes) -> bytes | None:
        """A signature by `signer`'s key over `digest`, in whatever encoding it comes, in the one form that contracts
        and `accepts` know; None if it is none. No contract is asked."""
        scheme = self.scheme(signer)
        return None if scheme is None else normal_form(scheme, signer, digest, signature)

    def normal(self, what: str, signer: bytes, digest: bytes, signature: bytes) -> bytes:
        """The door for a signature from outside: `of_key`, or a contract's own, which stays as it is. SignatureError
        says what it is instead."""
        form = self.of_key(signer, digest, signature)
        if form is not None:
            return form
        if is_wrapped(signature) or not self.accepts(signer, digest, signature):
            raise self._refusal(what, signer, digest, signature)
        return signature

    def _refusal(self, what: str, signer: bytes, digest: bytes, signature: bytes) -> SignatureError:
        scheme = self.scheme(signer)
        if scheme is None:
            return SignatureError(
                f"{what} can't be checked: the signer's verifier is none of the deployment's",
                expected=", ".join(map(to_hex, sorted(self.p256 | self.passkey))) or "the address of a wallet",
                found=to_hex(signer[:20]),
                remedy="P-256 keys stand behind the deployment file's p256_verifier, passkeys behind webauthn_verifier",
                code="signature.verifier",
            )
        return refusal(what, scheme, signer, digest, signature, contracts=self.contract is not None)


class Key:
    """A secp256k1 signing key. Its secret shows neither in `repr` nor in errors."""

    def __init__(self, secret: bytes | None = None) -> None:
        self._key = coincurve.PrivateKey(secret if secret is not None else secrets.token_bytes(32))
        self.address: bytes = keccak(self._key.public_key.format(compressed=False)[1:])[12:]

    def sign(self, digest: bytes) -> bytes:
        """65 bytes r ‖ s ‖ v over a 32-byte digest; deterministic (RFC 6979), low s."""
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes([signature[64] + 27])

    @property
    def secret(self) -> bytes:
        """The 32 secret bytes, for a keystore or a transaction signer."""
        return self._key.secret

    def __repr__(self) -> str:
        return f"Key({to_hex(self.address)})"


class P256Key:
    """A P-256 signing key as an ERC-7913 signer behind `verifier`."""

    def __init__(self, verifier: bytes, private: ec.EllipticCurvePrivateKey | None = None) -> None:
        self._private = private or ec.generate_private_key(ec.SECP256R1())
        point = self._private.public_key().public_numbers()
        self.signer: bytes = verifier + point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big")

    def sign(self, digest: bytes) -> bytes:
        """64 bytes r ‖ s over a 32-byte digest, low s."""
        r, s = utils.decode_dss_signature(self._private.sign(digest, PREHASHED))
        s = min(s, P256_N - s)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
