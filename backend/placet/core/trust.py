"""The two files that nodes, vaults and auditors are given from outside: which contracts, and who is who."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from placet.core.chains import Evm, Finality
from placet.core.eip712 import Domain, consent_domain, job_domain, receipt_domain, stake_domain, statement_domain
from placet.core.errors import NotFoundError
from placet.core.namespace import Namespace
from placet.core.signatures import Verifiers
from placet.core.values import Address, Bytes32, Text, Value, parse, to_hex

Url = Annotated[str, Field(pattern=r"^https?://[^\s]{1,300}$")]


class Contract(Value):
    """One deployed contract: its address and the keccak256 of its code."""

    address: Address
    code_hash: Bytes32


class Deployment(Value):
    """The deployment file. `confirmations`: how many blocks must lie above an event before it counts; where `finality`
    names a tag of the chain, its block is what counts, and so many lie above it as a rule."""

    type: Literal["placet.deployment"] = "placet.deployment"
    version: Literal[1] = 1
    chain_id: Annotated[int, Field(ge=1, lt=2**53)]
    block: Annotated[int, Field(ge=0)]
    genesis: Bytes32
    confirmations: Annotated[int, Field(ge=0, le=1000)]
    finality: Finality
    evm: Evm
    dataset_registry: Contract
    consent_registry: Contract
    job_ledger: Contract
    reward_escrow: Contract
    p256_verifier: Contract
    webauthn_verifier: Contract
    enclave_registry: Contract
    ceremonies: Contract
    groth16_verifier: Contract
    statements: Contract
    statement_escrow: Contract
    audit_stakes: Contract
    consent_trees: Contract

    @cached_property
    def verifiers(self) -> Verifiers:
        """Whose signatures its contracts take, as far as keys go."""
        return Verifiers(frozenset({self.p256_verifier.address}), frozenset({self.webauthn_verifier.address}))

    @cached_property
    def consents(self) -> Domain:
        """EIP-712 domain of owners and enrollers."""
        return consent_domain(self.chain_id, self.consent_registry.address)

    @cached_property
    def receipts(self) -> Domain:
        """EIP-712 domain of institutions' receipts for consents."""
        return receipt_domain(self.chain_id, self.consent_registry.address)

    @cached_property
    def jobs(self) -> Domain:
        """EIP-712 domain of institutions about jobs."""
        return job_domain(self.chain_id, self.job_ledger.address)

    @cached_property
    def proven(self) -> Domain:
        """EIP-712 domain of statements in zero knowledge."""
        return statement_domain(self.chain_id, self.statements.address)

    @cached_property
    def stakes(self) -> Domain:
        """EIP-712 domain of auditors about stakes."""
        return stake_domain(self.chain_id, self.audit_stakes.address)


class Institution(Value):
    """An institution: its signing address on chain, its name for people, its API and peer URLs, its TLS certificate."""

    address: Address
    name: Text
    api: Url
    peer: Url
    certificate: Annotated[str, Field(max_length=8192, pattern=r"^-----BEGIN CERTIFICATE-----")]


class Enroller(Value):
    """Somebody who ties owners' keys to persons, whom it knows by these kinds of identifiers and no others."""

    address: Address
    name: Text
    namespaces: Annotated[tuple[Namespace, ...], Field(min_length=1, max_length=64)]
    api: Url | None = None


class Auditor(Value):
    """Somebody who may fetch evidence. Drawn rows are opened to no other `key` of his (X25519, 32 bytes) than this one,
    and where there is none, to none."""

    address: Address
    name: Text
    key: Annotated[Bytes32 | None, Field(exclude_if=lambda value: value is None)] = None


class TrustList(Value):
    """Which address is whom. Texts that owners sign use these names: a name, once used in consents, stays."""

    type: Literal["placet.trust"] = "placet.trust"
    version: Literal[1] = 1
    institutions: Annotated[tuple[Institution, ...], Field(max_length=256)]
    enrollers: Annotated[tuple[Enroller, ...], Field(max_length=256)] = ()
    auditors: Annotated[tuple[Auditor, ...], Field(max_length=256)] = ()

    @model_validator(mode="after")
    def _unique(self) -> TrustList:
        for group in (self.institutions, self.enrollers, self.auditors):
            if len({who.address for who in group}) != len(group) or len({who.name for who in group}) != len(group):
                raise ValueError("addresses and names must be unique within institutions, enrollers and auditors")
        names = {who.address: who.name for who in self.institutions}
        addresses = {who.name: who.address for who in self.institutions}
        for one in self.auditors:
            if names.get(one.address, one.name) != one.name or addresses.get(one.name, one.address) != one.address:
                raise ValueError("institutions and auditors: an address has one name, and a name one address")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """All names in the list, each once."""
        everybody: tuple[Institution | Enroller | Auditor, ...] = (*self.institutions, *self.enrollers, *self.auditors)
        return tuple(dict.fromkeys(who.name for who in everybody))

    @cached_property
    def _institutions(self) -> dict[bytes, Institution]:
        return {who.address: who for who in self.institutions}

    @cached_property
    def _auditors(self) -> dict[bytes, Auditor]:
        return {who.address: who for who in self.auditors}

    def institution(self, address: bytes) -> Institution:
        """NotFoundError if the list does not name the address."""
        try:
            return self._institutions[address]
        except KeyError:
            raise NotFoundError(
                "the trust list names no such institution", found=to_hex(address), remedy="add it to the trust list"
            ) from None

    def name(self, address: bytes) -> str:
        """An institution's or an auditor's name for people."""
        auditor = self._auditors.get(address)
        return self.institution(address).name if auditor is None else auditor.name

    def name_or_address(self, address: bytes) -> str:
        """The same; of one that is not in the list any more its address."""
        known = self._institutions.get(address) or self._auditors.get(address)
        return to_hex(address) if known is None else known.name

    def enrols(self, address: bytes, namespace: str | None) -> bool:
        """Does this enroller's word count for identifiers of that kind?"""
        return any(who.address == address and namespace in who.namespaces for who in self.enrollers)

    def is_auditor(self, address: bytes) -> bool:
        return address in self._auditors

    def auditor_key(self, address: bytes) -> bytes | None:
        """The key to which things are opened to that auditor; None where the list has none."""
        auditor = self._auditors.get(address)
        return None if auditor is None else auditor.key

    def with_entry(self, kind: str, entry: Mapping[str, Any]) -> TrustList:
        """A copy in which `entry` of `institutions`, `enrollers` or `auditors` replaces that of the same address, or is
        added. InputError where that is no trust list."""
        lists = self.to_json()
        others = [old for old in lists[kind] if old["address"] != str(entry["address"]).lower()]
        return parse(TrustList, lists | {kind: [*others, entry]}, what="trust list")
