"""Rules of alignment as data: which columns are compared, in which order, and how their values are written first.

A plan holds the rules in the canonical JSON of `Rules.to_json`; every party applies the same. A step record holds
`record(rules)`, which adds the versions of the tables that the rules rest on.
"""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, field_validator, model_validator

from placet.alignment import company, contact, registration, text
from placet.core.values import Value, parse

MAX_KEYS = 8
MAX_RULES = 1 << 16

Column = Annotated[str, Field(min_length=1, max_length=100)]
Domain = Annotated[
    str, Field(max_length=253, pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")
]


class TextKey(Value):
    """Any text: account numbers, names of persons. Blanks are always made alike."""

    kind: Literal["text"] = "text"
    column: Column
    width: Literal["nfkc", "keep"]
    case: Literal["fold", "keep"]

    @model_validator(mode="after")
    def _folding_widens(self) -> TextKey:
        if self.case == "fold" and self.width != "nfkc":
            raise ValueError("width nfkc with case fold: folded text is in form KC")
        return self

    def write(self, value: str) -> str:
        if self.case == "fold":
            return text.fold(value)
        return text.widen(value) if self.width == "nfkc" else value


class PhoneKey(Value):
    """A telephone number as E.164. Numbers without a country's code belong to `country`."""

    kind: Literal["phone"] = "phone"
    column: Column
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")]

    @field_validator("country")
    @classmethod
    def _known(cls, country: str) -> str:
        if not contact.is_numbered(country):
            raise ValueError("a country with telephone numbers, as ISO 3166-1 writes it")
        return country

    def write(self, value: str) -> str:
        return contact.phone(value, self.country)


class MailProvider(Value):
    """What one provider makes of addresses: its domains mean the first; `dots` and `plus` are ignored where true."""

    domains: Annotated[tuple[Domain, ...], Field(min_length=1, max_length=20)]
    dots: bool = False
    plus: bool = False


class EmailKey(Value):
    """An e-mail address. Nothing of a provider is assumed that is not declared."""

    kind: Literal["email"] = "email"
    column: Column
    case: Literal["fold", "domain"]
    providers: Annotated[tuple[MailProvider, ...], Field(max_length=20)] = ()

    @field_validator("providers")
    @classmethod
    def _distinct(cls, providers: tuple[MailProvider, ...]) -> tuple[MailProvider, ...]:
        domains = [domain for provider in providers for domain in provider.domains]
        if len(set(domains)) != len(domains):
            raise ValueError("each domain once")
        return providers

    def write(self, value: str) -> str:
        return contact.email(value, fold_local=self.case == "fold", providers=self.providers)


class CompanyKey(Value):
    """A company's name without the legal forms of these languages (ISO 639-1)."""

    kind: Literal["company"] = "company"
    column: Column
    languages: Annotated[tuple[str, ...], Field(max_length=len(company.LANGUAGES))]

    @field_validator("languages")
    @classmethod
    def _known(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(languages)) != len(languages) or not set(languages) <= set(company.LANGUAGES):
            raise ValueError(f"each once of {', '.join(company.LANGUAGES)}")
        return languages

    def write(self, value: str) -> str:
        return company.company(value, self.languages)


class RegistrationKey(Value):
    """A registration number of a public standard, with its check digits where it has them."""

    kind: Literal["registration"] = "registration"
    column: Column
    scheme: Literal["lei", "uscc", "eu-vat"]

    def write(self, value: str) -> str:
        return registration.SCHEMES[self.scheme](value)


class DigitsKey(Value):
    """A number that names somebody, in so many digits: separators go, zeros that a spreadsheet dropped come back."""

    kind: Literal["digits"] = "digits"
    column: Column
    length: Annotated[int, Field(strict=True, ge=1, le=40)]

    def write(self, value: str) -> str:
        return text.digits(value, self.length)


Key = TextKey | DigitsKey | PhoneKey | EmailKey | CompanyKey | RegistrationKey


class Rules(Value):
    """The keys, the strongest first, and the smallest count that a report shows."""

    type: Literal["placet.alignment"] = "placet.alignment"
    version: Literal[1] = 1
    keys: Annotated[tuple[Annotated[Key, Field(discriminator="kind")], ...], Field(min_length=1, max_length=MAX_KEYS)]
    smallest: Annotated[int, Field(strict=True, ge=2, le=2**31)]

    @field_validator("keys")
    @classmethod
    def _distinct(cls, keys: tuple[Key, ...]) -> tuple[Key, ...]:
        if len({key.model_dump_json() for key in keys}) != len(keys):
            raise ValueError("each key once")
        return keys


def parse_rules(raw: bytes | str | dict[str, Any]) -> Rules:
    """Rules from a plan: the JSON object that `to_json` gives; InputError for anything else."""
    return parse(Rules, raw, limit=MAX_RULES, what="the rules of alignment")


def record(rules: Rules) -> dict[str, JsonValue]:
    """The rules as a step record holds them, with the versions of Unicode and of the numbering plans that were used."""
    return {
        "rules": rules.to_json(),
        "unicode": unicodedata.unidata_version,
        "phonenumbers": contact.numbering_plans(),
    }
