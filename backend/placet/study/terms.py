"""What a study comes to: the parameters of its recipe in full, each institution's role, what each offer must allow.

The same rules as a plan's are asked (`declared_terms`), so a study that passes here is one that nodes agree to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from placet.catalogue.circuit_psi import EMBEDDED, GARBLED, CircuitParameters
from placet.catalogue.declared import declared_terms
from placet.catalogue.spec import CONSUMER, SMALLEST_GROUP, IdentifiedParameters, RecipeParameters, RecipeSpec, Role
from placet.catalogue.specs import spec_of
from placet.core.errors import ConfigError, PlacetError
from placet.core.lawful import Tells
from placet.core.offers import MODELS
from placet.core.plan import Terms
from placet.study.document import REMEDY, Study, StudyColumn, StudyInstitution


@dataclass(frozen=True)
class StudyPart:
    """What one institution does in the study. `columns` are all that the recipe reads of it, without the identifier."""

    key: str
    institution: StudyInstitution
    role: Role
    columns: tuple[str, ...]

    @property
    def personal(self) -> bool:
        """Does each of its rows need its person's consent?"""
        return self.role.persons


@dataclass(frozen=True)
class StudyTerms:
    """A study, and all that follows from it and the catalogue."""

    study: Study
    spec: RecipeSpec[Any]
    engine: str
    parameters: RecipeParameters
    parts: dict[str, StudyPart]

    @property
    def providers(self) -> list[StudyPart]:
        """In the plan's order."""
        return [part for key, part in self.parts.items() if key != CONSUMER]

    @property
    def consumer(self) -> StudyPart:
        return self.parts[CONSUMER]

    @cached_property
    def tells(self) -> Tells:
        """What the job tells at the most."""
        return self.spec.tells(self.parameters)

    def draws(self, part: StudyPart) -> bool:
        """Can a random audit draw rows of this part?"""
        return self.spec.samples(part.role.name, self.parameters) is not None

    @property
    def joins_all(self) -> bool:
        """Do only those rows of the consumer's count that all providers have?"""
        return getattr(self.parameters, "join", "any") == "all"

    @cached_property
    def decimals(self) -> int:
        """How many digits the amounts have that come together."""
        return max((digits for part in self.parts.values() for digits in self._amounts(part).values()), default=0)

    def _amounts(self, part: StudyPart) -> dict[str, int]:
        return dict(self.spec.amounts(part.role.name, self.parameters))

    def scaled(self, part: StudyPart) -> dict[str, int]:
        """By column, with how many decimals the vault keeps it: amounts that come together count one unit."""
        own = {name: column.decimals for name, column in part.institution.columns.items()}
        return own | self._amounts(part)


def terms_of(study: Study) -> StudyTerms:
    """ConfigError `config.study`, with a line for each thing that is not right, where recipe and study do not fit."""
    try:
        spec = spec_of(study.recipe)
        if not issubclass(spec.parameters, IdentifiedParameters):
            raise ConfigError("a study is over rows that an identifier names", found=spec.name, remedy=REMEDY)
        seats = spec.seats(len(study.institutions))
        roles = dict(zip(study.keys, seats, strict=True))
        parameters = _scaled(study, spec, roles, spec.parse(_parameters(study, spec, roles)))
        engine = study.engine or _engine(spec, parameters)
        _demand_terms(spec, parameters, engine, seats)
        if study.pot and spec.pays(parameters, [seat.name for seat in seats]) is None:
            raise ConfigError(
                "the recipe measures no contribution, so nothing says how a pot is divided",
                expected="no pot",
                found=study.pot,
                remedy="fixed rewards: `reward` of each institution",
            )
    except PlacetError as error:
        raise ConfigError(
            error.message,
            expected=error.expected,
            found=error.found,
            remedy=error.remedy or REMEDY,
            code=error.code,
            details=error.details,
        ) from None
    parts = {
        key: StudyPart(key, institution, roles[key], _read(spec, parameters, roles[key], study))
        for key, institution in study.keys.items()
    }
    _demand_columns(parts)
    terms = StudyTerms(study, spec, engine, parameters, parts)
    if study.offers.auditors and not any(map(terms.draws, parts.values())):
        raise ConfigError(
            "a random audit draws no rows of this recipe, so nobody is to be told of its auditors",
            expected="no auditors in [offers]",
            found=", ".join(study.offers.auditors),
            remedy=REMEDY,
            code="config.study",
        )
    if study.offers.data_life is not None and terms.tells.output in MODELS:
        raise ConfigError(
            "a data life is a result's, and a model stays in a vault",
            expected="no data_life in [offers]",
            found=study.offers.data_life,
            remedy=REMEDY,
            code="config.study",
        )
    return terms


def _parameters(study: Study, spec: RecipeSpec[Any], roles: Mapping[str, Role]) -> dict[str, Any]:
    """The study's own parameters, and those that follow from the rest of it. ConfigError for one that is said twice."""
    fields = spec.parameters.model_fields
    follows: dict[str, Any] = {"identifier": study.identifier, "namespace": study.namespace}
    if study.label is not None:
        follows["label"] = study.label
    for name in follows:
        if name in study.parameters:
            raise ConfigError(
                f"{name} is no parameter of its own in a study", expected=f"{name} above all sections", found="both"
            )
    if "smallest_group" in fields:
        follows["smallest_group"] = max(study.offers.smallest_group or 0, SMALLEST_GROUP)
    if "features" in fields:
        follows["features"] = _features(study, roles)
    if "protocol" in fields and fields["protocol"].is_required():
        computing = sum(role.output for role in roles.values()) + ("features" in fields)
        follows["protocol"] = "aby3" if computing > 2 else "cheetah"
    if issubclass(spec.parameters, CircuitParameters) and study.engine == EMBEDDED:
        follows["protocol"] = GARBLED
    return follows | study.parameters


def _scaled(
    study: Study, spec: RecipeSpec[Any], roles: Mapping[str, Role], parameters: RecipeParameters
) -> RecipeParameters:
    """With the most decimals that any of the amounts has which come together, unless the study names a number."""
    digits = [
        institution.columns[name].decimals
        for key, institution in study.keys.items()
        for name, _ in spec.amounts(roles[key].name, parameters)
        if name in institution.columns
    ]
    if "decimals" in study.parameters or not max(digits, default=0):
        return parameters
    scaled: RecipeParameters = spec.parse(parameters.to_json() | {"decimals": max(digits)})
    return scaled


def _features(study: Study, roles: Mapping[str, Role]) -> dict[str, list[dict[str, Any]]]:
    """All columns but the label, that of the split and those that say they are none."""
    split = study.parameters.get("split")
    by = split.get("column") if isinstance(split, dict) else None
    features: dict[str, list[dict[str, Any]]] = {}
    for key, institution in study.keys.items():
        own = [
            _feature(name, column, study.bins)
            for name, column in institution.columns.items()
            if column.feature and not (key == CONSUMER and name in (study.label, by))
        ]
        if own:
            features[roles[key].name] = own
    return features


def _feature(name: str, column: StudyColumn, bins: int) -> dict[str, Any]:
    kind = column.kind or ("category" if "text" in column.type else "number")
    feature = {"column": name, "kind": kind, "bins": column.bins or bins}
    return feature if column.monotone is None else feature | {"monotone": column.monotone}


def _engine(spec: RecipeSpec[Any], parameters: RecipeParameters) -> str:
    """The recipe's first, but where a parameter names an MPC protocol: those run on spu."""
    protocol = getattr(parameters, "protocol", None)
    return "spu" if protocol is not None and "spu" in spec.engines else spec.engines[0]


def _demand_terms(spec: RecipeSpec[Any], parameters: RecipeParameters, engine: str, seats: tuple[Role, ...]) -> None:
    """As a node does before it signs, of parties that have no address yet."""
    terms = Terms(
        recipe=spec.name,
        recipe_version=spec.version,
        engine=engine,
        parameters=parameters.to_json(),
        roles=tuple(seat.name for seat in seats),
        inputs=tuple(seat.alias for seat in seats if seat.alias is not None),
        block=0,
        consumer_key=bytes(32),
        on_withdrawal=spec.on_withdrawal,
    )
    addresses = [bytes([number]) * 20 for number in range(1, len(seats) + 1)]
    declared_terms(terms, addresses, addresses[-1])


def _read(spec: RecipeSpec[Any], parameters: RecipeParameters, role: Role, study: Study) -> tuple[str, ...]:
    columns = dict.fromkeys(spec.reads(role.name, parameters))
    return tuple(name for name in columns if name != study.identifier)


def _demand_columns(parts: Mapping[str, StudyPart]) -> None:
    lacking = [
        f"{part.institution.name}: {name}"
        for part in parts.values()
        for name in part.columns
        if name not in part.institution.columns
    ]
    if lacking:
        first, *others = lacking
        raise ConfigError(
            "the recipe reads a column that the institution does not bring",
            expected="a line in its [institutions.columns]",
            found=first,
            remedy="add the column, or correct its name",
            code="config.study",
            details=others,
        )
