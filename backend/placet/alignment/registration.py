"""Registration numbers whose form is a public standard: written in one way, wrong ones found."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from placet.alignment.text import widen

USCC_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC: Final = re.compile(f"[{USCC_ALPHABET}]{{2}}[0-9]{{6}}[{USCC_ALPHABET}]{{10}}", re.ASCII)
_LEI: Final = re.compile(r"[0-9A-Z]{18}[0-9]{2}", re.ASCII)
_VAT: Final = {
    "AT": r"U[0-9]{8}",
    "BE": r"[01][0-9]{9}",
    "BG": r"[0-9]{9,10}",
    "CY": r"[0-9]{8}[A-Z]",
    "CZ": r"[0-9]{8,10}",
    "DE": r"[0-9]{9}",
    "DK": r"[0-9]{8}",
    "EE": r"[0-9]{9}",
    "EL": r"[0-9]{9}",
    "ES": r"[0-9A-Z][0-9]{7}[0-9A-Z]",
    "FI": r"[0-9]{8}",
    "FR": r"[0-9A-HJ-NP-Z]{2}[0-9]{9}",
    "HR": r"[0-9]{11}",
    "HU": r"[0-9]{8}",
    "IE": r"[0-9][0-9A-Z+*][0-9]{5}[A-Z]{1,2}",
    "IT": r"[0-9]{11}",
    "LT": r"([0-9]{9}|[0-9]{12})",
    "LU": r"[0-9]{8}",
    "LV": r"[0-9]{11}",
    "MT": r"[0-9]{8}",
    "NL": r"[0-9]{9}B[0-9]{2}",
    "PL": r"[0-9]{10}",
    "PT": r"[0-9]{9}",
    "RO": r"[0-9]{2,10}",
    "SE": r"[0-9]{12}",
    "SI": r"[0-9]{8}",
    "SK": r"[0-9]{10}",
    "XI": r"([0-9]{9}|[0-9]{12}|GD[0-9]{3}|HA[0-9]{3})",
}
"""What follows the country's two letters (EL is Greece, XI Northern Ireland), by the Commission's VIES."""


def lei(text: str) -> str:
    """A legal entity identifier: 20 characters, the last two of which make it 1 modulo 97 (ISO 17442, ISO 7064)."""
    number = _compact(text)
    if not _LEI.fullmatch(number) or int("".join(str(int(c, 36)) for c in number)) % 97 != 1:
        raise ValueError("not a legal entity identifier")
    return number


def uscc(text: str) -> str:
    """A Chinese unified social credit code: 18 characters, the last a check modulo 31 (GB 32100-2015)."""
    number = _compact(text)
    if not _USCC.fullmatch(number):
        raise ValueError("not a unified social credit code")
    digits = [USCC_ALPHABET.index(c) for c in number]
    if (sum(digit * pow(3, place, 31) for place, digit in enumerate(digits[:17])) + digits[17]) % 31:
        raise ValueError("not a unified social credit code")
    return number


def vat(text: str) -> str:
    """A VAT number of the European Union with its country's letters: the form only, no check digits."""
    number = _compact(text)
    country = "EL" if number[:2] == "GR" else number[:2]
    if country not in _VAT or not re.fullmatch(_VAT[country], number[2:], re.ASCII):
        raise ValueError("not a VAT number")
    return country + number[2:]


SCHEMES: Final[dict[str, Callable[[str], str]]] = {"lei": lei, "uscc": uscc, "eu-vat": vat}


def _compact(text: str) -> str:
    """Capital letters and digits, without the blanks and marks that people put between them."""
    return re.sub(r"[ ./_-]", "", widen(text)).upper()
