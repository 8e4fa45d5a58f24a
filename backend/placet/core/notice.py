"""The plain words that an owner reads before signing. Nobody writes them: they follow from the offer and its scope."""

from __future__ import annotations

import datetime
import functools

from placet.core.errors import InputError
from placet.core.offers import Names, Offer, Scope, change_words, columns_words, output_words
from placet.core.purposes import PURPOSES, operation_words
from placet.core.times import flaw_of_time

_EPOCH = datetime.date(1970, 1, 1)


def notice(offer: Offer, scope: Scope, names: Names, not_before: int, not_after: int, uses: int) -> str:
    """The plain words that an owner reads before signing; its SHA-256 stands in the consent."""
    before, after = notice_frame(offer, scope, names)
    return f"{before}{window_words(not_before, not_after, uses)}{after}"


def notice_frame(offer: Offer, scope: Scope, names: Names) -> tuple[str, str]:
    """What stands before and after the `window_words` in every notice of an offer."""
    consumer = names(offer.consumer)
    others = ", ".join(names(p) for p in scope.parties)
    before = (
        f"You allow {names(scope.provider)} to let your data in “{scope.title}” be used for {consumer}.",
        f"Which data: {columns_words(scope, names)}.",
        f"What for: {PURPOSES[scope.purpose]} ({scope.purpose}).",
        f"How: {operation_words(offer.operations)}; recipe {', '.join(scope.recipes)}.",
        f"What {consumer} gets: {output_words(scope)}"
        + (f", never for fewer than {scope.smallest_group} people together." if scope.smallest_group > 1 else "."),
        f"Institutions that take part: {others}.",
        *_differences(scope, names(scope.provider), consumer),
    )
    after = (
        "You can withdraw at any time. A computation that has already been sealed is not undone by it.",
        "On the public chain this consent is a number that leads back to nobody.",
    )
    return "".join(f"{line}\n" for line in before), "".join(f"\n{line}" for line in after)


def _differences(scope: Scope, provider: str, consumer: str) -> tuple[str, ...]:
    """What bounds that results of several computations, compared, tell of who came or went between them."""
    if not scope.personal:
        return ()
    risk = f"{consumer} can compare the results of several computations."
    if scope.smallest_change is None:
        return (f"{risk} Only the times below, and the data's budget where it has one, bound what that tells of you.",)
    promise = f"{provider} ends one in which {change_words(scope.smallest_change)} than in an earlier one"
    return (f"{risk} {promise}; of those before it first offered that for {consumer}, it keeps nothing to compare.",)


def window_words(not_before: int, not_after: int, uses: int) -> str:
    """The one line of a notice that differs between consents to an offer."""
    return f"From {_when(not_before)} until {_when(not_after)}, at most {uses} time{'s' if uses != 1 else ''}."


def _when(timestamp: int) -> str:
    day, second = divmod(timestamp, 86_400)
    minute, second = divmod(second, 60)
    return f"{_date(day)} {minute // 60:02}:{minute % 60:02}:{second:02} UTC"


@functools.lru_cache(maxsize=4096)
def _date(day: int) -> str:
    """The date so many days after 1 January 1970."""
    flaw = flaw_of_time(86_400 * day)
    if flaw is not None:
        raise InputError("a time out of range", expected="Unix seconds up to the year 9999", found=flaw)
    return (_EPOCH + datetime.timedelta(day)).isoformat()
