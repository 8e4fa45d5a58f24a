"""Lenders who train a model together and score by it: a bank, a telecom and a shop with accounts, and a lender with
labels, incomes and applicants, on a real chain with the distributed engine. The shop shares its columns out."""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq

from placet.sandbox import consents
from placet.sandbox.consortium import NAMESPACE, Consortium
from placet.sandbox.founding import Stock, consortium

PURPOSE = "https://w3id.org/dpv#CreditChecking"
BORROWERS = [f"P{number:03}" for number in range(160)]
APPLICANTS = [f"A{number:03}" for number in range(12)]
AT_NORTH = [*BORROWERS[:140], *APPLICANTS[:10]]
IDENTIFIED = {"identifier": "customer", "namespace": NAMESPACE}
PROVIDERS = {"north": "North Bank", "tele": "Telecom", "shop": "Shop"}
MEMBERS = (*PROVIDERS, "consumer")
ROLES = ("first-provider", "second-provider", "third-provider", "consumer")
COLUMNS = dict(zip(MEMBERS, ("balance", "balance", "balance", "income"), strict=True))


@dataclass
class Lenders:
    """Their offers by what these are for, to which all people consented. `rows`: by institution and person."""

    made: Consortium
    http: httpx.Client
    rows: dict[str, dict[str, int]]
    offers: dict[str, dict[str, str]] = field(default_factory=dict)
    training: str = ""
    commitment: str = ""

    def offer(self, key: str, table: str, columns: str, output: str, recipe: str, operations: str, *more: str) -> str:
        parties = ",".join(member.address for member in self.made.members.values())
        answer = self.made.run(
            *("offer", "make", "--config", f"{key}/node.toml", "--dataset", table, "--purpose", "CreditChecking"),
            *("--consumer", self.made.members["consumer"].address, "--operations", operations, "--output", output),
            *("--recipes", recipe, "--parties", parties, "--columns", columns, "--json", *more),
        )
        return str(json.loads(answer)["offer"])

    def offering(self, name: str, recipe: str, output: str, operations: str, *more: str) -> None:
        """Offers of the tables that the recipe reads, to which everybody in them consents: of borrowers, who have
        labels, or of applicants for `model-score`."""
        table, columns, people = ("borrowers", "customer,bad,income", BORROWERS)
        if recipe == "model-score":
            table, columns, people = ("applicants", "customer,income", APPLICANTS)
        words = (output, recipe, operations, *more)
        offers = {key: self.offer(key, "accounts", "customer,balance", *words) for key in PROVIDERS}
        offers["consumer"] = self.offer("consumer", table, columns, *words)
        self.consenting(name, offers, {key: [who for who in people if who in self.rows[key]] for key in MEMBERS})

    def keeping(self, name: str, commitment: str, job: str, output: str, uses: int) -> str:
        """All register their part of what a job made, and consent to its use under offers of that name; the consumer's
        name of it."""
        self.offers[name], self.offers[f"{name} consents"] = {}, {}
        for key in MEMBERS:
            models = json.loads(self.made.run("model", "list", "--config", f"{key}/node.toml", "--json"))
            (model,) = [one for one in models if one["job"] == job]
            assert model["commitment"] == commitment
            self.made.run("model", "register", model["name"], "--config", f"{key}/node.toml")
            offer = self.offer(key, model["name"], "model", output, "model-score", "PSI,MPC", "--own")
            words = ("grant", "--config", f"{key}/node.toml", "--offer", offer, "--uses", uses, "--json")
            self.offers[name][key] = offer
            self.offers[f"{name} consents"][key] = json.loads(self.made.run(*words))["consent"]
        return str(model["name"])

    def asking(self, name: str, recipe: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """A request of a recipe that trains, under offers of that name."""
        return {
            **{"recipe": recipe, "engine": "spu", "purpose": PURPOSE, "parameters": {**IDENTIFIED, **parameters}},
            "providers": [
                {"address": self.made.members[key].address, "offer": self.offers[name][key]} for key in PROVIDERS
            ],
            "own": {"offer": self.offers[name]["consumer"]},
        }

    def consenting(self, name: str, offers: dict[str, str], willing: dict[str, list[str]]) -> None:
        self.offers[name] = offers
        consents.give(replace(self.made, offers=self.made.offers | offers), willing, seconds=100_000, uses=100)
        for key in willing:
            (self.made.folder / f"{key}.batch").unlink()

    def ask(self, who: str, path: str, body: Any = None) -> httpx.Response:
        member = self.made.members[who]
        method = "GET" if body is None else "POST"
        return self.http.request(method, member.api + path, json=body, headers=member.authorization)

    def ended(self, body: dict[str, Any], seconds: float = 300) -> tuple[str, str]:
        """A job's id and how it ended; or no id, and the code of the refusal."""
        answer = self.ask("consumer", "/v1/jobs", body)
        if answer.status_code >= 400:
            return "", answer.json()["code"]
        job = answer.json()["id"]
        return job, self.end_of(job, seconds)

    def end_of(self, job: str, seconds: float = 300) -> str:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = self.ask("consumer", f"/v1/jobs/{job}").json()
            if found["ended"]:
                return str(found["ended"])
            time.sleep(0.5)
        raise AssertionError(f"{job} has not ended: {found}")

    def verdict(self, job: str) -> dict[str, Any]:
        words = ("--url", self.made.chain.url, "--deployment", "deployment.json", "--trust", "trust.json")
        answer = self.made.run("audit", job, *words, "--key", "auditor.json", "--json", accept=range(9))
        return dict(json.loads(answer))


@contextlib.contextmanager
def lending(folder: Path) -> Iterator[Lenders]:
    """All of them, with their tables, and no offers yet."""
    chance = random.Random(5)
    who_is_where = dict.fromkeys(MEMBERS, (*BORROWERS, *APPLICANTS)) | {"north": AT_NORTH}
    rows = {key: {who: chance.randrange(10_000) for who in people} for key, people in who_is_where.items()}
    incomes = rows["consumer"]
    risk = {who: 0.05 + 0.22 * sum(own.get(who, 5000) < 5000 for own in rows.values()) for who in BORROWERS}
    bad = {who: int(chance.random() < risk[who]) for who in BORROWERS}
    stock = Stock({key: rows[key] for key in PROVIDERS}, ["nobody"], sorted({*BORROWERS, *APPLICANTS}))
    with (
        httpx.Client(timeout=60, trust_env=False) as http,
        consortium(folder, PROVIDERS | {"consumer": "Lender"}, stock, block_time=0.5) as made,
    ):
        lenders = Lenders(made, http, rows)
        tables: dict[str, dict[str, list[Any]]] = {
            "borrowers": {"customer": BORROWERS, "bad": [*bad.values()], "income": [incomes[who] for who in BORROWERS]},
            "applicants": {"customer": APPLICANTS, "income": [incomes[who] for who in APPLICANTS]},
        }
        for name, columns in tables.items():
            pq.write_table(pa.table(columns), folder / f"{name}.parquet")
            words = ("vault", "import", "--config", "consumer-vault/vault.toml", "--name", name)
            numbers = [word for column in [*columns][1:] for word in ("--column", f"{column}={column}:integer")]
            made.run(
                *(*words, "--file", f"{name}.parquet", "--identifier", "customer", "--namespace", NAMESPACE), *numbers
            )
        yield lenders
