"""Accounts of a live institution under an offer for noisy numbers, with a privacy budget."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from follow import until
from live import LASTING, LiveConsortium

# The noise that these pay for has a standard deviation of 2.5 people: 16 of them never look like fewer than 3.
BUDGET = 400_000_000
COUNT: dict[str, Any] = {"ask": "count", "column": "balance", "budget": 80_000_000}
MEAN: dict[str, Any] = {"ask": "mean", "column": "balance", "bounds": [0, 10_000_000], "budget": 160_000_000}


def exploring(consortium: LiveConsortium, key: str) -> LiveConsortium:
    """The consortium under such an offer of one provider, to which all its customers consent."""
    made = consortium.made
    answer = made.run(
        *("offer", "make", "--config", f"{key}/node.toml", "--dataset", "accounts", "--purpose", "CreditChecking"),
        *("--consumer", made.members["consumer"].address, "--operations", "DP", "--output", "noisy-statistics"),
        *("--recipes", "private-statistics", "--columns", "balance", "--smallest-group", 3, "--json"),
        *("--parties", ",".join((made.members[key].address, made.members["consumer"].address))),
        *("--budget", BUDGET, "--bounds", "balance=0..10000000"),
    )
    offers = made.offers | {key: json.loads(answer)["offer"]}
    explored = replace(consortium, made=replace(made, offers=offers), given=[])
    explored.give_many([(key, who, 1000, LASTING) for who in sorted(explored.balances[key])])
    return explored


def asked(explored: LiveConsortium, key: str, *questions: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A request: the consumer brings nothing."""
    made = explored.made
    provider = {"address": made.members[key].address, "offer": made.offers[key], "reward": "5"}
    request = made.request(
        recipe="private-statistics",
        parameters={"questions": list(questions), "smallest_group": 3},
        providers=[provider],
        **more,
    )
    return {name: value for name, value in request.items() if name != "own"}


def audited_with_noise(live: LiveConsortium, job: str, *keys: str) -> dict[str, Any]:
    """The auditor's report once the job has ended for these parties, at each in its time, and they have opened their
    noise to him, as their operators do it."""
    made = live.made

    def ended() -> bool:
        return all(live.ask(key, f"/v1/jobs/{job}").json()["ended"] for key in keys)

    until(ended)
    auditor = made.run("key", "show", "auditor.json", "--noise").strip()
    words: list[str] = []
    for key in keys:
        file = f"{key}-{job[:10]}-{len(keys)}.noise"
        made.run("job", "noise", job, "--config", f"{key}/node.toml", "--auditor", auditor, "--out", file)
        words += ["--noise", file]
    files = ("--deployment", "deployment.json", "--trust", "trust.json", "--url", made.chain.url)
    report = made.run("audit", job, "--key", "auditor.json", *words, "--json", *files, accept=(0, 3, 5))
    return dict(json.loads(report))
