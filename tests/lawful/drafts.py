"""Jobs as they are drafted: a lawful one of each recipe, and what can be wrong with it, one thing at a time.

A draft holds what a liar chooses. Hashes and ids follow from it, so that a wrong field is never refused merely because
a hash does not fit.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from parties import NOW
from placet.catalogue import modelling
from placet.catalogue.spec import MODEL_COLUMNS
from placet.catalogue.specs import NAMES, spec_of
from placet.core.hashing import sha256
from placet.core.ids import JobId
from placet.core.lawful import Aligns, ModelRef
from placet.core.model_table import MODEL_TABLE
from placet.core.offers import Offer, Scope, Subjects
from placet.core.plan import Input, Party, Plan, RandomAudit, Terms
from placet.core.purposes import purpose_id
from placet.core.values import ZERO32

PURPOSE = "https://w3id.org/dpv#CreditChecking"
OTHER_PURPOSE = "https://w3id.org/dpv#DirectMarketing"
KEY = sha256(b"the consumer's key")
PERSON = "urn:example:person"
AUDITORS = (bytes([0xC1]) * 20, bytes([0xC2]) * 20)
TOKEN, STAKE, SEALING = bytes([0x70]) * 20, 5, sha256(b"both auditors' key")
AUDITS = tuple(
    RandomAudit(
        auditor=auditor, key=SEALING, places=3, delay=1, token=TOKEN, stake=STAKE, beneficiary=AUDITORS[0],
        find_seconds=60, answer_seconds=60,
    )
    for auditor in AUDITORS
)  # fmt: skip
_IDENTIFIER = {"identifier": "customer", "namespace": PERSON}
_VALUE = _IDENTIFIER | {"value": "balance"}
_LEVELS = _VALUE | {"edges": ["100", "250"], "bound": "1000"}
_GROUP = {"smallest_group": 5, "protocol": "cheetah"}
_EVALUATION = _IDENTIFIER | _GROUP | {"score": "balance", "label": "a", "edges": ["100", "250"]}
_STABILITY = _IDENTIFIER | {
    "columns": [{"column": "balance", "edges": ["100"], "reference": [4, 5]}],
    "smallest_group": 5,
}
_MATCH = _IDENTIFIER | {"receiver": "consumer"}
_RULES = {"type": "placet.alignment", "version": 1, "smallest": 2}
_RULE = {"kind": "text", "column": "name", "width": "keep", "case": "keep"}
_NAMED = _RULE | {"column": "customer"}
_BY_VALUES = {"identifier": "customer", "receiver": "both", "psi": "ecdh", "alignment": _RULES | {"keys": [_RULE]}}
_POLICY = {
    "type": "placet.enclave-policy",
    "version": 1,
    "max_age": 300,
    "rules": [
        {"kind": "tpm", "enclave_class": "simulated", "measurements": ["0x" + "11" * 32], "keys": ["0x" + "22" * 32]}
    ],
}
_FEATURE = {"column": "balance", "kind": "number", "bins": 10}
_BY_ROLE = {"first-provider": [_FEATURE], "consumer": [_FEATURE | {"column": "income"}]}
_SCORE = _IDENTIFIER | {"features": _BY_ROLE, "model": {"job": "0x" + "a1" * 32, "commitment": "0x" + "b2" * 32}}
_RECIPIENTS = [{"party": 0, "key": "0x" + KEY.hex()}, {"party": 1, "key": "0x" + "44" * 32}]
_FEATURES = [{"column": "a", "kind": "number", "bins": 5}]
_SCORECARD = (
    _IDENTIFIER
    | _GROUP
    | {"label": "label", "features": {"first-provider": _FEATURES}, "split": {"train": 60, "validation": 0}}
)
_NUMBERS = [
    {"column": "a", "kind": "number", "levels": 10, "missing": "usual"},
    {"column": "b", "kind": "category", "levels": 3, "missing": "own"},
]
_LINEAR = (
    _IDENTIFIER
    | _GROUP
    | {"label": "label", "features": {"first-provider": _NUMBERS}, "split": {"train": 60, "validation": 0}}
)
_TREES = (
    _IDENTIFIER
    | {"smallest_group": 5, "label": "label", "split": {"train": 60, "validation": 0}}
    | {"features": dict.fromkeys((*modelling.PROVIDERS[:2], "consumer"), _FEATURES)}
)
_POOLED = {
    "label": "label",
    "features": [
        {"kind": "number", "column": "a", "bounds": [0, 900]},
        {"kind": "category", "column": "b", "values": ["x", "y"], "missing": "usual"},
    ],
    "train": 70,
    "smallest_group": 5,
}
_REPRESENTATION = {
    "source_labels": ["label", "late"],
    "label": "label",
    "shared": _POOLED["features"],
    "own": [{"column": "c", "kind": "number", "missing": "usual"}],
    "train": 70,
    "smallest_group": 5,
    "budget": 20_000_000,
}
_TRANSFER = _GROUP | {"model": {"commitment": "0x" + "b2" * 32}, "columns": ["a", "b"], "label": "label"}
LAWFUL: dict[str, tuple[str, str, int, dict[str, Any]]] = {
    "totals": ("asset-view", "embedded", 3, _VALUE),
    "totals of three": ("asset-view", "embedded", 4, _VALUE),
    "totals that are audited at random": ("asset-view", "embedded", 3, _VALUE),
    "totals in cents": ("asset-view", "embedded", 3, _VALUE | {"decimals": 2}),
    "levels": ("asset-view", "spu", 3, _LEVELS | {"protocol": "cheetah"}),
    "levels of three": ("asset-view", "spu", 4, _LEVELS | {"protocol": "aby3"}),
    "match": ("match", "embedded", 2, _MATCH | {"psi": "ecdh"}),
    "match that the provider sees first": ("match", "spu", 2, _MATCH | {"receiver": "provider", "psi": "kkrt"}),
    "match by rules": ("match", "spu", 2, _MATCH | {"psi": "rr22", "alignment": _RULES | {"keys": [_NAMED, _RULE]}}),
    "match a short list": ("match", "embedded", 2, _MATCH | {"psi": "fhe", "receiver": "consumer", "list_length": 9}),
    "match by values": ("match", "embedded", 2, _BY_VALUES),
    "salted hash": ("match-salted-hash", "embedded", 2, _MATCH | {"psi": "salted-hash"}),
    "count": ("match-count", "embedded", 2, _IDENTIFIER | _GROUP | {"protocol": "garbled"}),
    "noisy count": ("overlap", "spu", 2, _IDENTIFIER | _GROUP | {"budget": 500}),
    "statistics": ("match-statistics", "spu", 2, _VALUE | _GROUP),
    "sums": ("joint-statistics", "spu", 3, _IDENTIFIER | _GROUP | {"values": ["a", "b"], "statistics": ["sums"]}),
    "product": ("joint-statistics", "spu", 3, _IDENTIFIER | _GROUP | {"values": ["a", "b"], "statistics": ["product"]}),
    "groups": ("joint-statistics", "spu", 3, _VALUE | _GROUP | {"group": "sector", "groups": ["x", "y"]}),
    "evaluation": ("model-evaluation", "spu", 2, _EVALUATION),
    "evaluation by two": ("model-evaluation", "spu", 3, _EVALUATION | {"protocol": "aby3"}),
    "stability": ("model-stability", "embedded", 2, _STABILITY),
    "noisy numbers": (
        "private-statistics",
        "embedded",
        2,
        {
            "smallest_group": 5,
            "questions": [
                {"ask": "count", "column": "sector", "budget": 100},
                {"ask": "mean", "column": "balance", "bounds": [0, 900], "budget": 300},
                {
                    "ask": "table",
                    "axes": [{"column": "a", "edges": [5]}, {"column": "b", "values": ["x"]}],
                    "budget": 100,
                },
            ],
        },
    ),
    "worth of columns": (
        "value-of-data",
        "spu",
        2,
        _IDENTIFIER | _GROUP | {"label": "label", "columns": [{"column": "a", "edges": [5, 9]}], "budget": 500},
    ),
    "scorecard": ("joint-scorecard", "spu", 2, _SCORECARD | {"protocol": "cheetah"}),
    "scorecard of four": (
        "joint-scorecard",
        "spu",
        4,
        _SCORECARD | {"protocol": "aby3", "features": dict.fromkeys((*modelling.PROVIDERS[:3], "consumer"), _FEATURES)},
    ),
    "linear model": ("joint-linear", "spu", 2, _LINEAR | {"protocol": "cheetah"}),
    "correlations of four": (
        "joint-linear",
        "spu",
        4,
        _LINEAR
        | {"protocol": "aby3", "statistics": "only"}
        | {"features": dict.fromkeys((*modelling.PROVIDERS[:3], "consumer"), _NUMBERS)},
    ),
    "trees": ("joint-trees", "embedded", 3, _TREES),
    "pooled model": ("pooled-model", "embedded", 3, _POOLED),
    "pooled model with noise": ("pooled-model", "embedded", 4, _POOLED | {"budget": 20_000_000}),
    "representation": ("shared-representation", "embedded", 2, _REPRESENTATION),
    "pooled trees": ("pooled-model", "embedded", 3, _POOLED | {"trees": {"count": 10}}),
    "federated network": ("federated-network", "flower", 3, _POOLED | {"hidden": [4]}),
    "scores": ("model-score", "spu", 2, _SCORE | {"protocol": "cheetah", "output": "score"}),
    "explained decisions of four": (
        "model-score",
        "spu",
        4,
        _SCORE
        | {"features": _BY_ROLE | {role: [_FEATURE] for role in modelling.PROVIDERS[1:3]}, "protocol": "aby3"}
        | {"output": "decision", "edges": [600], "reasons": {"most": 4}},
    ),
    "transfer": ("model-transfer", "spu", 2, _TRANSFER),
    "transfer of what a job made": ("model-transfer", "spu", 2, _TRANSFER | {"model": _SCORE["model"]}),
    "comparison": ("contract-compare", "simulated", 3, {"policy": _POLICY, "recipients": _RECIPIENTS}),
}
"""Recipe, engine, number of parties, parameters. A recipe of the catalogue that is not here fails a test."""


@dataclass
class Brought:
    """One input: the offer and its scope, what the chain says of the two, and whether the plan names a consent."""

    scope: dict[str, Any]
    offer: dict[str, Any]
    provider: bytes
    subjects: Subjects
    named: bool
    model: ModelRef | None = None
    amounts: tuple[str, ...] = ()
    budget: int = 0


@dataclass
class Draft:
    """`brought` has one entry a party: its inputs, in its role's order."""

    people: list[bytes]
    signers: list[bytes]
    outputs: list[bool]
    brought: list[list[Brought]]
    terms: dict[str, Any]
    plan: dict[str, Any]
    name: str
    changes: list[str] = field(default_factory=list)

    @property
    def inputs(self) -> list[Brought]:
        return [one for inputs in self.brought for one in inputs]


@dataclass(frozen=True)
class Job:
    """A draft with all that follows from it. Scopes, offers, providers and subjects are one an input."""

    plan: Plan
    terms: Terms
    scopes: tuple[Scope, ...]
    offers: tuple[Offer, ...]
    providers: tuple[bytes, ...]
    subjects: tuple[Subjects, ...]
    models: tuple[ModelRef | None, ...]


def lawful(name: str, people: list[bytes]) -> Draft:
    """`people`: the four institutions."""
    recipe, engine, count, raw = LAWFUL[name]
    spec = spec_of(recipe)
    parameters = spec.parse(raw)
    seats, signers = spec.seats(count), people[:count]
    consumer = signers[0] if recipe == "contract-compare" else signers[-1]
    tells = spec.tells(parameters)
    brought = []
    for seat, signer in zip(seats, signers, strict=True):
        inputs = []
        for one in seat.inputs:
            subjects = one.subjects
            if subjects is Subjects.MODEL and spec.model(parameters) is None:
                subjects = Subjects.OWN  # no job made it
            persons, model = subjects is Subjects.PERSONS, subjects is Subjects.MODEL
            columns = MODEL_COLUMNS if model else spec.reads(seat.name, parameters) or MODEL_TABLE
            scope: dict[str, Any] = {
                "title": "Rows",
                "provider": signer,
                "purpose": PURPOSE,
                "columns": (*dict.fromkeys(columns), "spare"),
                "output": tells.output,
                "smallest_group": tells.group,
                "recipes": (recipe,),
                "parties": tuple(signers),
                "personal": persons,
                "salt": sha256(signer),
            }
            aligns = Aligns() if model else spec.aligns(parameters)
            if persons or aligns != Aligns():
                scope |= {"identifier": "customer", "namespace": PERSON, "matched_by": aligns.values}
            amounts = {} if model else dict(spec.amounts(seat.name, parameters))
            if scaled := {column: decimals for column, decimals in amounts.items() if decimals}:
                scope["decimals"] = scaled
            if bounds := () if model else spec.bounds(seat.name, parameters):
                scope["bounds"] = dict(bounds)
            if "random" in name and spec.samples(seat.name, parameters) is not None:
                scope["auditors"] = AUDITORS[:1]
            if tells.edges:
                scope["smallest_gap"] = 50
            offer = {
                "dataset": sha256(b"dataset" + one.alias.encode() + signer),
                "consumer": consumer,
                "purpose": purpose_id(PURPOSE),
                "operations": int(spec.operations_on(engine)),
            }
            which = spec.model(parameters) if model else None
            spends = 0 if model else spec.spends(seat.name, parameters)
            offer["budget"] = 2 * spends
            inputs.append(Brought(scope, offer, signer, subjects, not persons, which, tuple(amounts), spends))
        brought.append(inputs)
    terms = {
        "recipe": recipe,
        "recipe_version": spec.version,
        "engine": engine,
        "parameters": parameters.to_json(),
        "roles": tuple(seat.name for seat in seats),
        "inputs": tuple(one.alias for seat in seats for one in seat.inputs),
        "on_withdrawal": spec.on_withdrawal,
        "audit": AUDITS[0] if "random" in name else None,
    }
    plan = {"consumer": consumer, "purpose": purpose_id(PURPOSE), "operations": int(spec.operations)}
    return Draft(people, signers, [seat.output for seat in seats], brought, copy.deepcopy(terms), plan, name)


def made(draft: Draft, tls: dict[bytes, bytes], recorders: dict[bytes, bytes]) -> Job:
    """ValidationError for what the documents' own types refuse."""
    scopes = tuple(Scope(**one.scope) for one in draft.inputs)
    offers = tuple(
        Offer(**({"scope": scope.hash} | one.offer)) for one, scope in zip(draft.inputs, scopes, strict=True)
    )
    terms = Terms(**draft.terms, block=90, consumer_key=KEY)
    left = iter(offers)
    parties = tuple(
        Party(
            signer=signer,
            recorder=recorders[signer],
            payee=signer,
            tls_key=tls[signer],
            seed=sha256(b"seed" + signer),
            output=output,
            inputs=tuple(_input(next(left), one) for one in inputs),
        )
        for signer, output, inputs in zip(draft.signers, draft.outputs, draft.brought, strict=True)
    )
    fields = {"terms": terms.hash, "sponsor": draft.plan["consumer"], "salt": bytes(32), **draft.plan}
    plan = Plan(**fields, parties=parties, open_by=NOW + 100, deadline=NOW + 1000, settle_by=NOW + 2000)
    subjects = tuple(one.subjects for one in draft.inputs)
    models = tuple(one.model if one.subjects is Subjects.MODEL else None for one in draft.inputs)
    return Job(plan, terms, scopes, offers, tuple(one.provider for one in draft.inputs), subjects, models)


def _input(offer: Offer, one: Brought) -> Input:
    brought = sha256(b"what it brings")
    consent, root = (brought, ZERO32) if one.named else (ZERO32, brought)
    return Input(offer=offer.id, consent=consent, lawful_root=root, epoch=bytes(24), opens_before=5, budget=one.budget)


def stays_lawful(base: Draft, draft: Draft) -> bool | None:
    """Said once more, in other words than the program's, of a draft that came from `base`. None where its parameters
    are others: those have tests of their own."""
    if draft.terms["parameters"] != base.terms["parameters"]:
        return None
    same = all(getattr(draft, name) == getattr(base, name) for name in ("signers", "outputs", "plan"))
    before, after = ({k: v for k, v in one.terms.items() if k not in ("audit", "data_life")} for one in (base, draft))
    terms = after == before or (
        after | {"engine": "embedded"} == before
        and base.terms["parameters"].get("psi") == "ecdh"  # the one thing that runs on two engines
        and draft.terms["engine"] in ("embedded", "spu")
    )
    if list(map(len, base.brought)) != list(map(len, draft.brought)):
        return False
    each = [
        (role, *pair)
        for role, before, after in zip(base.terms["roles"], base.brought, draft.brought, strict=True)
        for pair in zip(before, after, strict=True)
    ]
    audit = draft.terms["audit"]
    told = audit is None or (
        base.terms["recipe"] == "asset-view"
        and "edges" not in base.terms["parameters"]
        and all(audit.auditor in after.scope.get("auditors", ()) for role, _, after in each if role == "provider")
    )
    days = draft.terms.get("data_life")
    lives = [life for _, _, one in each if (life := one.scope.get("data_life")) is not None]
    told &= not lives or (days is not None and days <= min(lives))
    return same and terms and told and all(_stays(base, role, before, after) for role, before, after in each)


def _stays(base: Draft, role: str, before: Brought, after: Brought) -> bool:
    parameters = base.terms["parameters"]
    compared = {key["column"] for key in parameters.get("alignment", {}).get("keys", [])}
    free = {
        *("columns", "decimals", "smallest_group", "smallest_gap", "smallest_change", "recipes", "parties"),
        *("matched_by", "bounds", "auditors", "data_life"),
    }
    if "namespace" not in parameters:
        free |= {"identifier", "namespace"}
    recipe = base.terms["recipe"]
    provider_sees = recipe in ("asset-view", "model-stability") or parameters.get("receiver") == "provider"
    provider_sees |= recipe == "model-evaluation" and parameters["protocol"] == "cheetah"
    provider_sees |= recipe in ("joint-linear", "joint-scorecard", "joint-trees", "model-score") and role != "consumer"
    edges = (*base.terms["parameters"].get("edges", ()), base.terms["parameters"].get("bound", 0))
    return (
        {k: v for k, v in after.scope.items() if k not in free}
        == {k: v for k, v in before.scope.items() if k not in free}
        and set(before.scope["columns"]) - {"spare"} <= set(after.scope["columns"])
        and (after.scope.get("namespace") is not None or not after.scope["personal"])
        and compared - {parameters.get("identifier")} <= set(after.scope.get("matched_by", ()))
        and _scales(before, before) == _scales(before, after)
        and before.scope.get("bounds", {}).items() <= after.scope.get("bounds", {}).items()
        and before.budget == after.budget <= after.offer["budget"]
        and (after.budget > 0 or after.offer["budget"] == 0)
        and after.scope["smallest_group"] <= before.scope["smallest_group"]
        and all(int(edge) % (after.scope.get("smallest_gap") or 1) == 0 for edge in edges)
        and (after.scope.get("smallest_change") is None or provider_sees)
        and base.terms["recipe"] in after.scope["recipes"]
        and set(base.signers) <= {*after.scope["parties"], before.provider, base.plan["consumer"]}
        and after.offer | {"operations": 0, "budget": 0} == before.offer | {"operations": 0, "budget": 0}
        and base.plan["operations"] & after.offer["operations"] == base.plan["operations"]
        and (after.provider, after.subjects, after.named) == (before.provider, before.subjects, before.named)
        and after.model == before.model
    )


def _scales(base: Brought, one: Brought) -> dict[str, int]:
    """The decimals of what the job computes with."""
    return {name: n for name, n in one.scope.get("decimals", {}).items() if name in base.amounts}


# ---------------------------------------------------------------------- what can be wrong

_COLUMNS = ("customer", "balance", "a", "b", "sector", "name", "document", "spare", "income")
_OUTPUTS = (
    "total",
    "level",
    "aggregate",
    "association",
    "score",
    "band",
    "decision",
    "explained-score",
    "explained-decision",
    "model",
    "shared-model",
    "evaluation",
    "rows",
    "matches",
    "comparison",
    "noisy-statistics",
)
_RECIPES = (*NAMES, "copy-all")
_MODELS = tuple(ModelRef(JobId(bytes([job]) * 32), bytes([whole]) * 32) for job in (0xA1, 3) for whole in (0xB2, 4))
_KINDS = (PERSON, "urn:example:company", "0x" + "a1" * 20 + "/customer", "0x" + "b2" * 20 + "/customer")
_ROLES = ("provider", "first-provider", "second-provider", "consumer", "before", "after", "enclave", "auditor")
_PURPOSES = st.sampled_from((PURPOSE, OTHER_PURPOSE))


def _some(pool: Any, most: int = 4) -> Any:
    return st.lists(st.sampled_from(tuple(pool)), min_size=1, max_size=most, unique=True).map(tuple)


SCOPE: dict[str, Any] = {
    "columns": _some(_COLUMNS, 6),
    "decimals": st.sampled_from(({"balance": 2}, {"balance": 3}, {"a": 2}, {"b": 3}, {})),
    "bounds": st.sampled_from(({"balance": (0, 900)}, {"balance": (0, 901)}, {"a": (1, 2)}, {})),
    "output": st.sampled_from(_OUTPUTS),
    "smallest_group": st.integers(1, 8),
    "smallest_gap": st.sampled_from((None, 1, 25, 50, 60, 100)),
    "smallest_change": st.sampled_from((None, 1, 5)),
    "recipes": _some(_RECIPES),
    "purpose": _PURPOSES,
    "personal": st.booleans(),
    "found by": st.just((None, None)) | st.tuples(st.sampled_from(("customer", "name")), st.sampled_from(_KINDS)),
    "matched_by": st.lists(st.sampled_from(_COLUMNS), max_size=3, unique=True).map(tuple),
    "auditors": st.lists(st.sampled_from(AUDITORS), max_size=2).map(tuple),
    "data_life": st.sampled_from((None, 1, 30, 90)),
}
OFFER: dict[str, Any] = {
    "purpose": _PURPOSES.map(purpose_id),
    "operations": st.integers(0, 63),
    "budget": st.sampled_from((0, 1, 499, 500, 10**9)),
    "scope": st.just(sha256(b"another scope")),
}
PLAN: dict[str, Any] = {
    "purpose": _PURPOSES.map(purpose_id),
    "operations": st.sampled_from((0, 1, 2, 3, 7, 32, 35)),
    "terms": st.just(sha256(b"other terms")),
}
TERMS: dict[str, Any] = {
    "recipe": st.sampled_from(_RECIPES),
    "recipe_version": st.integers(0, 2),
    "engine": st.sampled_from(("embedded", "spu", "hardware", "simulated", "gpu")),
    "on_withdrawal": st.sampled_from(("drop", "abort")),
    "audit": st.sampled_from((None, *AUDITS)),
    "data_life": st.sampled_from((None, 1, 30, 31)),
}
PARAMETERS: dict[str, Any] = {
    "identifier": st.sampled_from(_COLUMNS),
    "namespace": st.sampled_from((*_KINDS, "customer")),
    "value": st.sampled_from(_COLUMNS),
    "values": st.lists(st.sampled_from(_COLUMNS), min_size=1, max_size=3),
    "group": st.sampled_from(_COLUMNS),
    "groups": st.lists(st.sampled_from("xyz"), max_size=3),
    "statistics": st.lists(st.sampled_from(("larger", "product", "sums")), max_size=3),
    "decimals": st.sampled_from((2, 3, 0, 19)),
    "edges": st.lists(st.sampled_from(("50", "100", "125", "250", "300")), max_size=3),
    "bound": st.sampled_from(("250", "1000", "1001", 1000)),
    "smallest_group": st.integers(0, 8),
    "protocol": st.sampled_from(("cheetah", "aby3", "semi2k")),
    "receiver": st.sampled_from(("provider", "consumer", "both", "nobody")),
    "psi": st.sampled_from(("ecdh", "kkrt", "rr22", "fhe", "salted-hash")),
    "list_length": st.sampled_from((8, 1024, 1025)),
    "alignment": st.just(_RULES | {"keys": [_RULE | {"column": "income"}]}),
    "recipients": st.sampled_from((_RECIPIENTS, _RECIPIENTS[:1], _RECIPIENTS[1:])),
}
WAYS = (
    *((place, name) for place, fields in (("scope", SCOPE), ("offer", OFFER)) for name in fields),
    *(
        (place, name)
        for place, fields in (("plan", PLAN), ("terms", TERMS), ("parameters", PARAMETERS))
        for name in fields
    ),
    *(("scope", name) for name in ("parties", "provider")),
    ("offer", "consumer"),
    ("plan", "consumer"),
    *(("terms", name) for name in ("roles", "inputs")),
    *(("chain", name) for name in ("provider", "subjects", "model")),
    *(("party", name) for name in ("named", "output", "input", "order", "budget")),
    ("parameters", "left out"),
)


@st.composite
def drafts(draw: Any, people: list[bytes]) -> Draft:
    """A lawful draft with none, one, two or three things changed; some changes change nothing."""
    draft = lawful(draw(st.sampled_from(sorted(LAWFUL))), people)
    for place, name in draw(st.lists(st.sampled_from(WAYS), max_size=3)):
        change(draw, draft, place, name)
        draft.changes.append(f"{place}.{name}")
    return draft


def change(draw: Any, draft: Draft, place: str, name: str) -> None:
    """One thing, drawn."""
    if place == "terms":
        _change_terms(draw, draft, name)
    elif place == "parameters":
        _change_parameters(draw, draft, name)
    elif place == "plan":
        draft.plan[name] = draw(st.sampled_from(draft.people) if name == "consumer" else PLAN[name])
    elif place == "party":
        _change_party(draw, draft, name)
    elif draft.inputs:
        _change_input(draw, draw(st.sampled_from(draft.inputs)), draft.people, place, name)


def _change_terms(draw: Any, draft: Draft, name: str) -> None:
    if name == "roles":
        count = len(draft.signers)
        draft.terms[name] = tuple(
            draw(st.permutations(draft.terms[name]) | st.lists(st.sampled_from(_ROLES), min_size=count, max_size=count))
        )
    elif name == "inputs":
        draft.terms[name] = tuple(draw(st.permutations([*draft.terms[name], "other"])))[: len(draft.inputs)]
    else:
        draft.terms[name] = draw(TERMS[name])


def _change_parameters(draw: Any, draft: Draft, name: str) -> None:
    parameters = draft.terms["parameters"]
    if name != "left out":
        parameters[name] = draw(PARAMETERS[name])
    elif parameters:
        del parameters[draw(st.sampled_from(sorted(parameters)))]


def _change_party(draw: Any, draft: Draft, name: str) -> None:
    place = draw(st.integers(0, len(draft.signers) - 1))
    here = draft.brought[place]
    if name == "output":
        draft.outputs[place] = not draft.outputs[place]
    elif name == "order":
        draft.signers = list(draw(st.permutations(draft.signers)))
    elif here and name == "budget":
        draw(st.sampled_from(here)).budget = draw(st.sampled_from((0, 1, 499, 500, 501)))
    elif here and name == "named":
        one = draw(st.sampled_from(here))
        one.named = not one.named
    elif here:
        draft.brought[place] = here[1:]


def _change_input(draw: Any, one: Brought, people: list[bytes], place: str, name: str) -> None:
    somebody = st.sampled_from(people)
    if place == "chain":
        drawn = {"provider": somebody, "subjects": st.sampled_from(Subjects), "model": st.sampled_from(_MODELS)}
        if name != "model" or one.model is not None:
            setattr(one, name, draw(drawn[name]))
    elif place == "offer":
        one.offer[name] = draw(somebody if name == "consumer" else OFFER[name])
    elif name == "parties":
        one.scope[name] = draw(_some(people))
    elif name == "found by":
        one.scope["identifier"], one.scope["namespace"] = draw(SCOPE[name])
    else:
        one.scope[name] = draw(somebody if name == "provider" else SCOPE[name])
