"""A batch file: signed consents to one offer under a Merkle root, one a line, ascending by consent id.

Every line is canonical JSON, the first one a header. Since a line has one spelling only, it is read by its pattern:
whatever else JSON could say is refused.
"""

from __future__ import annotations

import re
from binascii import unhexlify
from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from placet.core.consent import CompactConsent, ConsentFields
from placet.core.eip712 import Domain
from placet.core.enrolment import (
    NO_ENROLMENT,
    AnyEnrolment,
    EnrolmentOpening,
    accepted_enrollers,
    demand_enrolled,
    enrolment_hash,
    enrolment_of,
    is_root,
    subject_commitment,
)
from placet.core.enrolment_batch import BatchName, Claim, enrolment_leaf
from placet.core.errors import ConsentError, InputError, LimitError, PlacetError
from placet.core.hashing import canonical, document_bytes
from placet.core.ids import BatchRoot, ConsentId
from placet.core.json_text import read_json
from placet.core.languages import LANGUAGES, TAGS
from placet.core.offers import Offer, Scope
from placet.core.signature_forms import is_in_form
from placet.core.signature_forms import read as read_signature
from placet.core.signatures import Verifiers
from placet.core.trust import TrustList
from placet.core.values import Address, Signer, Value, parse, to_hex
from placet.core.webauthn import LONGEST
from placet.core.wording import Wording

MAX_HEADER = 65_536
MAX_LINE = 6_144
"""Bytes of a line without its line feed."""
MAX_COUNT = 2**32 - 1
CHUNK = 256
"""Lines that are checked at a time: a power of two, so that a full chunk is a whole subtree of the batch tree."""


class BatchHeader(Value):
    """A batch file's first line. `count` is the number of lines that follow."""

    type: Literal["placet.batch"] = "placet.batch"
    version: Literal[1] = 1
    offer: Offer
    scope: Scope
    count: Annotated[int, Field(ge=1, le=MAX_COUNT, strict=True)]
    root: BatchRoot

    @classmethod
    def of_line(cls, line: bytes) -> BatchHeader:
        """InputError unless this is such a header in canonical JSON."""
        header = parse(cls, line, limit=MAX_HEADER, what="the batch file's header")
        if document_bytes(header) != line:
            raise InputError("the batch file's header is not in its one form", expected="canonical JSON (RFC 8785)")
        return header


class BatchLine(NamedTuple):
    """A person's consent with its signature, its enrolment and, for the provider's vault alone, what opens that."""

    consent: ConsentFields
    signature: bytes
    enroller: bytes
    enrolled: bytes
    """The enroller's signature, or the root of the batch of enrolments (32 bytes)."""
    opening: tuple[str, bytes] | None
    """Subject and salt."""

    def __repr__(self) -> str:
        return "BatchLine(…)"

    def encode(self) -> bytes:
        """The line as it stands in the file, without its line feed."""
        document: dict[str, object] = {
            "consent": CompactConsent.of(self.consent).to_json(),
            "enrolment": self.enrolment().to_json(),
            "signature": to_hex(self.signature),
        }
        if self.opening is not None:
            document["opening"] = {"subject": self.opening[0], "salt": to_hex(self.opening[1])}
        return canonical(document)

    def enrolment(self) -> AnyEnrolment:
        return enrolment_of(self.enroller, self.consent.enrolment, self.enrolled)

    def opened(self) -> EnrolmentOpening | None:
        return None if self.opening is None else EnrolmentOpening(subject=self.opening[0], salt=self.opening[1])


def _hex(size: int) -> str:
    return f'"0x([0-9a-f]{{{2 * size}}})"'


_NUMBER = "(0|[1-9][0-9]{0,14})"
_SIGNED = '"0x([0-9a-f]{128}|[0-9a-f]{130})"'
_OWNER_SIGNED = f'"0x([0-9a-f]{{128}}|[0-9a-f]{{130}}|(?:[0-9a-f]{{64}}){{8,{LONGEST // 32}}})"'
"""Of passkeys too, whose assertions are some 32-byte words."""
_LANGUAGES = "|".join(LANGUAGES)
_PATTERN = re.compile(
    rf'{{"consent":{{"enrolment":{_hex(32)},"first_opening":{_NUMBER},"language":"({_LANGUAGES})","not_after":{_NUMBER},"not_before":{_NUMBER},'
    rf'"owner":"0x([0-9a-f]{{40}}|[0-9a-f]{{168}})","salt":{_hex(32)},"uses":{_NUMBER}}},'
    rf'"enrolment":{{(?:"batch":{_hex(32)},"enroller":{_hex(20)}|"enroller":{_hex(20)},"signature":{_SIGNED}),'
    rf'"subject":{_hex(32)}}},'
    rf'(?:"opening":{{"salt":{_hex(32)},"subject":("(?:[^"\\\x00-\x1f]|\\[^\x00-\x1f])+")}},)?'
    rf'"signature":{_OWNER_SIGNED}}}'.encode()
)
_PLAIN = re.compile(rb'"[ !#-\[\]-~]{1,256}"')
"""A text that stands in JSON as it is: printable ASCII without quotes and backslashes."""
_TEXT = TypeAdapter(Annotated[str, Field(min_length=1, max_length=256)])
_ANY_SIGNATURE = to_hex(bytes(65))
_OWNER, _ADDRESS = TypeAdapter(Signer), TypeAdapter(Address)


def decode_line(raw: bytes) -> BatchLine:
    """A line of the file, without its line feed. LimitError or InputError if it is anything else."""
    if len(raw) > MAX_LINE:
        raise LimitError("the line is too long", expected=f"at most {MAX_LINE} bytes", found=len(raw))
    match = _PATTERN.fullmatch(raw)
    if match is None:
        raise InputError(
            "not a consent in its one form",
            expected="canonical JSON of consent, enrolment, opening if it is there, and signature",
            remedy="docs/reference/formats.md, “Batch files”",
            code="batch.line",
        )
    enrolment, first, language, after, before, owner, salt, uses, *proof, subject, key, name, signature = match.groups()
    root, batchs, enroller, enrolled = proof
    if subject != enrolment:
        raise ConsentError("the enrolment is not the one in the consent", code="consent.enrolment")
    numbers = int(before), int(after), int(first), int(uses)
    if numbers[0] >= 2**48 or numbers[1] >= 2**48 or numbers[2] >= 2**32 or not 1 <= numbers[3] < 2**32:
        raise InputError("a number of the consent is out of range", code="batch.line")
    opening = None if key is None else (_subject(name), unhexlify(key))
    return BatchLine(
        ConsentFields(unhexlify(owner), *numbers, unhexlify(enrolment), unhexlify(salt), TAGS[language]),
        unhexlify(signature),
        unhexlify(batchs or enroller),
        unhexlify(root or enrolled),
        opening,
    )


def _foreign_line(raw: bytes) -> BatchLine:
    """A line in any JSON, with addresses and signatures as wallets write them; these are not brought into form here."""
    try:
        document = read_json(raw, "the line")
        document["consent"]["owner"] = to_hex(_OWNER.validate_python(document["consent"]["owner"]))
        document["enrolment"]["enroller"] = to_hex(_ADDRESS.validate_python(document["enrolment"]["enroller"]))
        signature = read_signature(document["signature"])
        document["signature"] = _ANY_SIGNATURE
        if "batch" in document["enrolment"]:
            return decode_line(canonical(document))._replace(signature=signature)
        enrolled = read_signature(document["enrolment"]["signature"])
        document["enrolment"]["signature"] = _ANY_SIGNATURE
        return decode_line(canonical(document))._replace(signature=signature, enrolled=enrolled)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        words = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise InputError(
            "not a consent in its one form",
            expected="JSON of consent, enrolment, opening if it is there, and signature",
            found=words if isinstance(error, ValueError) else None,
            remedy="docs/reference/formats.md, “Batch files”",
            code="batch.line",
        ) from None


def _subject(raw: bytes) -> str:
    if _PLAIN.fullmatch(raw):
        return raw[1:-1].decode()
    try:
        subject = _TEXT.validate_json(raw)
    except ValidationError:
        raise InputError("the opening's subject is no text of 1 to 256 characters", code="batch.line") from None
    if canonical(subject) != raw:
        raise InputError("the opening's subject is not in its one form", expected="canonical JSON", code="batch.line")
    return subject


class LineCheck:
    """What makes a line good: pure, and in the order of `demand`. ConsentError where offer and scope do not fit."""

    def __init__(self, offer: Offer, scope: Scope, domain: Domain, verifiers: Verifiers, trust: TrustList) -> None:
        if not scope.personal:
            raise ConsentError("a batch holds persons' consents", expected="a scope of personal data")
        self._wording = Wording(offer, scope, trust.name)
        self._domain = domain
        self._verifiers = verifiers
        self._enrollers = accepted_enrollers(scope, trust)
        self._namespace = scope.namespace

    def normal_line(self, raw: bytes) -> tuple[bytes, BatchLine]:
        """A line as the file has it, from one whose addresses and signatures are written as wallets write them, and
        what it says. SignatureError for a signature that has another form and is nobody's; others are not checked."""
        try:
            line = decode_line(raw)
        except InputError:
            line = _foreign_line(raw)
            raw = line.encode()
        owner, enrolled = line.consent.owner, line.consent.enrolment
        digest = self._domain.digest
        if not is_in_form(owner, line.signature):
            signature = self._verifiers.normal("the consent", owner, digest(self.identity(line)), line.signature)
            line = line._replace(signature=signature)
        if not is_root(line.enrolled) and not is_in_form(line.enroller, line.enrolled):
            of_enroller = digest(enrolment_hash(owner, self._namespace, enrolled))
            proof = self._verifiers.normal("the enrolment", line.enroller, of_enroller, line.enrolled)
            line = line._replace(enrolled=proof)
        return line.encode(), line

    def demand(self, line: BatchLine) -> ConsentId:
        """The consent's id. The enroller is one of the offer's; the opening, where it is there, opens the enrolment;
        the owner signed exactly the words that follow from the offer; the enroller signed for this owner's key, or
        names a batch of enrolments, which is not looked into here (`Checked.claims`)."""
        if line.consent.enrolment == NO_ENROLMENT:
            raise ConsentError("a person's consent needs an enrolment", code="consent.unenrolled")
        if line.enroller not in self._enrollers:
            raise ConsentError(
                "the offer does not accept this enroller",
                expected="an enroller that the offer's scope and the trust list name",
                found=to_hex(line.enroller),
                code="consent.enroller",
            )
        if line.opening is not None and subject_commitment(*line.opening) != line.consent.enrolment:
            raise ConsentError("the opening does not open the enrolment", code="consent.opening")
        identity = self.identity(line)
        owner, enrolled = line.consent.owner, line.consent.enrolment
        self._verifiers.demand("the consent", owner, self._domain.digest(identity), line.signature)
        if not is_root(line.enrolled):
            demand_enrolled(
                owner, line.enroller, enrolled, line.enrolled, namespace=self._namespace, domain=self._domain
            )
        return identity

    def identity(self, line: BatchLine) -> ConsentId:
        """The consent's id alone, without any check of signatures."""
        return self._wording.consent_id(line.consent)


def at_line(number: int, error: PlacetError) -> InputError:
    """An error as that of a line, counted as editors do: the header is line 1."""
    return InputError(
        f"line {number}: {error.message}",
        expected=error.expected,
        found=error.found,
        remedy=error.remedy,
        code=error.code,
    )


class Checked(NamedTuple):
    """Lines that are good if the batches of enrolments that they name hold what they claim of them."""

    ids: list[ConsentId]
    claims: dict[BatchName, Claim]


def check_chunk(check: LineCheck, lines: Sequence[bytes], first: int) -> Checked:
    """What some lines say, the first being number `first`. InputError names the first bad one."""
    ids: list[ConsentId] = []
    claims: dict[BatchName, Claim] = {}
    for place, raw in enumerate(lines):
        try:
            line = decode_line(raw)
            identity = check.demand(line)
            if ids:
                demand_above(ids[-1], identity)
        except PlacetError as error:
            raise at_line(first + place, error) from None
        ids.append(identity)
        if is_root(line.enrolled):
            claim = claims.setdefault((line.enroller, line.enrolled), Claim([], []))
            claim.places.append(place)
            claim.leaves.append(enrolment_leaf(line.consent.owner, line.consent.enrolment))
    return Checked(ids, claims)


def demand_above(last: ConsentId, identity: ConsentId) -> None:
    """InputError unless consent ids ascend."""
    if last >= identity:
        raise InputError(
            "a consent stands twice" if last == identity else "the consents are not in ascending order of their ids",
            expected=f"an id above {to_hex(last)}",
            found=to_hex(identity),
            code="batch.order",
        )
