"""Amounts of money: a currency, as a sign, a code or in words, and a number."""

from __future__ import annotations

import re
from typing import Final

from placet.comparison.numerals import SPACED, number, value

_CODES: Final = (
    "USD", "EUR", "GBP", "JPY", "CHF", "CNY", "RMB", "CAD", "AUD", "NZD", "HKD", "SGD", "INR", "SEK", "NOK", "DKK",
    "PLN", "CZK", "HUF", "BRL", "MXN", "ZAR", "KRW", "TRY", "AED", "SAR", "ILS", "THB", "RUB", "UAH", "IDR", "MYR",
    "PHP", "VND", "TWD", "COP", "CLP", "ARS", "PEN", "NGN", "KES", "EGP", "QAR", "KWD", "BHD", "OMR", "PKR", "LKR",
    "RON", "BGN", "ISK", "MAD", "BTC", "ETH", "USDC", "USDT",
)  # fmt: skip
_SIGNS: Final = {
    "us$": "USD", "us $": "USD", "usd$": "USD", "u.s.$": "USD", "u.s. $": "USD", "a$": "AUD", "au$": "AUD", "c$": "CAD",
    "ca$": "CAD", "cad$": "CAD", "hk$": "HKD", "s$": "SGD", "nz$": "NZD", "nt$": "TWD", "r$": "BRL", "$": "$",
    "€": "EUR", "£": "GBP", "¥": "¥", "₹": "INR", "₩": "KRW", "₽": "RUB", "₺": "TRY", "₪": "ILS", "฿": "THB",
    "rs.": "INR", "rs": "INR", "sfr.": "CHF", "fr.": "CHF", "kr.": "kr", "kr": "kr", "zł": "PLN",
}  # fmt: skip
_NAMES: Final = {
    r"(?:us|u\.s\.|united states|american) dollar": "USD", "canadian dollar": "CAD", "australian dollar": "AUD",
    "hong kong dollar": "HKD", "singapore dollar": "SGD", "new zealand dollar": "NZD", "dollar": "$", "euro": "EUR",
    "(?:british )?pounds? sterling": "GBP", "british pound": "GBP", "pound": "GBP", "swiss franc": "CHF",
    "franc": "franc", "(?:japanese )?yen": "JPY", "renminbi": "CNY", "yuan": "CNY", "(?:indian )?rupee": "INR",
    "cent": "cent", "pence": "penny", "penny": "penny", "swedish kron(?:a|or)": "SEK", "norwegian krone[rn]?": "NOK",
    "danish krone[rn]?": "DKK", "rand": "ZAR", "peso": "peso", "dirham": "AED", "zloty": "PLN", "shekel": "ILS",
}  # fmt: skip
_CODE: Final = rf"(?-i:{'|'.join(sorted(_CODES, key=len, reverse=True))})"
_SIGN: Final = "|".join(
    f"{'(?<![a-z])' if sign[0].isalpha() else ''}{re.escape(sign)}" for sign in sorted(_SIGNS, key=len, reverse=True)
)
_NAME: Final = rf"(?:{'|'.join(_NAMES)})s?"
_BEFORE: Final = rf"(?:{_SIGN}|\b(?:{_CODE}|{_NAME}))"
_N: Final = number("n", SPACED)
_MINUS: Final = r"(?P<minus>(?<![\w.,)/-])-\s?(?=[^\s\d])|\bminus\s)?"
"""Before a currency; before a number alone it may be a dash."""
_TO: Final = rf"(?:(?:\s?-\s?|\sto\s)(?:{_BEFORE})?\s?{number('m', SPACED)})?"

AMOUNTS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_MINUS}(?P<currency>{_BEFORE})\s?(?:of\s)?{_N}{_TO}",
        rf"{_N}\s?(?:of\s)?(?P<currency>\b(?:{_CODE})\b|\b{_NAME}\b|[€£]|(?<=\d\s)kr\b)",
    )
)
CURRENCY: Final = re.compile(
    rf"\b(?P<currency>{_CODE}|(?-i:(?:U\.?S\.? |United States |Canadian |Australian |Hong Kong |Singapore )?[Dd]ollars|"
    r"[Ee]uros?|(?:British )?[Pp]ounds? [Ss]terling|[Ss]wiss [Ff]rancs|[Yy]en|[Rr]enminbi))\b"
)
"""A currency without a number, as in `all fees are in U.S. Dollars`."""


def amount_value(match: re.Match[str]) -> str:
    """`USD 1500000`; a range as `USD 10-20`."""
    name = f"{currency(match['currency'])}{' -' if match.groupdict().get('minus') else ''}"
    second = match.groupdict()
    if second.get("m_words") or second.get("m_digits") or second.get("m_part"):
        return f"{name} {value(match, 'n')}-{value(match, 'm')}"
    return f"{name} {value(match, 'n')}"


def currency_value(match: re.Match[str]) -> str:
    return currency(match["currency"])


def currency(written: str) -> str:
    """The ISO 4217 code where the currency is certain; `$` alone stays what it is."""
    plain = " ".join(written.lower().split())
    if plain in _SIGNS:
        return _SIGNS[plain]
    named = next((code for name, code in _NAMES.items() if re.fullmatch(rf"{name}s?", plain)), None)
    return named or plain.upper()
