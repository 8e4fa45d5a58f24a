"""What a company refuses in a policy, whatever the service proposes."""

from __future__ import annotations

import pytest

from placet.company.acceptance import _strict
from placet.core.enclave_policy import AzureSnpRule, AzureTdxRule, Rule, SnpRule, SnpTcb

MEASURED = (bytes(48),)
TCB = SnpTcb(product="milan", boot_loader=4, tee=0, snp=24, microcode=219)
OLD = TCB.model_copy(update={"microcode": 0})


@pytest.mark.parametrize(
    ("rule", "strict"),
    [
        (AzureSnpRule(kind="azure-snp", measurements=MEASURED, min_tcb=(TCB,)), True),
        (AzureSnpRule(kind="azure-snp", measurements=MEASURED, min_tcb=(TCB,), console=True), True),
        (AzureSnpRule(kind="azure-snp", measurements=MEASURED, min_tcb=(TCB,), secure_boot=False), False),
        (AzureSnpRule(kind="azure-snp", measurements=MEASURED, min_tcb=(OLD,)), False),
        (AzureTdxRule(kind="azure-tdx", measurements=MEASURED), True),
        (AzureTdxRule(kind="azure-tdx", measurements=MEASURED, min_status="SWHardeningNeeded"), False),
        (AzureTdxRule(kind="azure-tdx", measurements=MEASURED, secure_boot=False), False),
        (SnpRule(kind="snp", measurements=MEASURED, min_tcb=(TCB,), csp_ids=("CN=cc-us-east-2.amazonaws.com",)), True),
        (SnpRule(kind="snp", measurements=MEASURED, min_tcb=(TCB,), max_vmpl=1), False),
    ],
)
def test_a_platform_that_is_out_of_date_or_unguarded_is_refused(rule: Rule, strict: bool) -> None:
    assert _strict(rule) is strict
