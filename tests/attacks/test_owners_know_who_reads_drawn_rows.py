"""Rows that the chain draws are opened to auditors whom owners were told of, and to nobody else.

Plans without such a word are refused by node and vault in `test_no_consent_no_data`; the vault's answer to a sample is
in `tests/vault/test_sampling.py`, what a whole opening may show in `tests/audit/test_sampling.py`.
"""

from __future__ import annotations

import pytest
from tests.attacks.harness import AttackHarness, Person
from tests.attacks.liars import over, rogue
from tests.attacks.test_a_false_row_costs_its_stake import audit_of, staking

from follow import TIMES
from live import PROVIDERS, LiveConsortium
from placet.core.consent import CompactConsent
from placet.core.values import to_hex
from placet.sandbox.consortium import wait

LIAR = "north"


async def test_a_notice_without_the_sentence_is_no_consent_to_the_offer(harness: AttackHarness) -> None:
    """The bank shows its customers the words of an offer without random audits, and hands their signatures in under
    one with. Vault and anybody else derive the words anew: the signature is over another consent."""
    told, scope = harness.offer(harness.scope(auditors=(harness.auditor,)))
    silent, without = harness.offer(harness.scope())
    honest, shown = harness.person(told, scope), harness.person(silent, without)
    details = honest.consent.details.model_copy(update={"notice": shown.consent.details.notice})
    lied = honest.consent.model_copy(update={"details": details})
    assert len({honest.id, shown.id, lied.id}) == 3
    signature = harness.signed(lied, honest.key)
    handed = honest.submission.model_copy(update={"consent": CompactConsent.of(lied), "signature": signature})
    with harness.untouched():
        assert await harness.accept(told, scope, [Person(honest.key, lied, handed)]) == ["signature"]
        assert await harness.accept(told, scope, [shown]) != ["ok"]
    assert await harness.accept(told, scope, [honest]) == ["ok"]


@pytest.mark.slow  # by default: test_no_consent_no_data, tests/jobs/test_agreement.py, tests/audit/test_stakes.py
def test_a_node_that_agrees_anyway_gets_no_rows_and_is_named(consortium: LiveConsortium) -> None:
    """North's owners were told of no auditor. Its node says no; replaced by one that doesn't, it puts its stake up and
    asks its vault, which hands out nothing. The job ends without a result, and the audit names the bank."""
    telling = [who for who in PROVIDERS if who != LIAR]
    other = consortium.offering("asset-view", "total", "PSI,MPC", PROVIDERS, told=telling)
    made, audit = other.made, audit_of(other)
    with staking(other):
        answer = other.ask("consumer", "/v1/jobs", method="POST", body=made.request(**TIMES, audit=audit))
        assert answer.json()["code"] == "consent.auditor", answer.text
        assert to_hex(other.auditor.address) in answer.text
        with rogue(other, LIAR, "any-auditor"):
            job = made.begin(made.request(**TIMES, audit=audit))

            def refused() -> bool:
                moments = other.ask(LIAR, f"/v1/jobs/{job}/moments").json()["moments"]
                return any("warrant.auditor" in str(one) for one in moments)

            wait(refused, "the vault's refusal")
            over(other, job, "deadline")
            assert made.ended(job) == "aborted"
    report = other.audited(job)
    assert (report["verdict"], report["named"]) == ("tampered", ["Bank North"]), report
    assert [one["name"] for one in report["results"] if one["status"] == "failed"] == ["plan.scope"]
