"""Secrets at rest: files that nobody else can write, and keystores (eth-account's version 3, scrypt) of 32 bytes.

Keystores that are made together, under one passphrase, share a salt and so a derived key, each with an initial counter
of its own (AES-CTR): whoever guesses at the passphrase needs no more than one of them anyway, and who knows it opens
all by one derivation.
"""

from __future__ import annotations

import importlib
import json
import os
import secrets
import stat
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from eth_utils.exceptions import ValidationError
from pydantic_core import from_json

from placet.core.encodings import text_of
from placet.core.errors import ConfigError, InputError

SCRYPT_N = 2**17
MAX_FILE = 16_384
_DERIVING = threading.Lock()
"""Who opens several keystores has the library's derivation replaced meanwhile."""
_OF_VALIDATORS = ("py_ecc.bls", "py_ecc.bls12_381")


def _keyfile() -> ModuleType:
    """eth-account's keystores without those of validators (EIP-2335, version 4), which are never read here: that
    curve's pairings take half a second to import, in every program that opens a key."""
    absent = [name for name in _OF_VALIDATORS if name not in sys.modules]
    for name in absent:
        sys.modules[name] = curve = ModuleType(name)
        curve.G2ProofOfPossession = None  # type: ignore[attr-defined]
        curve.curve_order = 0  # type: ignore[attr-defined]
    try:
        return importlib.import_module("eth_keyfile.keyfile")
    finally:
        for name in absent:
            del sys.modules[name]


def save_secret(path: Path, secret: bytes, passphrase: str) -> None:
    """Write a new keystore file of mode 0600. ConfigError if the file exists, or the passphrase is empty."""
    save_secrets({path: secret}, passphrase)


def save_secrets(files: Mapping[Path, bytes], passphrase: str) -> None:
    """The same of several, which `load_secrets` opens by one derivation."""
    if any(len(secret) != 32 for secret in files.values()):
        raise ConfigError("a keystore holds 32 secret bytes", expected=32, found=[*map(len, files.values())])
    if not passphrase:
        raise ConfigError("a keystore needs a passphrase", found="an empty one")
    keyfile, opener, first = _keyfile(), passphrase.encode(), None
    for path, secret in files.items():
        content = keyfile.create_keyfile_json(secret, opener, kdf="scrypt", iterations=SCRYPT_N if first is None else 2)
        if first is None:
            first = content["crypto"]
            derived = b"" if len(files) == 1 else keyfile._derive_scrypt_key(first["kdfparams"], opener)
        else:
            content["crypto"] |= _sealed(keyfile, secret, derived) | {"kdfparams": first["kdfparams"]}
        _write(path, content)


def _sealed(keyfile: ModuleType, secret: bytes, derived: bytes) -> dict[str, Any]:
    """A secret under a derived key, as version 3 has it."""
    counter = secrets.token_bytes(16)
    ciphertext = keyfile.encrypt_aes_ctr(secret, derived[:16], int.from_bytes(counter, "big"))
    mac = keyfile.keccak(derived[16:32] + ciphertext)
    return {"cipherparams": {"iv": counter.hex()}, "ciphertext": ciphertext.hex(), "mac": mac.hex()}


def _write(path: Path, content: Mapping[str, Any]) -> None:
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


def read_secret_file(path: Path, what: str, *, remedy: str | None = None) -> bytes:
    """The bytes of a secret file. ConfigError if it is missing, too large or open to others.

    0600 or less is right. Docker, Kubernetes and systemd hand secrets out as files that others may read and nobody may
    write: of mode 0440 or 0444, or on a mount that is read-only. Such are taken; what group or world may write is not.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            sealed = not mode & 0o222 or bool(os.fstatvfs(file.fileno()).f_flag & os.ST_RDONLY)
            raw = file.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigError(f"the {what} can't be read", found=f"{path}: {error.strerror}", remedy=remedy) from None
    if mode & 0o022 or (mode & 0o077 and not sealed):
        raise ConfigError(
            f"the {what} is open to others",
            expected="0600; or 0440 or 0444, as containers have secrets",
            found=f"{path}: {mode:04o}",
            remedy=f"chmod 600 {path}",
        )
    if len(raw) > MAX_FILE:
        raise ConfigError(f"the {what} is too large", expected=f"at most {MAX_FILE} bytes", found=path)
    return raw


def read_passphrase(path: Path) -> str:
    """A file's first line, whatever system wrote it; ConfigError if it is missing, empty or open to others."""
    fresh = f"(umask 077; head -c 24 /dev/urandom | base64 > {path}) makes one for new keys"
    raw = read_secret_file(path, "passphrase file", remedy=fresh)
    try:
        passphrase = text_of(raw, "passphrase file").partition("\n")[0].rstrip("\r")
    except InputError as error:
        raise ConfigError(
            error.message, expected=error.expected, found=f"{path}: {error.found}", remedy=error.remedy
        ) from None
    if not passphrase:
        raise ConfigError("the passphrase file is empty", found=path)
    return passphrase


def load_secret(path: Path, passphrase: str) -> bytes:
    """The 32 secret bytes. ConfigError if the file is missing, open to others, damaged or under another passphrase."""
    return _load(_keyfile(), path, passphrase)


def load_secrets(paths: Sequence[Path], passphrase: str) -> list[bytes]:
    """The same of several: those that were made together cost one derivation."""
    keyfile = _keyfile()
    with _DERIVING:
        derive, known = keyfile._derive_scrypt_key, dict[tuple[str, bytes], bytes]()

        def derived(parameters: dict[str, Any], opener: bytes) -> bytes:
            named = json.dumps(parameters, sort_keys=True), opener
            if named not in known:
                known[named] = derive(parameters, opener)
            return known[named]

        keyfile._derive_scrypt_key = derived  # type: ignore[attr-defined]
        try:
            return [_load(keyfile, path, passphrase) for path in paths]
        finally:
            keyfile._derive_scrypt_key = derive  # type: ignore[attr-defined]


def _load(keyfile: ModuleType, path: Path, passphrase: str) -> bytes:
    raw = read_secret_file(path, "keystore file")
    try:
        secret = bytes(keyfile.decode_keyfile_json(from_json(text_of(raw, "keystore file")), passphrase.encode()))
    except (InputError, ValueError, TypeError, KeyError, AttributeError, NotImplementedError, ValidationError) as error:
        wrong = "MAC" in str(error)
        raise ConfigError(
            "the passphrase does not open the keystore" if wrong else "this is no keystore file",
            found=path,
            remedy="check the passphrase file" if wrong else "restore it from a backup",
        ) from None
    if len(secret) != 32:
        raise ConfigError("this is no keystore file", expected="32 secret bytes", found=path)
    return secret
