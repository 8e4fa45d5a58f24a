"""One applicant, from his signature under a consent to his score in the bank's hands: seconds by part. Takes --n.

Two institutions of real processes, blocks every second, one confirmation: a bank that has labels and incomes, and
another with balances. Both keep a part of a scorecard that they trained together, and signed a standing plan to score
by it over a link that stays. Then `n` persons apply, one after the other: each signs a consent at both institutions
over their APIs, and the bank opens the standing plan as soon as both are on chain at the depth that counts.
"""

from __future__ import annotations

import asyncio
import functools
import json as documents
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq

from placet.core.trust import Deployment, TrustList
from placet.core.values import from_hex, to_hex
from placet.owner.client import OwnerClient
from placet.sandbox import consents
from placet.sandbox.consortium import NAMESPACE, Consortium, wait
from placet.sandbox.founding import Stock, consortium

DEFAULT = 5
PURPOSE = "https://w3id.org/dpv#CreditChecking"
NAMES = {"north": "North Bank", "consumer": "Lender"}
BORROWERS = [f"P{number:03}" for number in range(160)]
LASTING = 30 * 86_400
SCORES = 1_000
BAR = 15.0
IDENTIFIED = {"identifier": "customer", "namespace": NAMESPACE}
FEATURES = {
    "first-provider": [{"column": "balance", "kind": "number", "bins": 4}],
    "consumer": [{"column": "income", "kind": "number", "bins": 4}],
}
TRAIN = ("shared-model", "joint-scorecard", "PSI,MPC,FL", "--smallest-group", "5")
SCORE = ("score", "model-score", "PSI,MPC")
NOTES = {
    "consent": "signed, sent to both institutions, taken in",
    "anchored": "until both consents are on chain, at the depth that counts",
    "agreed": "the next opening of the standing plan, signed by all",
    "opened": "until the opening is on chain, at the depth that counts",
    "computed": "rows, lists met, the score on shares, at both parties",
    "sealed": "until the seal is on chain, and with it the steps",
    "completed": "until the keys are on chain and the score is open",
    "read": "until the bank has read it",
}


def main(*, json: bool, n: int = DEFAULT) -> dict[str, object]:
    """Measure and print; see `scripts/bench`."""
    out = sys.stderr if json else sys.stdout
    say = functools.partial(print, file=out, flush=True)
    paths = measure(n, say)
    figures: dict[str, object] = {}
    for name, note in {**NOTES, "whole": "from his signature to his score"}.items():
        each = [path[name] for path in paths]
        figures[name] = {"median_s": round(statistics.median(each), 2), "worst_s": round(max(each), 2)}
        say(f"{name:<10} {statistics.median(each):>7.2f} s (worst {max(each):.2f})  {note}")
    figures["met"] = statistics.median([path["whole"] for path in paths]) <= BAR
    return figures


@dataclass
class Lenders:
    """A bank with accounts, and a lender with labels, incomes and applicants."""

    made: Consortium
    http: httpx.Client
    deployment: Deployment
    trust: TrustList
    rows: dict[str, str] = field(default_factory=dict)
    models: dict[str, dict[str, str]] = field(default_factory=dict)
    model: dict[str, str] = field(default_factory=dict)
    standing: str = ""

    def offer(self, key: str, table: str, columns: str, output: str, recipe: str, operations: str, *more: str) -> str:
        parties = ",".join(member.address for member in self.made.members.values())
        answer = self.made.run(
            *("offer", "make", "--config", f"{key}/node.toml", "--dataset", table, "--purpose", "CreditChecking"),
            *("--consumer", self.made.members["consumer"].address, "--operations", operations, "--output", output),
            *("--recipes", recipe, "--parties", parties, "--columns", columns, "--json", *more),
        )
        return str(documents.loads(answer)["offer"])

    def ask(self, path: str, body: Any = None) -> Any:
        member = self.made.members["consumer"]
        method = "GET" if body is None else "POST"
        answer = self.http.request(method, member.api + path, json=body, headers=member.authorization)
        if answer.status_code >= 400:
            raise RuntimeError(f"{path}: {answer.text}")
        return answer.json()

    def moments(self, job: str) -> dict[str, float]:
        """When this job's moments were, until its end, by the clock of who hears of them."""
        member, heard = self.made.members["consumer"], dict[str, float]()
        with self.http.stream("GET", f"{member.api}/v1/jobs/{job}/events", headers=member.authorization) as events:
            for line in events.iter_lines():
                if line.startswith("data: "):
                    moment = documents.loads(line[6:])
                    heard.setdefault(f"{moment['status']}", time.time())
                    if moment["status"] == "step":
                        heard.setdefault(f"step {moment['name']}", moment["at"])
                    if moment["status"] in ("completed", "aborted", "closed", "expired"):
                        return heard
        return heard


def measure(n: int, say: Any) -> list[dict[str, float]]:
    """The seconds of each applicant's parts. RuntimeError where a job does not end as it must."""
    applicants, chance = [f"A{number:03}" for number in range(n)], random.Random(5)
    everybody = [*BORROWERS, *applicants]
    balances = {who: chance.randrange(10_000) for who in everybody}
    incomes = {who: chance.randrange(10_000) for who in everybody}
    bad = {
        who: int(chance.random() < 0.15 + 0.35 * (balances[who] < 5000) + 0.35 * (incomes[who] < 5000))
        for who in BORROWERS
    }
    stock = Stock({"north": balances}, ["nobody"], everybody)
    with (
        tempfile.TemporaryDirectory(prefix="placet-") as place,
        httpx.Client(timeout=600, trust_env=False) as http,
        consortium(Path(place), NAMES, stock, say=say) as made,
    ):
        folder = Path(place)
        deployment = Deployment.model_validate_json((folder / "deployment.json").read_bytes())
        trust = TrustList.model_validate_json((folder / "trust.json").read_bytes())
        lenders = Lenders(made, http, deployment, trust)
        tables = {
            "borrowers": {"customer": BORROWERS, "bad": [*bad.values()], "income": [incomes[who] for who in BORROWERS]},
            "applicants": {"customer": applicants, "income": [incomes[who] for who in applicants]},
        }
        for name, columns in tables.items():
            import_table(made, name, columns)
        train(lenders, say)
        standing = {"job": request_of(lenders), "openings": SCORES, "seconds": LASTING}
        lenders.standing = lenders.ask("/v1/standing", standing)["id"]
        return [score(lenders, who, say) for who in applicants]


def import_table(made: Consortium, name: str, columns: Mapping[str, Sequence[Any]]) -> None:
    pq.write_table(pa.table(dict(columns)), made.folder / f"{name}.parquet")
    words = ("vault", "import", "--config", "consumer-vault/vault.toml", "--name", name, "--file", f"{name}.parquet")
    numbers = [word for column in [*columns][1:] for word in ("--column", f"{column}={column}:integer")]
    made.run(*words, "--identifier", "customer", "--namespace", NAMESPACE, *numbers)


def train(lenders: Lenders, say: Any) -> None:
    """A scorecard of which each keeps a part, registered, offered, and consented to."""
    made = lenders.made
    offers = {
        "north": lenders.offer("north", "accounts", "customer,balance", *TRAIN),
        "consumer": lenders.offer("consumer", "borrowers", "customer,bad,income", *TRAIN),
    }
    willing = dict.fromkeys(offers, BORROWERS)
    consents.give(replace(made, offers=made.offers | offers), willing, seconds=LASTING, uses=9)
    parameters = {
        **{**IDENTIFIED, "features": FEATURES, "protocol": "cheetah", "label": "bad", "join": "any"},
        **{"split": {"train": 60, "validation": 0}, "smallest_group": 5, "model": "shared"},
    }
    request = {
        **{"recipe": "joint-scorecard", "engine": "spu", "purpose": PURPOSE, "parameters": parameters},
        "providers": [{"address": made.members["north"].address, "offer": offers["north"]}],
        "own": {"offer": offers["consumer"]},
    }
    say("training a scorecard that nobody has")
    job = lenders.ask("/v1/jobs", request)["id"]
    if "completed" not in (heard := lenders.moments(job)):
        raise RuntimeError(f"the training did not complete: {', '.join(heard)}")
    commitment = lenders.ask(f"/v1/jobs/{job}/result")["report"]["commitment"]
    lenders.model = {"job": job, "commitment": commitment}
    for key in NAMES:
        model = kept_by(made, key)
        made.run("model", "register", model["name"], "--config", f"{key}/node.toml")
        offer = lenders.offer(key, model["name"], "model", *SCORE, "--own")
        words = ("grant", "--config", f"{key}/node.toml", "--offer", offer, "--uses", SCORES, "--json")
        lenders.models[key] = {"offer": offer, "consent": documents.loads(made.run(*words))["consent"]}
    lenders.rows = {
        "north": lenders.offer("north", "accounts", "customer,balance", *SCORE),
        "consumer": lenders.offer("consumer", "applicants", "customer,income", *SCORE),
    }


def kept_by(made: Consortium, key: str) -> dict[str, Any]:
    """A party's part, as soon as its node has seen the training's end."""
    models: list[dict[str, Any]] = []

    def there() -> bool:
        models[:] = documents.loads(made.run("model", "list", "--config", f"{key}/node.toml", "--json"))
        return bool(models)

    wait(there, f"the model at {key}")
    return models[0]


def request_of(lenders: Lenders) -> dict[str, Any]:
    parameters = {**IDENTIFIED, "features": FEATURES, "protocol": "cheetah", "output": "score", "model": lenders.model}
    parameters["session"] = {"seconds": 3600, "scores": SCORES}
    north = {"address": lenders.made.members["north"].address, "offer": lenders.rows["north"]}
    return {
        **{"recipe": "model-score", "engine": "spu", "purpose": PURPOSE, "parameters": parameters},
        "providers": [{**north, "model": lenders.models["north"]}],
        **{"own": {"offer": lenders.rows["consumer"]}, "model": lenders.models["consumer"]},
    }


async def consenting(lenders: Lenders, who: str) -> list[tuple[str, bytes]]:
    """He signs at both, for one use."""
    made, now = lenders.made, int(time.time())
    async with OwnerClient(lenders.deployment, lenders.trust) as client:

        async def give(key: str) -> tuple[str, bytes]:
            offer = await client.offer(made.members[key].api, from_hex(lenders.rows[key]))
            until = now + LASTING
            _, signed = await client.give(offer, who, made.codes[who], made.enroller, not_after=until, uses=1)
            return key, signed.consent.id

        return list(await asyncio.gather(*(give(key) for key in lenders.rows)))


def score(lenders: Lenders, who: str, say: Any) -> dict[str, float]:
    """One applicant's seconds by part."""
    at = {"began": time.time()}
    given = asyncio.run(consenting(lenders, who))
    at["consent"] = time.time()
    lenders_chain = lenders.made.chain

    def anchored(key: str, consent: bytes) -> bool:
        member = lenders.made.members[key]
        shown = member.get(f"/v1/consents/{to_hex(consent)}")
        block = shown["block"]
        return shown["status"] == "given" and block is not None and lenders_chain.block_number() - 1 >= block

    for key, consent in given:
        wait(functools.partial(anchored, key, consent), f"{who}'s consent at {key}")
    at["anchored"] = time.time()
    job = lenders.ask(f"/v1/standing/{lenders.standing}/openings", {})["id"]
    at["agreed"] = time.time()
    heard = lenders.moments(job)
    at["opened"] = heard["computing"]
    at |= {name: heard[name] for name in ("computed", "sealed", "completed")}
    rows = lenders.ask(f"/v1/jobs/{job}/result")["rows"]
    at["read"] = time.time()
    if [row["customer"] for row in rows] != [who]:
        raise RuntimeError(f"another list than {who}: {rows}")
    moments = list(at.values())
    parts = {name: after - before for name, before, after in zip([*at][1:], moments, moments[1:], strict=False)}
    steps = {name: round(when - at["began"], 2) for name, when in sorted(heard.items(), key=lambda one: one[1])}
    say(f"{who}: {moments[-1] - moments[0]:.1f} s; {documents.dumps(steps)}")
    return {**parts, "whole": moments[-1] - moments[0]}
