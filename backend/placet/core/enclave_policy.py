"""What a plan asks of an enclave, and for whom its result is.

A kind without a rule is refused, and so is everything that a rule does not name. Debugging is always refused: no policy
can ask for it.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeVar, get_args

from pydantic import AfterValidator, Field, model_validator

from placet.core.hashing import document_hash
from placet.core.values import U32, Bytes32, Bytes48, Value

Kind = Literal["sgx", "tdx", "nitro", "snp", "azure-snp", "azure-tdx", "tpm"]
EnclaveClass = Literal["hardware", "simulated"]
CLASS_OF: dict[Kind, EnclaveClass] = {
    "sgx": "hardware",
    "tdx": "hardware",
    "nitro": "hardware",
    "snp": "hardware",
    "azure-snp": "hardware",
    "azure-tdx": "hardware",
    "tpm": "simulated",
}
SIZE_OF: dict[Kind, int] = {
    "sgx": 32, "tdx": 48, "nitro": 48, "snp": 48, "azure-snp": 48, "azure-tdx": 48, "tpm": 32,
}  # fmt: skip
"""Bytes of a measurement."""
IntelStatus = Literal[
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
]
"""Best first. `Revoked` is not among them: nothing accepts it."""
INTEL_LADDER: tuple[str, ...] = get_args(IntelStatus)
Product = Literal["milan", "genoa", "turin"]

WORKLOAD_PCRS: Final = (4, 8, 9, 11, 12, 13)
"""What was started and how (TCG PC Client Platform Firmware Profile, UAPI TPM2 PCR Measurements): boot loader or
unified kernel image (4), GRUB's commands and what it loads, the kernel's command line and initrd (8, 9), a unified
image's parts, its overrides and its extensions (11 to 13). No measurement of a virtual machine leaves one out."""
STATIC_PCRS: Final = 16
"""Only PCRs below this one count: who runs in the machine can reset 16 and 23, and extends 17 to 22 from ones."""

MAX_AGE = 86_400
"""Seconds that evidence may live at the most, whatever a plan says."""

T = TypeVar("T")


def _distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    if len(set(values)) != len(values):
        raise ValueError("each may be named once")
    return values


_Few = Field(min_length=1, max_length=64)
Hashes32 = Annotated[tuple[Bytes32, ...], _Few, AfterValidator(_distinct)]
Hashes48 = Annotated[tuple[Bytes48, ...], _Few, AfterValidator(_distinct)]
U8 = Annotated[int, Field(ge=0, lt=256, strict=True)]
Flag = Annotated[bool, Field(strict=True)]


class SgxRule(Value):
    """`measurements` are MRENCLAVEs. `signers`, if any are named, are the MRSIGNERs of whom one must have signed it."""

    kind: Literal["sgx"]
    measurements: Hashes32
    signers: Annotated[tuple[Bytes32, ...], Field(max_length=64), AfterValidator(_distinct)] = ()
    min_status: IntelStatus = "UpToDate"


class TdxRule(Value):
    """`measurements` are SHA-384(MRTD ‖ RTMR0 ‖ RTMR1 ‖ RTMR2 ‖ RTMR3)."""

    kind: Literal["tdx"]
    measurements: Hashes48
    min_status: IntelStatus = "UpToDate"


class NitroRule(Value):
    """`measurements` are SHA-384(PCR0 ‖ PCR1 ‖ PCR2). AWS states no TCB status, so there is no smallest one."""

    kind: Literal["nitro"]
    measurements: Hashes48


class SnpTcb(Value):
    """Security version numbers of a product line's firmware; `fmc` is there from Turin on."""

    product: Product
    fmc: U8 = 0
    boot_loader: U8
    tee: U8
    snp: U8
    microcode: U8

    @model_validator(mode="after")
    def _fmc_is_turins(self) -> SnpTcb:
        if self.fmc and self.product != "turin":
            raise ValueError("only Turin has an fmc")
        return self

    def parts(self) -> tuple[int, int, int, int, int]:
        return (self.fmc, self.boot_loader, self.tee, self.snp, self.microcode)

    def holds(self, other: SnpTcb) -> bool:
        """Whether `other` is of this product and none of its parts is smaller."""
        return other.product == self.product and all(
            theirs >= ours for ours, theirs in zip(self.parts(), other.parts(), strict=True)
        )

    def __str__(self) -> str:
        names = ("fmc", "boot loader", "tee", "snp", "microcode")
        return f"{self.product}: " + ", ".join(f"{name} {part}" for name, part in zip(names, self.parts(), strict=True))


def _one_minimum_a_product(minima: tuple[SnpTcb, ...]) -> tuple[SnpTcb, ...]:
    _distinct(tuple(one.product for one in minima))
    return minima


MinTcb = Annotated[tuple[SnpTcb, ...], Field(min_length=1, max_length=3), AfterValidator(_one_minimum_a_product)]
"""The smallest reported TCB for each product line that is accepted; one that is not in it is refused."""
CspId = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[\x20-\x7e]+$")]


class SnpRule(Value):
    """`measurements` are the report's MEASUREMENT. `max_vmpl` is the least privileged VMPL that may have asked.
    `csp_ids` are the cloud providers whose VLEK may have signed, as the VLEK's certificate writes its CSP_ID (AWS has
    one for each region: `CN=cc-us-east-2.amazonaws.com`); without any, only a chip's own VCEK counts."""

    kind: Literal["snp"]
    measurements: Hashes48
    min_tcb: MinTcb
    max_vmpl: Annotated[int, Field(ge=0, le=3, strict=True)] = 0
    csp_ids: Annotated[tuple[CspId, ...], Field(max_length=64), AfterValidator(_distinct)] = ()


def _whole_selection(pcrs: tuple[int, ...]) -> tuple[int, ...]:
    if list(pcrs) != sorted(set(pcrs)):
        raise ValueError("PCRs are named once each, in ascending order")
    if missing := set(WORKLOAD_PCRS) - set(pcrs):
        raise ValueError(f"PCRs that show what runs are left out: {sorted(missing)}")
    return pcrs


class VtpmRule(Value):
    """What is asked of a virtual machine whose TPM its paravisor runs. `pcrs` go into the measurement: those that show
    what runs, and others that a plan wants. `secure_boot`: must it be on? `console`: may the host's serial console be
    connected?"""

    measurements: Hashes48
    pcrs: Annotated[
        tuple[Annotated[int, Field(ge=0, lt=STATIC_PCRS, strict=True)], ...], AfterValidator(_whole_selection)
    ] = WORKLOAD_PCRS
    secure_boot: Flag = True
    console: Flag = False


class AzureSnpRule(VtpmRule):
    """`measurements` are SHA-384(the report's MEASUREMENT ‖ the PCRs' bitmap (3 bytes) ‖ their values)."""

    kind: Literal["azure-snp"]
    min_tcb: MinTcb


class AzureTdxRule(VtpmRule):
    """`measurements` are SHA-384(the quote's measurement as of `tdx` ‖ the PCRs' bitmap (3 bytes) ‖ their values)."""

    kind: Literal["azure-tdx"]
    min_status: IntelStatus = "UpToDate"


class TpmRule(Value):
    """A quote by a TPM that the operator owns: `enclave_class` must say in so many words that this is only `simulated`.
    `measurements` are what was extended into the PCR; `keys` are SHA-256 of the accepted attestation keys' SPKI."""

    kind: Literal["tpm"]
    enclave_class: Literal["simulated"]
    measurements: Hashes32
    keys: Hashes32


Rule = SgxRule | TdxRule | NitroRule | SnpRule | AzureSnpRule | AzureTdxRule | TpmRule


class EnclavePolicy(Value):
    """`max_age`: seconds from the nonce, and from the evidence where it has a time, for which a verification holds."""

    type: Literal["placet.enclave-policy"] = "placet.enclave-policy"
    version: Literal[1] = 1
    max_age: Annotated[int, Field(ge=1, le=MAX_AGE, strict=True)]
    rules: Annotated[tuple[Annotated[Rule, Field(discriminator="kind")], ...], Field(min_length=1, max_length=7)]

    @model_validator(mode="after")
    def _one_rule_a_kind(self) -> EnclavePolicy:
        _distinct(tuple(rule.kind for rule in self.rules))
        return self

    def digest(self) -> bytes:
        """SHA-256 of its canonical JSON, as a task names it."""
        return document_hash(self)

    @property
    def classes(self) -> frozenset[EnclaveClass]:
        """What it accepts; `simulated` only where a rule says so by name."""
        return frozenset(CLASS_OF[rule.kind] for rule in self.rules)

    def rule(self, kind: Kind) -> Rule | None:
        return next((rule for rule in self.rules if rule.kind == kind), None)


Role = Literal["before", "after"]
ROLES: Final[tuple[Role, ...]] = ("before", "after")
"""Of the companies whose documents an enclave compares."""


class Recipient(Value):
    """A party that gets the result, and its X25519 key."""

    party: U32
    key: Bytes32
