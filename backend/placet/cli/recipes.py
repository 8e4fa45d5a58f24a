"""`placet recipes`: what institutions can compute together, and what each of them learns by it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from placet.cli.inputs import AsJson
from placet.cli.output import emit


@dataclass(frozen=True)
class Words:
    """A recipe for people: what it does, its parameters, and what each role learns beyond its own data."""

    does: str
    parameters: dict[str, str]
    learns: dict[str, str]


_MATCHING = {
    "identifier": "the column that names a row's person, in both tables; or instead",
    "alignment": "rules by which identifiers of several columns are written alike, tried in rounds",
    "receiver": "who learns the matches inside the protocol: provider, consumer or both",
}
WORDS = {
    "asset-view": Words(
        does="The consumer learns the total of each of its customers over two or more providers.",
        parameters={
            "identifier": "the column that names a row's person, in all tables",
            "value": "the column of integers that is added up",
            "edges": "levels instead of totals, on the engine spu: ascending edges in the smallest unit, as strings; "
            "multiples of the offers' smallest gap",
            "bound": "with edges: the largest absolute value that a row may have",
            "protocol": "with edges: cheetah for two providers, aby3 for three",
        },
        learns={
            "consumer": "after the release each customer's total, or its level alone, not who contributed to it; how "
            "many consented rows each provider has",
            "provider": "how long the consumer's list is, and, while the job runs, which of its own consented rows are "
            "in it; no total",
        },
    ),
    "contract-compare": Words(
        does="Two companies have two versions of a contract compared in an enclave of a third institution.",
        parameters={
            "policy": "what the enclave must prove: kinds of evidence, measurements, age; placet compare takes the "
            "service's own and holds it against the chain",
            "recipients": "the companies that get the result, and their keys",
        },
        learns={
            "before, after": "after the release the whole comparison, which holds both texts",
            "enclave": "sizes of documents and result, times, the code of a failure; where the enclave is simulated, "
            "the owner of its host whatever he wants to",
        },
    ),
    "joint-statistics": Words(
        does="The consumer learns statistics over those of its customers whom both of two providers have among their "
        "consented rows, where they are enough, and nothing about single ones; on the engine spu.",
        parameters={
            "identifier": "the column that names a row's person, in all tables",
            "values": "the column of integers of the first provider, and of the second; or instead group and value",
            "statistics": "with values: which of larger (in how many rows the first value is), product (the sum of "
            "the values' products; for offers of output association) and sums (and means), in this order",
            "group": "the first provider's column that says in which group a row is",
            "groups": "with group: the names of 1 to 64 groups; a row of another one counts in none",
            "value": "with group: the second provider's column of integers that is added up",
            "smallest_group": "how many customers must be in any count, 2 or more and no fewer than the offers say",
            "protocol": "cheetah",
        },
        learns={
            "consumer": "after the release what it asked for over all together, or by groups, or that they are too "
            "few, and not which; how many consented rows each provider has",
            "provider": "how long the consumer's list is, and, while the job runs, which of its own consented rows are "
            "in it; not whom the other provider has, nor the statistics",
        },
    ),
    "match": Words(
        does="The consumer learns which of its customers a provider has among its consented rows.",
        parameters=_MATCHING | {"psi": "ecdh on the embedded engine; ecdh, kkrt (oblivious transfer) or rr22 on spu"},
        learns={
            "consumer": "the matches, after the release or, as receiver, while the job runs; how many consented rows "
            "the provider has",
            "provider": "how long the consumer's list is, and, as receiver, the matches while the job runs",
        },
    ),
    "match-salted-hash": Words(
        does="The same by salted hashes: fast, and no secret from a receiver who can guess identifiers.",
        parameters=_MATCHING | {"psi": "salted-hash"},
        learns={
            "consumer": "the matches, after the release or, as receiver, while the job runs; as receiver everybody in "
            "the provider's consented rows whose identifier it can guess",
            "provider": "as receiver the matches while the job runs, and everybody in the consumer's list whose "
            "identifier it can guess",
        },
    ),
    "match-statistics": Words(
        does="The consumer learns how many of its customers a provider has among its consented rows, and the sum and "
        "mean of a value over them, where they are enough; on the engine spu.",
        parameters={
            "identifier": "the column that names a row's person, in both tables",
            "value": "the provider's column of integers that is added up",
            "smallest_group": "how many customers must match, 2 or more and no fewer than the offer says",
            "protocol": "cheetah",
        },
        learns={
            "consumer": "after the release count, sum and mean, or that too few matched, and not which; how many "
            "consented rows the provider has",
            "provider": "how long the consumer's list is; not who matched, nor how many",
        },
    ),
}
_WITHDRAWAL = {"drop": "a new attempt without that row", "abort": "the job ends, with refund"}


def recipes(as_json: AsJson = False) -> None:
    """List the recipes: what each does, which operations it needs consent for, who learns what by it."""
    from placet.core.purposes import operation_words
    from placet.jobs.recipe import recipe
    from placet.recipes.asset_view import run as _asset_view  # noqa: F401 - these make themselves known
    from placet.recipes.contract_compare import run as _compare  # noqa: F401
    from placet.recipes.joint_statistics import run as _joint  # noqa: F401
    from placet.recipes.match import run as _match  # noqa: F401
    from placet.recipes.match_statistics import run as _statistics  # noqa: F401

    listed = [
        {
            "recipe": name,
            "version": recipe(name).version,
            "operations": operation_words(recipe(name).operations),
            "on_withdrawal": recipe(name).on_withdrawal,
            **asdict(words),
        }
        for name, words in sorted(WORDS.items())
    ]
    if as_json:
        emit(listed)
        return
    for one in listed:
        name = str(one["recipe"])
        print(f"{name}, version {one['version']}: {WORDS[name].does}")
        print(f"  operations: {one['operations']}")
        print(f"  after a withdrawal before the seal: {_WITHDRAWAL[str(one['on_withdrawal'])]}")
        for parameter, what in WORDS[name].parameters.items():
            print(f"  parameter {parameter}: {what}")
        for role, what in WORDS[name].learns.items():
            print(f"  the {role} learns: {what}")
    print("What messages show, and what colluding parties learn, is in docs/protocols.md.")
