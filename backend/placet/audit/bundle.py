"""The bundle: one file with everything that a stranger needs to check one job without a chain, a node or a database.

The evidence is as good as its authors' signatures. The facts are as good as the hashes of blocks that their reader
trusts, where the bundle holds a proof; else they are the word of whoever collected the bundle: who did not do that
himself collects the facts again from an endpoint of his own (`chain_facts.facts`) and compares.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, BinaryIO, Literal

from pydantic import Field

from placet.audit.facts import ChainFacts
from placet.audit.outcome import Basis
from placet.audit.proof import ChainProof
from placet.audit.sections import Body, Sections, pieces_of
from placet.core.errors import DeploymentError, InputError, LimitError
from placet.core.evidence import MAX_EVIDENCE, MAX_SECTIONS, Section, SignedEvidence
from placet.core.ids import JobId
from placet.core.noise_opening import SealedNoise
from placet.core.plan import MAX_PARTIES
from placet.core.trust import Deployment, TrustList
from placet.core.values import Address, Value, parse, quotation

MAX_BUNDLE = 1 << 30
"""Bytes of a bundle's document at the most, without its sections."""


class PartyEvidence(Value):
    """What `institution` handed out, or why there is nothing: exactly one of the two."""

    institution: Address
    evidence: SignedEvidence | None = None
    missing: Annotated[str, *quotation(300), Field(min_length=1)] | None = None


class Bundle(Value):
    """One job: facts, evidence, and the two files that say what is whose. `copies` reminds of a duty: an erasure at the
    institutions does not reach a saved bundle, so that whoever keeps one erases it, or collects it anew, himself."""

    type: Literal["placet.bundle"] = "placet.bundle"
    version: Literal[1] = 1
    copies: Literal["whoever-keeps-this-file-erases-it"] = "whoever-keeps-this-file-erases-it"
    job: JobId
    deployment: Deployment
    trust: TrustList
    facts: ChainFacts
    evidence: Annotated[tuple[PartyEvidence, ...], Field(max_length=MAX_PARTIES + 2)] = ()
    noise: Annotated[
        tuple[SealedNoise, ...], Field(max_length=MAX_PARTIES, exclude_if=lambda openings: not openings)
    ] = ()
    """What parties opened of their noise, each for the one auditor whose key opens it."""
    proof: Annotated[ChainProof | None, Field(exclude_if=lambda proof: proof is None)] = None
    """What shows that the facts stand under the hashes of blocks."""

    def sections(self) -> tuple[Section, ...]:
        """All sections of all evidence, in the order in which they follow the bundle, each once."""
        shown = (entry.evidence.evidence.sections() for entry in self.evidence if entry.evidence is not None)
        return tuple({section.hash: section for sections in shown for section in sections}.values())


def schema() -> dict[str, Any]:
    """The JSON Schema of a bundle's document, as `docs/reference/schemas` has it."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Bundle.model_json_schema()}


def parse_bundle(raw: bytes) -> Bundle:
    """A bundle's document; InputError or LimitError, never anything else."""
    bundle = parse(Bundle, raw, limit=MAX_BUNDLE, what="bundle")
    for entry in bundle.evidence:
        if (entry.evidence is None) == (entry.missing is None):
            raise InputError("bundle is malformed", expected="evidence, or why it is missing")
        if entry.evidence is not None:
            _demand_bounded(entry.evidence)
    return bundle


def read_bundle(file: BinaryIO, sections: Sections) -> Bundle:
    """A bundle file: the document, and its sections into `sections`. InputError or LimitError."""
    body = Body(pieces_of(file))
    bundle = parse_bundle(body.line(MAX_BUNDLE, "bundle"))
    body.sections(bundle.sections(), sections)
    return bundle


def compared(bundle: Bundle, deployment: Deployment | None, trust: TrustList | None) -> Basis:
    """What the auditor has himself must be what the bundle was made with: DeploymentError or InputError otherwise.
    Without both files it is the bundle's own word."""
    if deployment is not None and deployment != bundle.deployment:
        raise DeploymentError("the bundle was made for other contracts than your deployment file names")
    if trust is not None and trust != bundle.trust:
        raise InputError("the bundle was made with another trust list than yours", remedy="compare the two lists")
    return Basis.BUNDLE if deployment is None or trust is None else Basis.OWN_FILES


def bundle_pieces(bundle: Bundle, sections: Sections) -> Iterator[bytes]:
    """What `read_bundle` reads. LimitError, before anything, for a document that it would refuse."""
    document = bundle.model_dump_json().encode()
    if len(document) > MAX_BUNDLE:
        raise LimitError("bundle is too large", expected=f"at most {MAX_BUNDLE} bytes", found=len(document))
    yield document
    for number, section in enumerate(bundle.sections()):
        if number == 0:
            yield b"\n"
        yield from sections.read(section)


def parse_evidence(raw: bytes) -> SignedEvidence:
    """The document that a party's endpoint answers; InputError or LimitError, never anything else."""
    signed = parse(SignedEvidence, raw, limit=MAX_EVIDENCE, what="evidence")
    _demand_bounded(signed)
    return signed


def _demand_bounded(signed: SignedEvidence) -> None:
    """The same for a party that is asked and for one in a bundle: what was collected can be read again."""
    size = sum(section.size for section in signed.evidence.sections())
    if size > MAX_SECTIONS:
        raise LimitError("too many leaves", expected=f"at most {MAX_SECTIONS} bytes of a party's sections", found=size)
