"""What a recipe declares: all that node, vault, audit, command line and documents know of it without running it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import ConfigDict, Field, JsonValue, ValidationError

from placet.core.errors import PlanError
from placet.core.lawful import Aligns, ModelRef, Tells
from placet.core.namespace import Namespace
from placet.core.offers import Bounds, Decimals, Subjects
from placet.core.plan import Terms
from placet.core.privacy import Choice
from placet.core.purposes import Operation
from placet.core.values import Value
from placet.models.contribution import Division

CONSUMER = "consumer"
SMALLEST_GROUP = 2
"""The least that a job may name as its smallest group."""
SmallestGroup = Annotated[
    int,
    Field(
        strict=True,
        ge=SMALLEST_GROUP,
        description="how many customers must be in any count, 2 or more and no fewer than the offers say",
    ),
]
Column = Annotated[str, Field(min_length=1, max_length=64)]
AmountDecimals = Annotated[
    Decimals | None,
    Field(
        description="how many digits after the point the amounts have, as every offer declares them; 0 where left out"
    ),
]


def scale(decimals: int | None) -> int:
    """How many digits after the point a job's amounts have, by its parameter `decimals`."""
    return decimals or 0


Identifier = Annotated[Column, Field(description="the column that names a row's person, in all tables")]
KIND = (
    "what kind of identifier that is, as all parties' offers say: urn:… of a register, or an institution's address "
    "and a name"
)


class RecipeParameters(Value):
    """Base of a recipe's parameters. Optional ones that were not given are no part of the JSON, which is hashed in the
    terms; each field's description is what people read."""

    model_config = ConfigDict(strict=False)

    def to_json(self) -> dict[str, Any]:
        """Without parameters that are null, and each that is there in full: one meaning has one form."""
        return {name: value for name, value in super().to_json().items() if value is not None}


class IdentifiedParameters(RecipeParameters):
    """Of recipes that find a person's rows by one identifier in all tables."""

    identifier: Identifier
    namespace: Annotated[Namespace, Field(description=KIND)]


def by_identifier(parameters: IdentifiedParameters) -> Aligns:
    """What such recipes compare."""
    return Aligns(parameters.identifier, parameters.namespace)


def demand_protocol(by_engine: Mapping[str, tuple[str, ...]], engine: str, protocol: str) -> None:
    """PlanError `plan.engine` for a protocol that the engine does not have, of an engine that the recipe has."""
    if protocol not in by_engine[engine]:
        raise PlanError(
            "this engine has no such protocol",
            expected="; ".join(f"{one}: {', '.join(names)}" for one, names in by_engine.items()),
            found=f"{engine}: {protocol}",
            code="plan.engine",
        )


P = TypeVar("P", bound=RecipeParameters)


MODEL_COLUMNS = ("model",)
"""What a job reads of a party's part of a model: all of it."""


@dataclass(frozen=True, slots=True)
class RoleInput:
    """One input of a role: its alias in the terms, and whose it is. Persons' rows come under a lawful root, all else
    under a consent that the plan names."""

    alias: str
    subjects: Subjects


@dataclass(frozen=True, slots=True)
class Role:
    """A role in the plan's order of parties. `alias` names the rows that it brings (None: none); `persons`: they are
    persons', under a lawful root, else the party's own data under a consent that the plan names. `model` names its part
    of a model (None: none), which it brings after its rows. `output`: holds a release key. `most` parties may have the
    role, one where it is 1, otherwise `least` at the least. A model that the plan says no job made is the party's own
    data."""

    name: str
    learns: str
    alias: str | None
    persons: bool = False
    model: str | None = None
    output: bool = False
    least: int = 1
    most: int = 1

    @property
    def inputs(self) -> tuple[RoleInput, ...]:
        """In the order of the plan's inputs of such a party."""
        rows = () if self.alias is None else (RoleInput(self.alias, Subjects.of(self.persons)),)
        return rows if self.model is None else (*rows, RoleInput(self.model, Subjects.MODEL))

    def input(self, alias: str) -> RoleInput:
        """PlanError for an input that this role does not bring."""
        for one in self.inputs:
            if one.alias == alias:
                return one
        expected = ", ".join(one.alias for one in self.inputs) or "no input"
        raise PlanError(f"a {self.name} brings no such input", expected=expected, found=alias, code="plan.inputs")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a job takes at the most of any party that computes: bytes of memory, bytes that all send together, seconds
    of two idle processor cores that all share. An estimate, from what was measured."""

    memory: int
    traffic: int
    seconds: int

    def words(self) -> str:
        return f"about {self.memory >> 20} MB of memory a party, {self.traffic >> 20} MB to send, {self.seconds} s"


@dataclass(frozen=True, kw_only=True)
class RecipeSpec(Generic[P]):
    """One recipe. `reads` names the columns that a role's rows must have; `aligns` those by whose values rows of
    different parties are held together; `amounts` those that are added up or compared, with how many decimals; `model`
    the one of which roles bring their parts; `tells` what comes out at the most; `fits` raises PlanError for what
    parameters, terms, parties (signers, in the plan's order) and consumer don't make together; `pays` says by the
    parties' roles how a pot is divided by what each contributed, None where the recipe measures no contribution;
    `bounds` the columns of a role's rows that are added up within bounds;
    `spends` what a role's rows cost of their privacy budget, in nano-rho, nothing where no noise is added; `noise` what
    a role adds its own noise to, in the order in which its steps record it; after a release that `ends` names nothing
    more may come; `masked`:
    nothing that rows under a budget come to is known to anybody else before the release, so that attempts whose keys
    stay secret cost nothing.
    `samples`: the column whose value at each place a role commits to, so that a random audit can draw places of it;
    `cost`: of so many rows of the consumer's, where it can be said. `instead`: engines on which other `operations` are
    needed. `does` is for people."""

    name: str
    version: int
    does: str
    operations: Operation
    engines: tuple[str, ...]
    on_withdrawal: Literal["drop", "abort"]
    roles: tuple[Role, ...]
    parameters: type[P]
    reads: Callable[[str, P], tuple[str, ...]]
    aligns: Callable[[P], Aligns]
    tells: Callable[[P], Tells]
    amounts: Callable[[str, P], tuple[tuple[str, int], ...]] = lambda role, parameters: ()
    model: Callable[[P], ModelRef | None] = lambda parameters: None
    fits: Callable[[P, Terms, Sequence[bytes], bytes], None] = lambda parameters, terms, parties, consumer: None
    cost: Callable[[P, int], Cost | None] | None = None
    bounds: Callable[[str, P], tuple[tuple[str, Bounds], ...]] = lambda role, parameters: ()
    spends: Callable[[str, P], int] = lambda role, parameters: 0
    noise: Callable[[str, P], tuple[Choice, ...]] = lambda role, parameters: ()
    samples: Callable[[str, P], str | None] = lambda role, parameters: None
    ends: tuple[str, ...] = ()
    masked: bool = False
    pays: Callable[[P, Sequence[str]], Division | None] = lambda parameters, roles: None
    instead: tuple[tuple[str, Operation], ...] = ()

    def operations_on(self, engine: str) -> Operation:
        """What is done with the data on that engine."""
        return dict(self.instead).get(engine, self.operations)

    def role(self, name: str) -> Role:
        """PlanError for a role that this recipe does not have."""
        role = next((one for one in self.roles if one.name == name), None)
        if role is None:
            expected = ", ".join(one.name for one in self.roles)
            raise PlanError(f"{self.name} has no such role", expected=expected, found=name, code="plan.roles")
        return role

    def seats(self, parties: int) -> tuple[Role, ...]:
        """The role of each of so many parties, in the plan's order. PlanError where it takes another number of them."""
        spare = parties - sum(role.least for role in self.roles)
        seats: list[Role] = []
        for role in self.roles:
            extra = min(max(spare, 0), role.most - role.least)
            seats += [role] * (role.least + extra)
            spare -= extra
        if spare:
            least, most = (sum(getattr(role, end) for role in self.roles) for end in ("least", "most"))
            expected = str(least) if least == most else f"{least} to {most}"
            raise PlanError(f"{self.name} takes other parties", expected=expected, found=parties, code="plan.roles")
        return tuple(seats)

    def parse(self, raw: Mapping[str, JsonValue]) -> P:
        """PlanError `plan.parameters` that names the parameter which lacks, is too many or has no such value, and what
        it may be."""
        try:
            return self.parameters.model_validate(dict(raw))
        except ValidationError as error:
            raise self._refusal(error) from None

    def _refusal(self, error: ValidationError) -> PlanError:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "the parameters"
        allowed = describe(self.parameters)
        if first["type"] == "missing" and len(first["loc"]) == 1:
            message, expected, found = f"{self.name} lacks the parameter {name}", allowed[name], "none"
        elif first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
            message, expected, found = f"{self.name} has no parameter {name}", ", ".join(allowed), name
        elif not first["loc"]:
            message, expected = f"the parameters of {self.name} do not go together", _plainly(first["msg"])
            found = "another combination"
        else:
            where = ".".join(str(part) for part in first["loc"])[:100]
            message, found = f"{self.name}: no such value of {name}", f"{where}: {first['msg']}"[:300]
            expected = allowed.get(name, "a known parameter")
        return PlanError(message, expected=expected, found=found, code="plan.parameters")


def _plainly(message: str) -> str:
    """A rule's own words, without the name of the library's error."""
    return message.removeprefix("Value error, ")


def _described(parameters: type[RecipeParameters]) -> Mapping[str, str]:
    schema = parameters.model_json_schema()
    words = {}
    for name, field in parameters.model_fields.items():
        values = _values(schema["properties"][name], schema)
        text = field.description or name
        if values:
            text += f" ({'one of ' if len(values) > 1 else ''}{_listed(values)})"
        words[name] = text if field.is_required() else f"optional: {text}"
    return words


describe: Callable[[type[RecipeParameters]], Mapping[str, str]] = functools.cache(_described)
"""Each parameter in words, with the values that it may have where they are few, and whether it may be left out."""


def _values(schema: Mapping[str, Any], root: Mapping[str, Any]) -> list[str]:
    if "$ref" in schema:
        return _values(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "const" in schema:
        return [str(schema["const"])]
    if "enum" in schema:
        return [str(one) for one in schema["enum"]]
    return [value for one in schema.get("anyOf", ()) for value in _values(one, root)]


def _listed(values: list[str]) -> str:
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} or {values[-1]}"
