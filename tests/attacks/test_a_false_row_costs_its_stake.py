"""The random audit drawn from the chain: a provider that computed with false rows is found and loses its stake, so does
one that opens nothing, an honest one that answers in time keeps it, and nobody computes before all stakes are in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from tests.attacks.liars import STAKE, over, rogue, staking

from follow import TIMES
from live import PROVIDERS, LiveConsortium
from placet.chain.events import JobSealed
from placet.chain.states import JobStatus
from placet.core.auditor_sealing import auditor_secret
from placet.core.findings import SignedFinding
from placet.core.masking import public_key
from placet.core.signatures import Key
from placet.core.stakes import Fault, finding_hash
from placet.core.values import from_hex, parse, to_hex
from placet.sandbox.consortium import wait

pytestmark = pytest.mark.slow  # tests/audit/test_sampling.py judges openings, contracts/test slashes, by default
DELAY, ANSWER = 2, 1800
TOO_MUCH = 10**12
PARTIES = {"north": 0, "south": 1, "fund": 2}


@dataclass
class Sampler:
    """The auditor's and the people's commands about one job."""

    consortium: LiveConsortium
    job: str

    def sample(self, out: str, exit_code: int, *more: str) -> dict[str, dict[str, Any]]:
        """Findings by provider."""
        made = self.consortium.made
        words = ("audit", "sample", self.job, "--url", made.chain.url, "--deployment", "deployment.json", "--trust")
        answer = made.run(
            *words, "trust.json", "--key", "auditor.json", "--out", out, "--json", *more, accept=(exit_code,)
        )
        signed = {one["finding"]["party"]: one for one in json.loads(answer)["findings"]}
        return {who: signed[number] for who, number in PARTIES.items()}

    def at(self, who: str, *words: object) -> str:
        name, *rest = words
        return self.consortium.made.run("job", name, self.job, "--config", f"{who}/node.toml", *rest)

    def report(self, out: str, who: str, *, upholds: bool = False) -> None:
        self.at("consumer", "report", "--file", f"{out}/finding-{PARTIES[who]}-{int(upholds)}.json")

    def stakes(self) -> dict[str, str]:
        stakes = json.loads(self.at("consumer", "stakes", "--json"))
        return {who: next(s["status"] for s in stakes if s["party"] == number) for who, number in PARTIES.items()}


def audit_of(consortium: LiveConsortium) -> dict[str, Any]:
    return {
        "auditor": to_hex(consortium.auditor.address),
        "key": to_hex(public_key(auditor_secret(consortium.auditor.secret))),
        "token": consortium.made.token,
        "stake": str(STAKE),
        "delay": DELAY,
        "find_seconds": 3600,
        "answer_seconds": ANSWER,
    }


def _drawn(consortium: LiveConsortium, job: str) -> None:
    """Wait until the block that draws is deep."""
    (sealed,) = consortium.chain.events((JobSealed,), consortium.deployment.block, job=from_hex(job))
    wait(lambda: consortium.chain.confirmed() >= sealed.block + DELAY, "drawing block")


def _nobody_else_is_opened_to(consortium: LiveConsortium, job: str) -> None:
    """No stranger, no auditor whom the plan does not name, no other institution."""
    path = f"/v1/jobs/{job}/sample"
    for key in (Key(), consortium.key("consumer", "signer"), consortium.key("south", "recorder")):
        signed = consortium.signed(key, path, "fund", "POST")
        assert consortium.ask("fund", path, method="POST", **signed).status_code == 403
    bearer = consortium.made.members["consumer"].authorization
    assert consortium.ask("fund", path, method="POST", **bearer).status_code == 401


def _nobody_else_finds(consortium: LiveConsortium, job: str, signed: dict[str, Any]) -> None:
    """The consumer, who would be owed the stake, signs in the auditor's place; and turns a refusal into a falsehood."""
    finding = parse(SignedFinding, signed).finding
    struct = finding_hash(finding.stake, Fault.REFUSED, finding.hash())
    own = consortium.key("consumer", "signer").sign(consortium.deployment.stakes.digest(struct))
    for forged in (
        signed | {"signature": to_hex(own)},
        signed | {"finding": signed["finding"] | {"outcome": "false-opening"}},
        signed | {"upholds": True},
    ):
        answer = consortium.ask("consumer", f"/v1/jobs/{job}/finding", method="POST", body=forged)
        assert answer.status_code == 409 and answer.json()["code"] == "reverted", answer.text


def test_false_rows_and_refusals_cost_the_stake_and_an_answer_saves_it(consortium: LiveConsortium) -> None:
    made, chain, token = consortium.made, consortium.chain, from_hex(consortium.made.token)
    address = {who: from_hex(member.address) for who, member in made.members.items()}
    with (
        staking(consortium),
        rogue(consortium, "north", "false-row"),
        rogue(consortium, "south", "refuse-sample"),
        rogue(consortium, "fund", "refuse-sample"),
    ):
        purse = {who: chain.balance_of(token, address[who]) for who in PROVIDERS}
        job = made.begin(made.request(**TIMES, audit=audit_of(consortium)))
        assert made.ended(job) == "completed"
        sampler = Sampler(consortium, job)
        assert set(sampler.stakes().values()) == {"held"}
        early = consortium.ask("fund", f"/v1/jobs/{job}/stakes/answer", method="POST")
        assert (early.status_code, early.json()["code"]) == (409, "stake.unreported")
        _drawn(consortium, job)
        _nobody_else_is_opened_to(consortium, job)
        first = sampler.sample("first", 3, "--rows")
        cells = [one["row"]["cells"] for one in json.loads((made.folder / "first/rows-0.json").read_text())["places"]
                 if one["row"] is not None]  # fmt: skip
        assert all(
            int(row["balance"]["value"]) == consortium.balances["north"][row["customer"]["value"]] for row in cells
        )
        assert {who: one["finding"]["outcome"] for who, one in first.items()} == {
            "north": "false-opening", "south": "refused", "fund": "refused",
        }  # fmt: skip
        north = first["north"]["finding"]
        assert north["drawn"] == north["total"] == len(consortium.customers)
        assert len(north["places"]) == north["rows"] > 0
        assert {one["why"] for one in north["places"]} == {"the value is not the row's"}
        _nobody_else_finds(consortium, job, first["fund"])
        for who in PROVIDERS:
            sampler.report("first", who)
        assert set(sampler.stakes().values()) == {"reported"}
        (made.folder / "opens-2").touch()
        for who in ("north", "fund"):
            sampler.at(who, "answer", "--out", f"{who}.sealed")
        again = sampler.sample("again", 3)
        assert again["fund"]["finding"]["outcome"] == "true" and not again["fund"]["finding"]["places"]
        assert again["north"]["upholds"]
        sampler.report("again", "north", upholds=True)
        assert sampler.stakes() == {"north": "slashed", "south": "reported", "fund": "answered"}
        consortium.pass_time(chain.now() + 2 * ANSWER)
        sampler.at("consumer", "stakes", "--settle")
        assert sampler.stakes() == {"north": "slashed", "south": "slashed", "fund": "returned"}
        sampler.at("fund", "stakes", "--settle")
        claimed = {who: chain.balance_of(token, address[who]) - purse[who] for who in PROVIDERS}
        assert claimed["fund"] - claimed["south"] == STAKE and claimed["south"] == claimed["north"]
        assert chain.stakes_owed(token, address["consumer"]) == 0
    report = consortium.audited(job)
    assert (
        report["verdict"] == "intact"
    )  # a false row is no breach of agreement, record or consent: its price is the stake
    assert "Bank North: the auditor reports a false opening, it answered, and the stake is lost" in report["notes"]
    assert "Bank South: the auditor reports that its places were not opened, and the stake is lost" in report["notes"]


def test_nobody_computes_before_all_stakes_are_in(consortium: LiveConsortium) -> None:
    """A rogue that stakes nothing begins alone: the others say whom they wait for, and the job ends at its deadline."""
    made = consortium.made
    with staking(consortium), rogue(consortium, "north", "no-stake"):
        job = made.begin(made.request(**TIMES, audit=audit_of(consortium)))
        wait(lambda: consortium.chain.job(from_hex(job)).status is JobStatus.OPEN, "opening")

        def said() -> bool:
            waits = consortium.ask("south", f"/v1/jobs/{job}").json()["waits"]
            return [one["for"] for one in waits] == ["the stake of Bank North to be on chain"]

        wait(said, "word of the stake that lacks")
        steps = {who: consortium.ask(who, f"/v1/jobs/{job}/moments").json()["moments"] for who in ("south", "fund")}
        assert not [one for moments in steps.values() for one in moments if one["status"] in ("computing", "rows")]
        over(consortium, job, "deadline")
        assert made.ended(job) == "aborted"
        sampler = Sampler(consortium, job)
        sampler.at("south", "stakes", "--settle")
        assert sampler.stakes() == {"north": "none", "south": "returned", "fund": "returned"}


def test_a_plan_that_asks_for_more_than_the_policy_gives_is_refused(consortium: LiveConsortium) -> None:
    answer = consortium.ask(
        "consumer", "/v1/jobs", method="POST", body=consortium.made.request(**TIMES, audit=audit_of(consortium))
    )
    assert answer.json()["code"] == "plan.stake"


def test_a_plan_that_asks_for_more_than_a_provider_has_is_refused_before_anybody_signs(
    consortium: LiveConsortium,
) -> None:
    with staking(consortium, most=TOO_MUCH):
        request = consortium.made.request(**TIMES, audit=audit_of(consortium) | {"stake": str(TOO_MUCH)})
        answer = consortium.ask("consumer", "/v1/jobs", method="POST", body=request)
    assert answer.json()["code"] == "stake.balance"
