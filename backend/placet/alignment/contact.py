"""Phone numbers and e-mail addresses in one spelling."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

from placet.alignment.text import widen

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

MAX_PHONE = 40
_LOCAL: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.ASCII)
_DOMAIN: Final = re.compile(
    r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII
)  # labels of RFC 1035, the last not all digits


class MailHost(Protocol):
    """What an e-mail provider does with addresses: the first domain stands for the others."""

    @property
    def domains(self) -> tuple[str, ...]: ...

    @property
    def dots(self) -> bool: ...

    @property
    def plus(self) -> bool: ...


def phone(text: str, country: str) -> str:
    """E.164, as +8613800138000; a number without a country code belongs to `country` (ISO 3166-1, two letters).

    By libphonenumber's plan of every country. Taken is what has a possible length: whether a range is in use changes
    with every release, and two parties have two releases. ValueError for anything else, for letters and for extensions,
    behind which is another telephone.
    """
    text = widen(text)
    if len(text) > MAX_PHONE or not all(c in "+()./ " or unicodedata.category(c) in ("Nd", "Pd") for c in text):
        raise ValueError("not a phone number")
    import phonenumbers  # loads for a tenth of a second

    number = _parse(text, country)
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if _parse(written, country) != number:
        raise ValueError("ambiguous")
    return written


def is_numbered(country: str) -> bool:
    """Has this country (ISO 3166-1) telephone numbers?"""
    import phonenumbers

    return country in phonenumbers.SUPPORTED_REGIONS


def numbering_plans() -> str:
    """Which release of the numbering plans is installed."""
    import phonenumbers

    return str(phonenumbers.__version__)


def _parse(text: str, country: str) -> PhoneNumber:
    import phonenumbers

    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        raise ValueError("not a phone number") from None
    if number.extension is not None or not phonenumbers.is_possible_number(number):
        raise ValueError("not a phone number")
    return number


def email(text: str, *, fold_local: bool, providers: Sequence[MailHost] = ()) -> str:
    """local@domain (RFC 5321), the domain in small letters, the local part too where `fold_local`.

    Where one of the `providers` has the domain: without dots or without what follows a plus sign, as it says, at its
    first domain. ValueError for quoted local parts and for addresses beyond ASCII.
    """
    local, at, domain = widen(text).rpartition("@")
    domain = domain.lower()
    if not at or len(domain) > 253 or not _DOMAIN.fullmatch(domain):
        raise ValueError("not an e-mail address")
    if len(local) > 64 or not _LOCAL.fullmatch(local):
        raise ValueError("not an e-mail address")
    if fold_local:
        local = local.lower()
    for provider in providers:
        if domain in provider.domains:
            if provider.plus:
                local = local.partition("+")[0]
            if provider.dots:
                local = local.replace(".", "")
            domain = provider.domains[0]
    if not _LOCAL.fullmatch(local):
        raise ValueError("nothing is left of an address")
    return f"{local}@{domain}"
