"""May a job use this input? One rule, which the peers' nodes, the vault and the audit all call.

A recipe and its terms say what a job does with an input's rows (`Use`). The offer, its opened scope and the dataset's
registration say what the owners were shown. `breaches` holds one against the other. Nothing else decides, so the three
can't disagree: what the gates let through, the audit passes; what the audit would call unlawful, no gate lets through.

A provider and the consumer stand in every offer by themselves: `scope.parties` names the others that may take part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from placet.core.errors import PlacetError
from placet.core.ids import JobId
from placet.core.offers import Bounds, Offer, Scope, Subjects
from placet.core.purposes import purpose_id, purpose_words
from placet.core.values import to_hex

E = TypeVar("E", bound=PlacetError)


@dataclass(frozen=True, slots=True)
class Tells:
    """What a job tells at the most. `output` is a scope's word, `group` the smallest group of people over which
    anything is told, `edges` the values at which something told changes, in the column's smallest unit. `within` are
    the roles that learn the result, or a part of it, inside a protocol: before the seal, even where there is none.
    `shows` are the roles that see which of their own rows match, each before anybody else learns anything of it."""

    output: str
    group: int = 1
    edges: tuple[int, ...] = ()
    within: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    more: str = ""

    @property
    def disclosed(self) -> str | None:
        """For reports; None where nothing of the result is known before the release."""
        if not self.within:
            return None
        return f"disclosed-in-protocol: the result is known to {' and '.join(self.within)}{self.more}"


@dataclass(frozen=True, slots=True)
class Aligns:
    """By what a job finds out which rows of different parties belong together: by the column `identifier`, whose values
    are of the kind `namespace`, and by the values of other columns. None of it where it does not compare rows."""

    identifier: str | None = None
    namespace: str | None = None
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelRef:
    """Which model: the job that made it, and the commitment to all of its parts (`core.model_part`)."""

    origin: JobId
    commitment: bytes


@dataclass(frozen=True, slots=True)
class Use:
    """What a job does with one input. `subjects`: whose it is. Rows of persons come under a lawful root; the provider's
    own data, and its part of a model, under a consent that the plan names (`named`). `parties` are all signers.
    `amounts` are the columns that the job computes with and their decimals by the terms, the same in all that come
    together; `bounds` those that are added up within bounds, and these. `shown`: the role sees first which of its rows
    match. `model`: the one of which the input is a part. `spends`: of the privacy budgets of offer and dataset, in
    nano-rho. `auditor`: to whom rows of it are opened that the chain draws after the seal. `data_life`: for how many
    days the consumer keeps the result, by the terms; None for no end."""

    recipe: str
    provider: bytes
    consumer: bytes
    parties: tuple[bytes, ...]
    purpose: bytes
    operations: int
    columns: tuple[str, ...]
    aligns: Aligns
    amounts: tuple[tuple[str, int], ...]
    tells: Tells
    subjects: Subjects
    named: bool
    shown: bool = False
    model: ModelRef | None = None
    bounds: tuple[tuple[str, Bounds], ...] = ()
    spends: int = 0
    auditor: bytes | None = None
    data_life: int | None = None


@dataclass(frozen=True, slots=True)
class Breach:
    """One way in which a use goes beyond what the owners were shown. `rule` is the error's code after the dot."""

    rule: str
    message: str
    expected: object
    found: object
    remedy: str | None = None

    def error(self, kind: type[E], room: str, about: str = "") -> E:
        """As an error with the code `ROOM.RULE`, whose message begins with what it is `about`."""
        return kind(
            f"{about}{self.message}",
            expected=self.expected,
            found=self.found,
            remedy=self.remedy,
            code=f"{room}.{self.rule}",
        )


def breaches(
    use: Use,
    provider: bytes,
    offer: Offer,
    scope: Scope | None,
    subjects: Subjects,
    model: ModelRef | None = None,
) -> Iterator[Breach]:
    """All breaches, of the offer and then of its scope; none where the use is allowed. `provider`, `subjects` and
    `model` are the chain's: who made the offer, and whose rows its dataset was registered with, or as a part of which
    model. Without its `scope`, which other parties do not know, all that the chain shows is judged."""
    yield from offer_breaches(
        provider,
        offer,
        by=use.provider,
        consumer=use.consumer,
        purpose=use.purpose,
        operations=use.operations,
        spends=use.spends,
    )
    if scope is None:
        yield from _whose(use, None, subjects, model)
    else:
        yield from scope_breaches(use, provider, offer, scope, subjects, model)


def offer_breaches(
    provider: bytes, offer: Offer, *, by: bytes, consumer: bytes, purpose: bytes, operations: int, spends: int
) -> Iterator[Breach]:
    """What the offer alone, as the chain has it from `provider`, says against a job of `consumer` to which `by` brings
    the rows: it needs no opened scope."""
    if by != provider:
        yield Breach("provider", "the offer is another institution's", to_hex(by), to_hex(provider))
    if consumer != offer.consumer:
        yield Breach("consumer", "the offer is for another consumer", to_hex(offer.consumer), to_hex(consumer))
    if purpose != offer.purpose:
        yield Breach(
            "purpose", "the offer is for another purpose", purpose_words(offer.purpose), purpose_words(purpose)
        )
    if operations & ~offer.operations or not operations:
        allowed = f"within {offer.operations}"
        yield Breach("operations", "the offer does not allow these operations", allowed, operations)
    if spends > offer.budget:
        allowed = f"at most {offer.budget} nano-rho of all jobs together"
        message, remedy = "the job spends more than the offer's privacy budget", "ask less, or under an offer with more"
        yield Breach("budget", message, allowed, f"{spends} nano-rho", remedy)
    if offer.budget and not spends:
        yield Breach(
            "noise",
            "the offer promises that all results carry noise, and the job adds none",
            "a job that spends of the privacy budget",
            "one that spends nothing",
            "give the job a budget, where its recipe takes one; or name an offer without a privacy budget",
        )


def scope_breaches(
    use: Use, provider: bytes, offer: Offer, scope: Scope, subjects: Subjects, model: ModelRef | None = None
) -> Iterator[Breach]:
    """What the opened scope and the dataset's registration say against a use, the gravest first."""
    if scope.provider != provider:
        yield Breach("provider", "the scope is of another institution's data", to_hex(provider), to_hex(scope.provider))
    if purpose_id(scope.purpose) != offer.purpose:
        expected = purpose_words(offer.purpose)
        yield Breach("purpose", "the scope is for another purpose than the offer", expected, scope.purpose)
    if scope.hash != offer.scope:
        yield Breach("scope", "the scope is not the offer's", to_hex(offer.scope), to_hex(scope.hash))
    if strangers := [to_hex(party) for party in use.parties if party not in _named(scope, offer)]:
        yield Breach(
            "stranger",
            "a party that the offer's scope does not name",
            ", ".join(map(to_hex, _named(scope, offer))),
            ", ".join(strangers),
        )
    yield from auditor_breaches(use.auditor, scope)
    if use.recipe not in scope.recipes:
        yield Breach("recipe", "the scope does not allow this recipe", ", ".join(scope.recipes), use.recipe)
    yield from _told(use, scope)
    if outside := [column for column in use.columns if column not in scope.columns]:
        yield Breach(
            "columns",
            "the job reads columns that the scope does not hold",
            ", ".join(scope.columns),
            ", ".join(outside)[:400],
        )
    yield from alignment_breaches(use.aligns, scope)
    yield from _scaled(use, scope)
    yield from _bounded(use, scope)
    yield from data_life_breaches(use.data_life, scope)
    yield from _whose(use, scope, subjects, model)


def auditor_breaches(auditor: bytes | None, scope: Scope) -> Iterator[Breach]:
    """What a scope says against an auditor to whom drawn rows are opened: owners signed the names of those who may."""
    if auditor is not None and auditor not in scope.auditors:
        yield Breach(
            "auditor",
            "the job opens drawn rows to an auditor whom the offer's scope does not name",
            ", ".join(map(to_hex, scope.auditors)) or "no random audit: the scope names no auditor",
            to_hex(auditor),
            "leave the random audit out; or take an offer that tells owners of it: placet offer make --auditors",
        )


def data_life_breaches(days: int | None, scope: Scope) -> Iterator[Breach]:
    """What a scope says against a result that is kept for so many days: owners signed when it is deleted."""
    life = scope.data_life
    if life is not None and (days is None or days > life):
        yield Breach(
            "data-life",
            "the consumer keeps the result for longer than the owners were shown",
            f"a data life of at most {life} days",
            "no end" if days is None else f"{days} days",
            "name it in the request, as placet job plan does",
        )


def _scaled(use: Use, scope: Scope) -> Iterator[Breach]:
    """Cents are not added to units: every input's scope says the decimals that the terms say."""
    for column, decimals in use.amounts:
        if (declared := scope.decimals.get(column, 0)) != decimals:
            yield Breach(
                "decimals",
                f"the job takes the amounts in {column} at another scale than the scope declares",
                f"{declared} decimals",
                f"{decimals} decimals",
            )


def _bounded(use: Use, scope: Scope) -> Iterator[Breach]:
    """What a job's noise hides is one row within the bounds that the job names, so they are the scope's."""
    for column, bounds in use.bounds:
        declared = scope.bounds.get(column)
        if bounds != declared:
            yield Breach(
                "bounds",
                f"the job adds {column} up within other bounds than the scope declares",
                "no bounds, and so no such sum" if declared is None else f"{declared[0]} to {declared[1]}",
                f"{bounds[0]} to {bounds[1]}",
                "name the scope's bounds; or make an offer with bounds: placet offer make --bounds",
            )


def _named(scope: Scope, offer: Offer) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys((*scope.parties, scope.provider, offer.consumer)))


def _told(use: Use, scope: Scope) -> Iterator[Breach]:
    if use.tells.output != scope.output or scope.smallest_group > use.tells.group:
        yield Breach(
            "output",
            "the recipe tells more than the owners were shown",
            f"{scope.output}, groups of {scope.smallest_group} or more",
            f"{use.tells.output}, groups of {use.tells.group} or more",
        )
    gap = scope.smallest_gap
    if gap is not None and (between := [str(edge) for edge in use.tells.edges if edge % gap]):
        yield Breach(
            "gap",
            "the levels, or bands, are finer than the owners were shown",
            f"edges and bound at multiples of {gap}",
            ", ".join(between)[:400],
        )
    if scope.smallest_change is not None and not use.shown:
        yield Breach(
            "change",
            "a smallest change can't be held where the provider does not see the matches first",
            "terms of a recipe that show the provider its matches before the consumer learns any",
            use.recipe,
        )


def alignment_breaches(aligns: Aligns, scope: Scope) -> Iterator[Breach]:
    """All parties sign one `Aligns`, so where each one's scope fits it they have the same kind of identifier: 1001 of
    the one bank is not 1001 of the other."""
    by, here = (aligns.identifier, aligns.namespace), (scope.identifier, scope.namespace)
    if scope.personal and scope.namespace is None:
        yield Breach(
            "namespace",
            "the scope does not say by which kind of identifier persons are found",
            "an identifier and its namespace",
            "none",
            "make a new offer: placet offer make",
        )
    elif aligns.identifier is not None and by != here:
        yield Breach(
            "namespace",
            "rows are found here by another identifier than the job's",
            _kind(*here),
            _kind(*by),
            "the job names, as identifier and namespace, what all parties' tables have; where these are of different "
            "kinds, align by other columns",
        )
    if untold := [column for column in aligns.values if column not in scope.matched_by]:
        yield Breach(
            "values",
            "the job finds out which values a column holds, which the scope does not say",
            ", ".join(scope.matched_by) or "no column but the identifier",
            ", ".join(untold)[:400],
            "match by the identifier; or make an offer that tells owners so: placet offer make --matched-by",
        )


def _kind(identifier: str | None, namespace: str | None) -> str:
    return "no identifier" if identifier is None else f"{identifier}, of the kind {namespace}"


def _whose(use: Use, scope: Scope | None, subjects: Subjects, model: ModelRef | None) -> Iterator[Breach]:
    """Persons' rows need persons' consent, whatever a provider calls its table."""
    persons = use.subjects is Subjects.PERSONS
    personal = persons if scope is None else scope.personal
    if personal != persons or use.named == persons:
        yield Breach(
            "subjects",
            "persons' rows come under their consents, an institution's own data under its own",
            "a lawful set of persons" if persons else "the institution's own consent, named in the plan",
            f"{'a named consent' if use.named else 'a lawful set'}, scope of {'persons' if personal else 'own data'}",
        )
    if subjects is not use.subjects:
        yield Breach(
            "subjects",
            "the dataset was registered with other subjects",
            use.subjects.words,
            subjects.words,
        )
    elif use.model != model:
        yield Breach("model", "the dataset is a part of another model", _which(use.model), _which(model))


def _which(model: ModelRef | None) -> str:
    if model is None:
        return "no model"
    return f"the model {to_hex(model.commitment)} of job {to_hex(model.origin)}"
