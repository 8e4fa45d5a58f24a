"""A company's documents for comparisons: they stay where they are; here is a record of each, for its owner alone.

A record holds the salt of the commitment that is on chain, so it is a secret. What is encrypted for a job lies here
until the job ends.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from placet.core.consent import CompactConsent, Grant
from placet.core.enclave_policy import Role
from placet.core.errors import ConfigError, InputError, NotFoundError, StateError
from placet.core.evidence import NamedConsent
from placet.core.hashing import document_bytes
from placet.core.ids import ConsentId, JobId
from placet.core.offers import Offer, Scope
from placet.core.values import Bytes32, Signature, Value, line, parse, to_hex
from placet.protocols.enclave.sealed.documents import DocumentKey, Locked, commit, encrypt

_MAX_RECORD = 128 << 10


class DocumentRecord(Value):
    """A document that its owner consented to have compared. `file` is where it lies, `name` what the enclave is told,
    which shows its format; `id` and `details` are the consent's and its words' hashes."""

    type: Literal["placet.document-record"] = "placet.document-record"
    version: Literal[1] = 1
    file: Annotated[str, Field(min_length=1, max_length=4096)]
    name: Annotated[str, *line(255)]
    salt: Bytes32
    commitment: Bytes32
    offer: Offer
    scope: Scope
    consent: CompactConsent
    signature: Signature
    id: ConsentId
    details: Bytes32

    def grant(self) -> Grant:
        """The consent as the contract takes it, whatever its parties are called today."""
        words = self.consent
        times = (words.not_before, words.not_after, words.first_opening, words.uses)
        return Grant(words.owner, self.offer.id, *times, self.details)

    def __repr__(self) -> str:
        return f"DocumentRecord({to_hex(self.id)})"

    __str__ = __repr__


class Documents:
    """Records in one folder, by consent; the source of the company's own consents; a document has no rows.

    `on_offer` is the consent of the one document that others may be told of now."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.on_offer: ConsentId | None = None
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def add(self, record: DocumentRecord) -> None:
        """Keep a record, before its consent goes to the chain."""
        file = self._folder / f"{record.id.hex()}.json"
        fresh = file.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as sink:
            sink.write(document_bytes(record))
        fresh.replace(file)

    def all(self) -> list[DocumentRecord]:
        """ConfigError for a file that is no record."""
        return [_read(file) for file in sorted(self._folder.glob("*.json"))]

    def of(self, consent: ConsentId) -> DocumentRecord:
        """NotFoundError if no document here has that consent."""
        file = self._folder / f"{consent.hex()}.json"
        if not file.exists():
            raise NotFoundError("no document here has such a consent", found=to_hex(consent), code="document.unknown")
        return _read(file)

    def scope(self, offer: Offer) -> Scope:
        """The opened scope of an offer on one of the documents. NotFoundError."""
        for record in self.all():
            if record.offer == offer:
                return record.scope
        raise NotFoundError("no document here has such an offer", found=to_hex(offer.id), code="document.unknown")

    def lock(self, consent: ConsentId, job: JobId, attempt: int, role: Role) -> tuple[Locked, DocumentKey]:
        """Encrypt a document into `locked_file`, under a new key. StateError `document.changed` if it is no longer the
        one that the consent is about, ConfigError if it can't be read."""
        record = self.of(consent)
        target = self.locked_file(job, attempt)
        try:
            with (
                Path(record.file).open("rb") as source,
                os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as sink,
            ):
                locked, key = encrypt(source, sink, job=job, role=role, salt=record.salt)
        except OSError as error:
            raise ConfigError("the document can't be encrypted", found=f"{record.file}: {error.strerror}") from None
        if locked.commitment != record.commitment:
            target.unlink()
            raise StateError(
                "the document is no longer the one that the consent is about",
                found=record.file,
                remedy="offer it anew, or put back what was there",
                code="document.changed",
            )
        return locked, key

    def locked_file(self, job: JobId, attempt: int) -> Path:
        """Where the encrypted document of an attempt lies."""
        return self._folder / f"{job.hex()}-{attempt}.locked"

    def forget(self, job: JobId) -> None:
        """Remove what was encrypted for a job."""
        for file in self._folder.glob(f"{job.hex()}-*.locked"):
            file.unlink(missing_ok=True)

    async def named_evidence(self, consent: ConsentId) -> NamedConsent:
        """The company's own consent, with its signature."""
        record = self.of(consent)
        return NamedConsent(consent=record.consent, signature=record.signature)


def commitment_of(file: Path, salt: bytes) -> bytes:
    """The commitment to a document's bytes. ConfigError if it can't be read, InputError if it is empty."""
    try:
        with file.open("rb") as source:
            if not file.stat().st_size:
                raise InputError("the document is empty", found=file, code="data.empty")
            return commit(source, salt)
    except OSError as error:
        raise ConfigError("the document can't be read", found=f"{file}: {error.strerror}") from None


def _read(file: Path) -> DocumentRecord:
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise ConfigError("a document's record can't be read", found=f"{file.name}: {error.strerror}") from None
    return parse(DocumentRecord, raw, limit=_MAX_RECORD, what=f"document record {file.name}")
