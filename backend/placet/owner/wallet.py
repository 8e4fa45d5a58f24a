"""The owner's encrypted keystore: a folder with `wallet.json` and own copies of deployment file and trust list.

`wallet.json` (type `placet.wallet`, version 1) holds one entry a consent. All that tells something (the secret key, the
person's subject and salt, the consent) is one AES-256-GCM ciphertext under a key from scrypt; the entry's public id is
its additional data. Entries are written before anything is sent, so that a crash never loses the key of a consent.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import Field

from placet.core.consent import Consent
from placet.core.encodings import text_of
from placet.core.enrolment import Enrolment, EnrolmentOpening
from placet.core.errors import AccessError, ConfigError, InputError, NotFoundError, StateError
from placet.core.ids import ConsentId
from placet.core.trust import Deployment, TrustList
from placet.core.values import U48, Address, Bytes32, Signature, Value, parse, to_hex
from placet.owner.keys import KeyKind, OwnerKey, load_key

MAX_WALLET = 64 << 20
SCRYPT_N = 2**17
_CHECK = b"placet.wallet/1"
_Hex = Annotated[str, Field(pattern=r"^[0-9a-f]*$", max_length=1 << 20)]


class Kept(Value):
    """What an entry seals: one consent, all that is needed to send it again, and the key that can withdraw it."""

    kind: KeyKind
    secret: Bytes32
    api: str
    provider: Address
    consent: Consent
    signature: Signature
    enrolment: Enrolment
    opening: EnrolmentOpening
    made: U48

    def __repr__(self) -> str:
        return "Kept(…)"

    __str__ = __repr__

    def key(self, verifier: bytes) -> OwnerKey:
        """The consent's own key."""
        return load_key(self.kind, self.secret, verifier)


class _Sealed(Value):
    nonce: _Hex
    data: _Hex


class _Kdf(Value):
    name: Literal["scrypt"] = "scrypt"
    n: Annotated[int, Field(ge=2**14, le=2**20)]
    r: Literal[8] = 8
    p: Literal[1] = 1
    salt: Bytes32


class _File(Value):
    type: Literal["placet.wallet"] = "placet.wallet"
    version: Literal[1] = 1
    kdf: _Kdf
    check: _Sealed
    consents: Annotated[dict[str, _Sealed], Field(default_factory=dict)]


class Wallet:
    """An open wallet. Every change is on disk when the call returns; two processes don't overwrite each other."""

    def __init__(self, folder: Path, key: bytes) -> None:
        self.folder = folder
        self._aead = AESGCM(key)

    @classmethod
    def create(cls, folder: Path, passphrase: str, deployment: bytes, trust: bytes) -> Wallet:
        """A new, empty wallet in a new folder; StateError if there is one. Takes the files' bytes as they are."""
        parse(Deployment, text_of(deployment, "deployment file"), what="deployment file")
        parse(TrustList, text_of(trust, "trust list"), what="trust list", limit=8 << 20)
        if len(passphrase) < 8:
            raise InputError("the passphrase is too short", expected="8 characters or more")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if (folder / "wallet.json").exists():
            raise StateError("there is a wallet already", found=folder, remedy="choose another folder")
        kdf = _Kdf(n=SCRYPT_N, salt=secrets.token_bytes(32))
        wallet = cls(folder, _derive(passphrase, kdf))
        _write(folder / "deployment.json", deployment)
        _write(folder / "trust.json", trust)
        wallet._save(_File(kdf=kdf, check=wallet._seal("check", _CHECK), consents={}))
        return wallet

    @classmethod
    def open(cls, folder: Path, passphrase: str) -> Wallet:
        """AccessError for a wrong passphrase, ConfigError where there is no wallet."""
        file = _load(folder)
        wallet = cls(folder, _derive(passphrase, file.kdf))
        wallet._open("check", file.check)
        return wallet

    @cached_property
    def deployment(self) -> Deployment:
        """The owner's own copy."""
        return copies(self.folder)[0]

    @cached_property
    def trust(self) -> TrustList:
        """The owner's own copy."""
        return copies(self.folder)[1]

    def put(self, record: Kept) -> None:
        """Add a consent, or write it again."""
        name = to_hex(record.consent.id)
        with self._locked():
            file = _load(self.folder)
            entry = self._seal(name, record.model_dump_json().encode())
            self._save(file.model_copy(update={"consents": {**file.consents, name: entry}}))

    def get(self, consent: ConsentId) -> Kept:
        """NotFoundError if it is none of this wallet's."""
        entry = _load(self.folder).consents.get(to_hex(consent))
        if entry is None:
            raise NotFoundError("this wallet has no such consent", found=to_hex(consent), remedy="placet owner list")
        return parse(Kept, self._open(to_hex(consent), entry))

    def all(self) -> list[Kept]:
        """All consents, oldest first."""
        entries = _load(self.folder).consents
        return [parse(Kept, self._open(name, entry)) for name, entry in entries.items()]

    def _seal(self, name: str, data: bytes) -> _Sealed:
        nonce = secrets.token_bytes(12)
        return _Sealed(nonce=nonce.hex(), data=self._aead.encrypt(nonce, data, _bound(name)).hex())

    def _open(self, name: str, sealed: _Sealed) -> bytes:
        try:
            return self._aead.decrypt(bytes.fromhex(sealed.nonce), bytes.fromhex(sealed.data), _bound(name))
        except (InvalidTag, ValueError):
            raise AccessError(
                "the wallet does not open",
                expected="its passphrase, and an unaltered file",
                remedy="try the passphrase again",
                code="access.passphrase",
            ) from None

    def _save(self, file: _File) -> None:
        _write(self.folder / "wallet.json", file.model_dump_json().encode())

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def copies(folder: Path) -> tuple[Deployment, TrustList]:
    """A wallet's deployment file and trust list, which need no passphrase."""
    deployment = parse(
        Deployment, text_of(_read(folder / "deployment.json"), "deployment file"), what="deployment file"
    )
    return deployment, parse(
        TrustList, text_of(_read(folder / "trust.json"), "trust list"), what="trust list", limit=8 << 20
    )


def _bound(name: str) -> bytes:
    return _CHECK + b"\0" + name.encode()


def _derive(passphrase: str, kdf: _Kdf) -> bytes:
    return Scrypt(salt=kdf.salt, length=32, n=kdf.n, r=kdf.r, p=kdf.p).derive(passphrase.encode())


def _load(folder: Path) -> _File:
    return parse(_File, _read(folder / "wallet.json"), limit=MAX_WALLET, what="wallet.json")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            "the wallet can't be read", found=f"{path}: {error.strerror}", remedy="make one with: placet owner init"
        ) from None


def _write(path: Path, data: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix="." + path.name)
    fresh = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as sink:
            sink.write(data)
            sink.flush()
            os.fsync(sink.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
