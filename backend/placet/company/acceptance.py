"""What a company agrees to, and what it refuses whatever partner and service propose."""

from __future__ import annotations

from dataclasses import dataclass

from placet.catalogue.contract_compare import SPEC
from placet.core.enclave_policy import (
    AzureSnpRule,
    AzureTdxRule,
    EnclaveClass,
    EnclavePolicy,
    Role,
    Rule,
    SgxRule,
    SnpRule,
    SnpTcb,
    TdxRule,
    VtpmRule,
)
from placet.core.errors import AttestationError, PlanError
from placet.core.masking import public_key
from placet.core.plan import Plan, Terms
from placet.core.purposes import purpose_id
from placet.core.values import to_hex
from placet.jobs.context import JobContext
from placet.recipes.contract_compare.extension import demand_accepted


@dataclass(frozen=True, kw_only=True)
class AcceptancePolicy:
    """What this company agrees to: its role, with whom, where, for what, as what the enclave must be proven, and, if
    they are named, which measurements it may have."""

    role: Role
    partner: bytes
    service: bytes
    purpose: str
    classes: frozenset[EnclaveClass]
    measurements: frozenset[bytes] = frozenset()

    def demand(self, context: JobContext, plan: Plan, terms: Terms) -> None:
        """PlanError or AttestationError for a plan that is another one."""
        if terms.recipe != SPEC.name:
            raise PlanError("this company takes part in comparisons alone", found=terms.recipe)
        place = plan.party_of(context.address)
        sides = (terms.roles[place], plan.parties[1 - place].signer if place < 2 else b"", plan.parties[-1].signer)
        if sides != (self.role, self.partner, self.service) or plan.purpose != purpose_id(self.purpose):
            raise PlanError(
                "another comparison than this company waits for",
                expected=f"{self.role}, with {to_hex(self.partner)}, at {to_hex(self.service)}, for {self.purpose}",
                found=f"{sides[0]}, with {to_hex(sides[1])}, at {to_hex(sides[2])}",
                code="plan.entry",
            )
        parameters = SPEC.parse(terms.parameters)
        if {one.party: one.key for one in parameters.recipients}.get(place) != public_key(context.hpke):
            raise PlanError(
                "the plan gives this company no result, or under another key than its own", code="plan.recipient"
            )
        self._demand_enclave(terms.engine, parameters.policy)
        demand_accepted(context, plan, terms)

    def _demand_enclave(self, engine: str, policy: EnclavePolicy) -> None:
        if engine not in self.classes:
            raise AttestationError(
                "the plan's enclave is of a class that this company does not accept",
                expected=" or ".join(sorted(self.classes)),
                found=engine,
                remedy="--simulated, if the operator of the enclave's host is trusted anyway",
                code="attestation.kind",
            )
        named = {one for rule in policy.rules for one in rule.measurements}
        if not named <= self.measurements and (self.measurements or engine == "hardware"):
            raise AttestationError(
                "the plan's enclave is not the program that this company expects",
                expected=", ".join(sorted(one.hex() for one in self.measurements)),
                found=", ".join(sorted(one.hex() for one in named)),
                remedy="--measurement, of a program that you have read and measured",
                code="attestation.measurement",
            )
        if weak := [rule.kind for rule in policy.rules if not _strict(rule)]:
            raise AttestationError(
                "the plan takes platforms that are out of date, less privileged callers, or no secure boot",
                expected="UpToDate, VMPL 0, a TCB above zero, secure boot",
                found=", ".join(weak),
                code="attestation.tcb",
            )


def _strict(rule: Rule) -> bool:
    """Does a rule ask for what a company should ask for, whatever the service proposes? A console is not among it: what
    one can do there is the measured program's to say."""
    if isinstance(rule, SgxRule | TdxRule | AzureTdxRule) and rule.min_status != "UpToDate":
        return False
    if isinstance(rule, SnpRule | AzureSnpRule) and not all(_firmware_asked(one) for one in rule.min_tcb):
        return False
    if isinstance(rule, SnpRule) and rule.max_vmpl:
        return False
    return rule.secure_boot if isinstance(rule, VtpmRule) else True


def _firmware_asked(smallest: SnpTcb) -> bool:
    return bool(smallest.microcode and smallest.snp)
