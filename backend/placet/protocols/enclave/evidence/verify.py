"""The one door: evidence, what a plan asks, what must be bound, and the time, to a verified result or a refusal.

In this order, each with its own code (`attestation.…`):

1. the policy has a rule for this kind of evidence (`kind`);
2. the nonce is not from the future and not older than the policy allows (`age`);
3. the evidence is authentic at this time: layout, chain to the pinned root, signatures, dates, collateral (`format`,
   `chain`, `signature`, `expired`, `tcb`), and debugging is off (`debug`);
4. it is what the policy accepts: TCB, signer or key, privilege, what an operator chose (`tcb`, `key`, `platform`),
   measurement (`measurement`);
5. the enclave put the binding into it: chain, job, its key, the nonce (`binding`);
6. its own time, where it has one, lies between the nonce's and now (`age`).

What comes out holds until the first of: the nonce's age, the evidence's age, the end of any certificate or collateral.
"""

from __future__ import annotations

from placet.core.enclave_policy import (
    CLASS_OF,
    AzureSnpRule,
    AzureTdxRule,
    EnclavePolicy,
    NitroRule,
    Rule,
    SgxRule,
    SnpRule,
    TdxRule,
    TpmRule,
)
from placet.protocols.enclave.evidence import azure, intel, nitro, snp, tpm
from placet.protocols.enclave.evidence.binding import Binding
from placet.protocols.enclave.evidence.model import (
    AzureSnpStatement,
    AzureTdxStatement,
    Claims,
    EnclaveEvidence,
    IntelStatement,
    NitroStatement,
    SnpStatement,
    TpmStatement,
    Verified,
)
from placet.protocols.enclave.evidence.refusals import refusal
from placet.protocols.enclave.evidence.roots import VendorRoots, pinned

SKEW = 60
"""Seconds by which a platform's clock may differ from ours."""


def verify(
    evidence: EnclaveEvidence, policy: EnclavePolicy, binding: Binding, now: int, *, roots: VendorRoots | None = None
) -> Verified:
    """`now` is the time to judge for, in Unix seconds: the present, or for an audit the time that the chain tells.
    `roots` stand in for the manufacturers' own; only tests have any."""
    kind = evidence.statement.kind
    rule = policy.rule(kind)
    if rule is None:
        named = ", ".join(one.kind for one in policy.rules)
        raise refusal("kind", "the policy does not accept this platform", expected=named, found=kind)
    ends = [_end_of_age(binding.issued, policy, now, "the nonce", skew=0)]
    claims = _examine(evidence, rule, now, pinned() if roots is None else roots)
    if claims.measurement not in rule.measurements:
        raise refusal(
            "measurement",
            "another program than the plan names",
            expected=f"one of {len(rule.measurements)}",
            found=claims.measurement.hex(),
        )
    if not claims.binds(binding):
        raise refusal(
            "binding",
            "the evidence is not about this job, this key and this nonce",
            expected=binding.digest().hex(),
            found=claims.user_data.hex()[:128],
        )
    if claims.made_at is not None:
        if claims.made_at < binding.issued - SKEW:
            raise refusal("age", "evidence from before its nonce", expected=binding.issued, found=claims.made_at)
        ends.append(_end_of_age(claims.made_at, policy, now, "the evidence", skew=SKEW))
    if claims.expires is not None:
        ends.append(claims.expires)
    return Verified(
        enclave_class=CLASS_OF[kind],
        kind=kind,
        measurement=claims.measurement,
        tcb_status=claims.tcb_status,
        advisories=claims.advisories,
        job=binding.job,
        key=binding.key,
        binding=binding.digest(),
        root=claims.root,
        verified_at=now,
        valid_until=min(ends),
    )


def _examine(evidence: EnclaveEvidence, rule: Rule, now: int, roots: VendorRoots) -> Claims:
    match evidence.statement, rule:
        case IntelStatement() as statement, (SgxRule() | TdxRule()) as rule:
            quoted = intel.examine(statement, now, roots.intel)
            intel.judge(quoted, rule)
            return quoted
        case NitroStatement() as statement, NitroRule():
            return nitro.examine(statement, now, roots.nitro)
        case SnpStatement() as statement, SnpRule() as rule:
            reported = snp.examine(statement, now, roots)
            snp.judge(reported, rule.min_tcb, max_vmpl=rule.max_vmpl, csp_ids=rule.csp_ids)
            return reported
        case AzureSnpStatement() as statement, AzureSnpRule() as rule:
            machine = azure.examine_snp(statement, rule, now, roots)
            azure.judge(machine, rule)
            return machine
        case AzureTdxStatement() as statement, AzureTdxRule() as rule:
            machine = azure.examine_tdx(statement, rule, now, roots)
            azure.judge(machine, rule)
            return machine
        case TpmStatement() as statement, TpmRule() as rule:
            claims = tpm.examine(statement)
            tpm.judge(claims, rule)
            return claims
    raise refusal("kind", "evidence and rule are of different kinds", expected=rule.kind, found=evidence.statement.kind)


def _end_of_age(begin: int, policy: EnclavePolicy, now: int, name: str, *, skew: int) -> int:
    end = begin + policy.max_age
    if not begin - skew <= now <= end:
        raise refusal("age", f"{name} is too old, or not made yet", expected=f"{begin} to {end}", found=now)
    return end
