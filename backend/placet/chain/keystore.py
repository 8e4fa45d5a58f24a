"""Secrets at rest: 32 bytes in a keystore file (version 3, scrypt) as eth-account reads and writes it.

Readable by its owner alone. Made here, since eth-account would load a BLS library into every process that has a key.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
import uuid
from pathlib import Path
from typing import Annotated, Literal

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import BaseModel, ConfigDict, Field

from placet.core.errors import ConfigError
from placet.core.hashing import keccak

SCRYPT_N = 2**17
MAX_FILE = 16_384
_Hex = Annotated[str, Field(pattern="^(0x)?([0-9a-fA-F]{2})*$", max_length=256)]


class _Part(BaseModel):
    """Unknown fields are passed over: other programs write some."""

    model_config = ConfigDict(frozen=True, strict=True)


class _Scrypt(_Part):
    n: Annotated[int, Field(ge=2, le=2**20)]
    r: Annotated[int, Field(ge=1, le=16)]
    p: Annotated[int, Field(ge=1, le=16)]
    dklen: Literal[32]
    salt: _Hex

    def derive(self, passphrase: str) -> bytes:
        derived = Scrypt(salt=_octets(self.salt), length=32, n=self.n, r=self.r, p=self.p).derive(passphrase.encode())
        return bytes(derived)


class _Iv(_Part):
    iv: _Hex


class _Crypto(_Part):
    cipher: Literal["aes-128-ctr"]
    cipherparams: _Iv
    ciphertext: _Hex
    kdf: Literal["scrypt"]
    kdfparams: _Scrypt
    mac: _Hex


class _Keystore(_Part):
    version: Literal[3]
    id: str = Field(default_factory=lambda: str(uuid.uuid4()))
    crypto: _Crypto


def save_secret(path: Path, secret: bytes, passphrase: str) -> None:
    """Write a new keystore file of mode 0600. ConfigError if the file exists, or the passphrase is empty."""
    if len(secret) != 32:
        raise ConfigError("a keystore holds 32 secret bytes", expected=32, found=len(secret))
    if not passphrase:
        raise ConfigError("a keystore needs a passphrase", found="an empty one")
    content = _close(secret, passphrase).model_dump_json()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigError(
            "the keystore file can't be made", expected="no file yet", found=f"{path}: {error.strerror}"
        ) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def load_secret(path: Path, passphrase: str) -> bytes:
    """The 32 secret bytes. ConfigError if the file is missing, open to others, damaged or under another passphrase."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            raw = file.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigError("the keystore file can't be read", found=f"{path}: {error.strerror}") from None
    if mode & 0o077:
        raise ConfigError(
            "the keystore file is open to others",
            expected="0600",
            found=f"{path}: {mode:04o}",
            remedy=f"chmod 600 {path}",
        )
    if len(raw) > MAX_FILE:
        raise ConfigError("this is no keystore file", expected=f"at most {MAX_FILE} bytes", found=path)
    try:
        keystore = _Keystore.model_validate_json(raw)
        secret = _open(keystore.crypto, passphrase)
    except ValueError:  # pydantic's, and scrypt's for costs that make no sense
        raise ConfigError("this is no keystore file", found=path, remedy="restore it from a backup") from None
    if secret is None:
        raise ConfigError("the passphrase does not open the keystore", found=path, remedy="check the passphrase file")
    if len(secret) != 32:
        raise ConfigError("this is no keystore file", expected="32 secret bytes", found=path)
    return secret


def _close(secret: bytes, passphrase: str) -> _Keystore:
    kdf = _Scrypt(n=SCRYPT_N, r=8, p=1, dklen=32, salt=secrets.token_hex(32))
    derived, iv = kdf.derive(passphrase), secrets.token_bytes(16)
    ciphertext = _aes(derived, iv, secret)
    crypto = _Crypto(
        cipher="aes-128-ctr",
        cipherparams=_Iv(iv=iv.hex()),
        ciphertext=ciphertext.hex(),
        kdf="scrypt",
        kdfparams=kdf,
        mac=keccak(derived[16:], ciphertext).hex(),
    )
    return _Keystore(version=3, crypto=crypto)


def _open(crypto: _Crypto, passphrase: str) -> bytes | None:
    """None for another passphrase. The cipher runs both ways alike."""
    derived, ciphertext = crypto.kdfparams.derive(passphrase), _octets(crypto.ciphertext)
    if not hmac.compare_digest(keccak(derived[16:], ciphertext), _octets(crypto.mac)):
        return None
    return _aes(derived, _octets(crypto.cipherparams.iv), ciphertext)


def _aes(derived: bytes, iv: bytes, data: bytes) -> bytes:
    cipher = Cipher(algorithms.AES(derived[:16]), modes.CTR(iv)).encryptor()
    return cipher.update(data) + cipher.finalize()


def _octets(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
