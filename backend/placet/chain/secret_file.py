"""32 secret bytes under a passphrase, as wallets keep them: Ethereum's Web3 Secret Storage, version 3.

https://ethereum.org/developers/docs/data-structures-and-encoding/web3-secret-storage. Written with scrypt; read with
scrypt or PBKDF2, since keys come from other wallets too. `eth_keyfile` writes and reads the same, and imports BLS
signatures of another version first, which takes each process half a second (decision 36).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import uuid
from typing import Annotated, Any, Final, Literal

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from pydantic import AliasChoices, ConfigDict, Field

from placet.core.hashing import keccak
from placet.core.signatures import Key
from placet.core.values import Value, parse

SCRYPT_R, SCRYPT_P = 8, 1
MAX_MEMORY: Final = 1 << 30
"""Bytes: a file says how costly its key is to derive, and whoever reads it pays."""
MAX_ROUNDS: Final = 10_000_000


class _Foreign(Value):
    """What other wallets write besides is not read."""

    model_config = ConfigDict(extra="ignore")


def _hex(least: int, most: int) -> Any:
    return Field(pattern=f"^([0-9a-fA-F]{{2}}){{{least},{most}}}$")


class _Scrypt(_Foreign):
    n: Annotated[int, Field(strict=True, ge=2, le=2**20)]
    r: Annotated[int, Field(strict=True, ge=1, le=64)]
    p: Annotated[int, Field(strict=True, ge=1, le=64)]
    dklen: Literal[32]
    salt: Annotated[str, _hex(1, 64)]


class _Pbkdf2(_Foreign):
    c: Annotated[int, Field(strict=True, ge=1, le=MAX_ROUNDS)]
    prf: Literal["hmac-sha256"]
    dklen: Literal[32]
    salt: Annotated[str, _hex(1, 64)]


class _CipherParameters(_Foreign):
    iv: Annotated[str, _hex(16, 16)]


class _Crypto(_Foreign):
    cipher: Literal["aes-128-ctr"]
    cipherparams: _CipherParameters
    ciphertext: Annotated[str, _hex(1, 64)]
    kdf: Literal["scrypt", "pbkdf2"]
    kdfparams: _Scrypt | _Pbkdf2
    mac: Annotated[str, _hex(32, 32)]


class _SecretFile(_Foreign):
    version: Literal[3]
    crypto: Annotated[_Crypto, Field(validation_alias=AliasChoices("crypto", "Crypto"))]


def encrypted(secret: bytes, passphrase: bytes, *, scrypt_n: int) -> dict[str, Any]:
    """The file's content. `scrypt_n`: the cost of each guess, a power of two."""
    salt, iv = secrets.token_bytes(16), secrets.token_bytes(16)
    derived = _scrypt(passphrase, salt, scrypt_n, SCRYPT_R, SCRYPT_P)
    ciphertext = _aes(derived, iv, secret)
    return {
        "address": Key(secret).address.hex(),
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": {"iv": iv.hex()},
            "ciphertext": ciphertext.hex(),
            "kdf": "scrypt",
            "kdfparams": {"dklen": 32, "n": scrypt_n, "r": SCRYPT_R, "p": SCRYPT_P, "salt": salt.hex()},
            "mac": _mac(derived, ciphertext).hex(),
        },
        "id": str(uuid.uuid4()),
        "version": 3,
    }


def decrypted(content: str, passphrase: bytes) -> bytes | None:
    """What is in it; None where the passphrase does not open it. InputError for what is no such file, ValueError for
    costs that scrypt does not know."""
    crypto = parse(_SecretFile, content).crypto
    ciphertext, costs = bytes.fromhex(crypto.ciphertext), crypto.kdfparams
    salt = bytes.fromhex(costs.salt)
    if isinstance(costs, _Scrypt):
        derived = _scrypt(passphrase, salt, costs.n, costs.r, costs.p)
    else:
        derived = hashlib.pbkdf2_hmac("sha256", passphrase, salt, costs.c, 32)
    if not hmac.compare_digest(_mac(derived, ciphertext), bytes.fromhex(crypto.mac)):
        return None
    return _aes(derived, bytes.fromhex(crypto.cipherparams.iv), ciphertext)


def _scrypt(passphrase: bytes, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(passphrase, salt=salt, n=n, r=r, p=p, dklen=32, maxmem=MAX_MEMORY)


def _mac(derived: bytes, ciphertext: bytes) -> bytes:
    return keccak(derived[16:32], ciphertext)


def _aes(derived: bytes, iv: bytes, text: bytes) -> bytes:
    """Encrypts and decrypts: in counter mode they are the same."""
    cipher = Cipher(algorithms.AES(derived[:16]), modes.CTR(iv)).encryptor()
    return cipher.update(text) + cipher.finalize()
