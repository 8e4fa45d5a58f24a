"""An offer: what may be asked of a dataset, by whom and what for. The chain holds it as a hash of its opened scope; the
words that people read of it are derived from both."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from functools import cached_property
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, model_validator

from placet.core import eip712
from placet.core.errors import ConsentError
from placet.core.hashing import document_hash
from placet.core.ids import DatasetId, OfferId
from placet.core.languages import ENGLISH, Language, words_of
from placet.core.namespace import Namespace, namespace_words
from placet.core.purposes import PURPOSES, purpose_id
from placet.core.values import U32, Address, BigUint, Bytes32, Name, NanoRho, Text, Value, to_hex

MAX_DECIMALS = 18
"""Digits after the point that amounts may have."""
Decimals = Annotated[int, Field(strict=True, ge=1, le=MAX_DECIMALS)]
_MOST = 2**40


def _in_order(bounds: tuple[int, int]) -> tuple[int, int]:
    if bounds[0] >= bounds[1]:
        raise ValueError("the lower bound is below the upper one")
    return bounds


_Bound = Annotated[int, Field(strict=True, ge=-_MOST, le=_MOST)]
Bounds = Annotated[tuple[_Bound, _Bound], AfterValidator(_in_order)]
"""The least and the largest value that counts as itself, in a column's smallest unit."""
CLEAR_MODEL, TREE_MODEL = "model", "tree-model"
"""A scope's outputs where the consumer gets a model in clear."""
SHARED_MODEL = "shared-model"
"""A scope's output where each party keeps a part of a model, and nobody gets the whole."""
Names = Callable[[bytes], str]
"""An institution's or an auditor's address to its name for people; raises NotFoundError."""


class Subjects(IntEnum):
    """Whom a dataset's rows are about; the contract's `Subjects`. The provider says it once, at the registration.

    PERSONS: a row is used only under its own person's consent. OWN: the provider consents for all rows at once. MODEL:
    the provider's part of a model that a job made of others' rows; the provider consents for it as long as not too many
    of those others have withdrawn (`core.lineage`). UNKNOWN is a dataset that nobody registered."""

    UNKNOWN = 0
    PERSONS = 1
    OWN = 2
    MODEL = 3

    @classmethod
    def of(cls, personal: bool) -> Subjects:
        """As a scope or a vault's table says it."""
        return cls.PERSONS if personal else cls.OWN

    @property
    def words(self) -> str:
        return {
            self.UNKNOWN: "nobody knows whose",
            self.PERSONS: "persons'",
            self.OWN: "the institution's own",
            self.MODEL: "a model's",
        }[self]


class Offer(Value):
    """What may be asked of a dataset; `scope` is the hash of a `Scope` document, `budget` what all jobs under the offer
    together may spend of the dataset's privacy budget."""

    dataset: DatasetId
    consumer: Address
    purpose: Bytes32
    operations: U32
    scope: Bytes32
    budget: NanoRho = 0

    @cached_property
    def id(self) -> OfferId:
        """EIP-712 struct hash."""
        return OfferId(eip712.OFFER.hash(self))


MAX_DATA_LIFE = 36_525
"""Days, a hundred years."""
MODELS = (CLEAR_MODEL, TREE_MODEL, SHARED_MODEL)
"""The outputs that stay in a vault, with offers of their own: none has a data life."""
DataLifeDays = Annotated[int, Field(strict=True, ge=1, le=MAX_DATA_LIFE)]
"""For how many days a result may be kept."""
_GAPS = tuple(words_of(ENGLISH).gaps)
"""The outputs in which something begins at an edge."""


def _empty(value: object) -> bool:
    return value is None or value in ((), {})


class Scope(Value):
    """An offer's scope, opened. `personal` false means that the data belong to the institution itself.

    `identifier` is the column by whose values rows are found, the owners' as they were enrolled, and `namespace` what
    kind of identifier these are: persons' rows have one. `matched_by` are further columns by whose values rows may be
    matched with others', which tells who learns the matches which of these values there are. `decimals` has the columns
    of amounts whose integers count 10^-n of the unit, and n: 2 for cents; one that is not there counts whole units.

    `bounds` has the columns that are only ever added up within bounds, in their smallest unit: a value outside counts
    as the nearer one, so that one row moves a sum by no more than the larger of both.

    `smallest_gap`, in the smallest unit of the column that is added up, or in points of a score, is for levels, bands
    and decisions: no two edges are closer, not of different jobs either, since every edge is a multiple of it.
    `auditors` are those to whom rows may be opened that the chain draws after a job's seal; none: nobody.
    `smallest_change` is for persons' rows: a job whose matches differ from those of an earlier one of the same consumer
    ends, unless by so many people or by none. `tolerated_withdrawals` is for a model: how many of those it was learned
    from may have withdrawn, none where it is not said. `data_life`
    is how many days the consumer may keep a job's result, from the job's completion on; nobody says when it ends where
    there is none. A scope without one of these ten has no such field.
    """

    type: Literal["placet.scope"] = "placet.scope"
    version: Literal[1] = 1
    title: Text
    provider: Address
    purpose: Text
    columns: Annotated[tuple[Name, ...], Field(min_length=1, max_length=64)]
    identifier: Annotated[Name | None, Field(exclude_if=_empty)] = None
    namespace: Annotated[Namespace | None, Field(exclude_if=_empty)] = None
    matched_by: Annotated[tuple[Name, ...], Field(max_length=64, exclude_if=_empty)] = ()
    decimals: Annotated[dict[Name, Decimals], Field(max_length=64, exclude_if=_empty)] = Field(default_factory=dict)
    bounds: Annotated[dict[Name, Bounds], Field(max_length=64, exclude_if=_empty)] = Field(default_factory=dict)
    output: Literal[
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
        "tree-model",
        "rows",
        "matches",
        "comparison",
        "noisy-statistics",
    ]
    smallest_group: U32 = 1
    smallest_gap: Annotated[Annotated[BigUint, Field(gt=0, lt=2**63)] | None, Field(exclude_if=_empty)] = None
    smallest_change: Annotated[Annotated[int, Field(ge=1, lt=2**32, strict=True)] | None, Field(exclude_if=_empty)] = (
        None
    )
    tolerated_withdrawals: Annotated[U32 | None, Field(exclude_if=_empty)] = None
    data_life: Annotated[DataLifeDays | None, Field(exclude_if=_empty)] = None
    recipes: Annotated[tuple[Name, ...], Field(min_length=1, max_length=16)]
    parties: Annotated[tuple[Address, ...], Field(min_length=1, max_length=16)]
    auditors: Annotated[tuple[Address, ...], Field(max_length=16, exclude_if=_empty)] = ()
    enrollers: Annotated[tuple[Address, ...], Field(max_length=16)] = ()
    personal: bool = True
    salt: Bytes32

    @model_validator(mode="after")
    def _known_purpose(self) -> Scope:
        if self.purpose not in PURPOSES:
            raise ValueError("purpose is not one of the known DPV purposes")
        return self

    @model_validator(mode="after")
    def _found_by(self) -> Scope:
        if (self.identifier is None) != (self.namespace is None):
            raise ValueError("an identifier and its namespace, or neither")
        if self.identifier in self.matched_by or not set(self.matched_by) <= set(self.columns):
            raise ValueError("rows are matched by columns of the scope, and by the identifier anyway")
        return self

    @model_validator(mode="after")
    def _decimals_of_columns(self) -> Scope:
        if not self.decimals.keys() <= set(self.columns):
            raise ValueError("decimals are of columns of the scope")
        return self

    @model_validator(mode="after")
    def _bounds_of_columns(self) -> Scope:
        if not self.bounds.keys() <= set(self.columns):
            raise ValueError("bounds are of columns of the scope")
        return self

    @model_validator(mode="after")
    def _gap_of_levels(self) -> Scope:
        if self.smallest_gap is not None and self.output not in _GAPS:
            raise ValueError(f"a smallest gap is between levels or bands, so the output is one of {', '.join(_GAPS)}")
        return self

    @model_validator(mode="after")
    def _change_of_persons(self) -> Scope:
        if self.smallest_change is not None and not self.personal:
            raise ValueError("a smallest change is one of persons, so the rows are persons'")
        return self

    @model_validator(mode="after")
    def _withdrawals_of_models(self) -> Scope:
        if self.tolerated_withdrawals is not None and self.personal:
            raise ValueError("withdrawals are tolerated of a model, which is the institution's own")
        return self

    @model_validator(mode="after")
    def _life_of_results(self) -> Scope:
        if self.data_life is not None and self.output in MODELS:
            raise ValueError("a data life is a result's, and a model stays in a vault")
        return self

    @model_validator(mode="after")
    def _auditors_once(self) -> Scope:
        if len(set(self.auditors)) != len(self.auditors):
            raise ValueError("each auditor once")
        return self

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of the document, as it stands in the offer."""
        return document_hash(self)


def output_words(scope: Scope, language: Language = ENGLISH) -> str:
    """What the consumer gets."""
    words = words_of(language)
    text = words.outputs[scope.output]
    if scope.smallest_gap is not None:
        text = words.gaps[scope.output].format(output=text, gap=scope.smallest_gap)
    if scope.matched_by:
        text = words.say("output-matched-by", output=text, columns=words.list(scope.matched_by))
    if scope.tolerated_withdrawals is not None:
        text = words.say("output-withdrawals", output=text, number=scope.tolerated_withdrawals)
    if scope.smallest_change is not None:
        text = words.say("output-change", output=text, number=scope.smallest_change)
    return text


def columns_words(scope: Scope, names: Names, language: Language = ENGLISH) -> str:
    """Which data, and by which kind of identifier rows are found. ConsentError for persons' rows without one: nobody
    could be enrolled for them."""
    words = words_of(language)
    columns = words.list(scope.columns)
    if scope.namespace is not None:
        kind = namespace_words(scope.namespace, names, language)
        return words.say("found-by", columns=columns, identifier=scope.identifier, kind=kind)
    if scope.personal:
        raise ConsentError(
            "the scope does not say by which kind of identifier persons are found",
            expected="identifier and namespace",
            remedy="the provider makes a new offer: placet offer make",
            code="consent.namespace",
        )
    return columns


def purpose_text(scope: Scope, language: Language = ENGLISH) -> str:
    """What for, in words and by its IRI."""
    words = words_of(language)
    return words.say("purpose", purpose=words.purposes[scope.purpose], iri=scope.purpose)


def parties_words(scope: Scope, names: Names, language: Language = ENGLISH) -> str:
    """Who takes part, and to whom drawn rows may be opened."""
    words = words_of(language)
    parties = words.list(names(party) for party in scope.parties)
    if not scope.auditors:
        return parties
    return words.say("parties-audited", parties=parties, auditors=words.list(names(one) for one in scope.auditors))


class OfferWords(NamedTuple):
    """What a wallet shows of every consent to one offer: the texts of its `Details`."""

    dataset: str
    consumer: str
    purpose: str
    columns: str
    output: str
    parties: str


def offer_words(offer: Offer, scope: Scope, names: Names, language: Language = ENGLISH) -> OfferWords:
    """The texts that offer and scope stand for. ConsentError if they don't belong together; NotFoundError for an
    institution without a name."""
    if scope.hash != offer.scope:
        raise ConsentError("the scope is not this offer's", expected=to_hex(offer.scope), found=to_hex(scope.hash))
    if purpose_id(scope.purpose) != offer.purpose:
        raise ConsentError("the scope names another purpose than the offer", found=scope.purpose)
    words = words_of(language)
    return OfferWords(
        dataset=words.say("dataset", title=scope.title, provider=names(scope.provider)),
        consumer=names(offer.consumer),
        purpose=purpose_text(scope, language),
        columns=columns_words(scope, names, language),
        output=output_words(scope, language),
        parties=parties_words(scope, names, language),
    )
