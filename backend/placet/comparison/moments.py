"""Dates and times of day as contracts write them."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_MONTH: Final = "|".join(
    rf"{month.capitalize()}|{month.upper()}|{month[:3].capitalize()}\b\.?|{month[:3].upper()}\b\.?" for month in _MONTHS
)
_NAMED: Final = rf"(?P<month>{_MONTH}|Sept\.?)"
_DAY: Final = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR: Final = r"(?P<year>\d{4}|'\d{2}(?!\d))"
_QUARTERS: Final = ("first", "second", "third", "fourth")
_WEEKDAY: Final = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?"
_DATES: Final = (
    rf"\b{_DAY}(?: day)?(?: of)?,? {_NAMED},? {_YEAR}\b",
    rf"\b{_DAY}[-/ ]{_NAMED}[-/ ](?P<year>\d{{4}}|\d{{2}})\b",
    rf"\b{_NAMED} {_DAY},? {_YEAR}\b",
    r"(?<![\w./-])\d{4}([-/.])\d{1,2}\1\d{1,2}(?![\w/-]|\.\d)",
    r"(?<![\w./-])\d{1,2}([./-])\d{1,2}\1(?:\d{4}|\d{2})(?![\w/-]|\.\d)",
    r"(?<![\w./-])\d{1,2} ?([./-]) ?\d{1,2} ?\1 ?(?:19|20)\d{2}(?![\w/-]|\.\d)",
    rf"\b{_NAMED},? (?:of )?{_YEAR}\b",
    rf"\b(?:Q(?P<quarter>[1-4])|(?P<nth>{'|'.join(_QUARTERS)}) quarter)(?:,? (?:of )?(?:(?:FY|fiscal year|the year) ?)?"
    rf"(?P<year>\d{{4}}))?\b",
    r"\b(?:FY ?|fiscal (?:year )?|financial year |calendar year |the year )(?P<year>\d{4}(?:/\d{2,4})?)\b",
    r"(?<![\w./-])(?:0?[1-9]|1[0-2])/(?:19|20)\d{2}(?![\w/-]|\.\d)",
    rf"\b(?P<weekday>{_WEEKDAY})\b",
    rf"\b{_DAY}(?: day)?(?: of)? (?!MAY){_NAMED}(?!\w)",
    rf"\b(?!MAY){_NAMED} {_DAY}\b(?![.,]?\d)",
    r"(?:(?<=\b(?:of|in|by) )|(?<=\b(?:from|each|till|late) )|(?<=\b(?:until|since|every|after|early) )|(?<=\bmid-)|"
    rf"(?<=\bbefore )){_NAMED}(?!\w)",
)
DATES: Final = tuple(re.compile(pattern) for pattern in _DATES)
DAY_FIRST: Final = re.compile(rf"\d{{1,2}}\.? {_NAMED}(?!\w)")
"""A text that begins with a day, `1 January 2026`, and not with a number and a title."""
_ZONE: Final = (
    r"(?:,?\s\(?(?P<zone>GMT|UTC|BST|CET|CEST|EST|EDT|ET|CST|CT|MST|PST|PDT|PT|HKT|SGT|JST|IST|"
    r"(?:[A-Z][a-z]+ ){1,3}[Tt]ime)\)?)?"
)
TIME: Final = re.compile(
    r"(?<![\d.,:])(?:(?P<word>\b(?:12(?::00)? )?(?:noon|midnight)\b|\b(?:close|end|opening) of (?:business|trading)\b)|"
    r"(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{2}))?\s?(?P<half>[AaPp])\.?[Mm]\b\.?|"
    r"(?P<hour24>[01]?\d|2[0-4]):(?P<minute24>[0-5]\d)(?::[0-5]\d)?(?:\s?(?:hours|hrs|h)\b)?(?![\d:])|"
    r"(?P<clock>\d{1,2}) o'clock)" + _ZONE
)


def date_value(match: re.Match[str]) -> str:
    """ISO 8601 where the date is certain; numbers of days and months in unclear order stay as they stand."""
    groups = match.groupdict()
    if groups.get("weekday"):
        return match.group().lower().removesuffix("s")
    if "quarter" in groups:
        nth = groups["quarter"] or _QUARTERS.index(groups["nth"]) + 1
        return f"{groups['year'] or ''}-Q{nth}"
    if not groups.get("month"):
        return groups.get("year") or _numeric(match.group())
    month = next(n for n, name in enumerate(_MONTHS, 1) if name.startswith(groups["month"][:3].lower()))
    day, year = groups.get("day"), (groups.get("year") or "").lstrip("'")
    if day and year:
        return _iso(int(year) + (2000 if len(year) == 2 else 0), month, int(day)) or match.group()
    if day or year:
        return f"{year}-{month:02}" if year else f"--{month:02}-{int(day or 0):02}"
    return f"--{month:02}"


def _iso(year: int, month: int, day: int) -> str | None:
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None


def _numeric(text: str) -> str:
    parts = [int(part) for part in re.split(r"[./-]", text)]
    if len(parts) == 2:
        return f"{parts[1]}-{parts[0]:02}"
    one, two, three = parts
    if one > 999:
        return _iso(one, two, three) or text
    year = three + (2000 if three < 100 else 0)
    if one > 12 >= two or one == two:
        return _iso(year, two, one) or text
    if two > 12 >= one:
        return _iso(year, one, two) or text
    return f"{one:02}/{two:02}/{year}"


def time_value(match: re.Match[str]) -> str:
    """`17:00`, with the time zone where it is said."""
    zone = f" {match['zone'].lower()}" if match["zone"] else ""
    if match["word"]:
        word = match["word"].lower().rpartition("12 ")[2].rpartition("12:00 ")[2]
        return {"noon": "12:00", "midnight": "00:00"}.get(word, word) + zone
    if match["half"]:
        hour = int(match["hour"]) % 12 + (12 if match["half"] in "Pp" else 0)
        return f"{hour:02}:{match['minute'] or '00'}{zone}"
    return f"{int(match['hour24'] or match['clock']):02}:{match['minute24'] or '00'}{zone}"
