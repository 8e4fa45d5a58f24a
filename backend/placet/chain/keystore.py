"""Secrets at rest: 32 bytes in an eth-account keystore file (version 3, scrypt), readable by its owner alone."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

from eth_keyfile.keyfile import create_keyfile_json, decode_keyfile_json
from eth_utils.exceptions import ValidationError
from pydantic_core import from_json

from placet.core.errors import ConfigError

SCRYPT_N = 2**17
MAX_FILE = 16_384


def save_secret(path: Path, secret: bytes, passphrase: str) -> None:
    """Write a new keystore file of mode 0600. ConfigError if the file exists, or the passphrase is empty."""
    if len(secret) != 32:
        raise ConfigError("a keystore holds 32 secret bytes", expected=32, found=len(secret))
    if not passphrase:
        raise ConfigError("a keystore needs a passphrase", found="an empty one")
    content = create_keyfile_json(secret, passphrase.encode(), kdf="scrypt", iterations=SCRYPT_N)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigError(
            "the keystore file can't be made", expected="no file yet", found=f"{path}: {error.strerror}"
        ) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)
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
        secret = bytes(decode_keyfile_json(from_json(raw), passphrase.encode()))
    except (ValueError, TypeError, KeyError, AttributeError, NotImplementedError, ValidationError) as error:
        wrong = "MAC" in str(error)
        raise ConfigError(
            "the passphrase does not open the keystore" if wrong else "this is no keystore file",
            found=path,
            remedy="check the passphrase file" if wrong else "restore it from a backup",
        ) from None
    if len(secret) != 32:
        raise ConfigError("this is no keystore file", expected="32 secret bytes", found=path)
    return secret
