"""Each malicious bundle of the corpus is caught by its one check, and each check that can fail catches one."""

from __future__ import annotations

import pytest
from malicious import CORPUS

from placet.audit.findings import CheckStatus
from placet.audit.outcome import Basis, Verdict
from placet.audit.verify import CHECKS, judge

ELSEWHERE = {
    "evidence.present": "never fails: what is missing makes the verdict incomplete (test_honest)",
    "consent.erased": "never fails: a record that is gone too early is missing (test_erased)",
    "proof.absence": "never fails: what may have been left out is missing (test_proof)",
    "model.handed-out": "never fails: notes tell who got a model in clear (test_models)",
    "flow.covered-garblings": "on the trail of a real job (tests/attacks/test_a_garbler_of_another_circuit_is_named)",
    **{one.name: "on the trail of a real job (tests/company/test_audited)" for one in CHECKS if one.group == "enclave"},
}
"""Checks of which the corpus has no bundle, and why."""


@pytest.mark.parametrize("name", CORPUS)
def test_its_check_alone_fails_and_names_the_culprit(name: str) -> None:
    lie = CORPUS[name]
    report = lie.report()
    failed = [result for result in report.results if result.status in (CheckStatus.FAILED, CheckStatus.DISPUTED)]
    assert [result.name for result in failed] == [lie.check, *lie.also]
    assert report.verdict is Verdict.TAMPERED
    assert report.named == lie.culprits
    others = tuple(result for result in report.results if result not in failed)
    assert judge(others, Basis.OWN_FILES) not in (Verdict.TAMPERED, Verdict.DISPUTED), "nobody else would say so"
    found = failed[0]
    assert all(p.expected and p.found and p.expected != p.found for p in found.problems)
    assert found.title in report.headline
    assert all(who in report.headline for who in lie.culprits)


def test_every_check_that_can_fail_has_a_bundle_in_the_corpus() -> None:
    assert {check.name for check in CHECKS} - ELSEWHERE.keys() == {lie.check for lie in CORPUS.values()}
    assert ELSEWHERE.keys() <= {check.name for check in CHECKS}
    assert sum(not lie.also for lie in CORPUS.values()) >= 60
