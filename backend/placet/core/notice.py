"""The plain words that an owner reads before signing. Nobody writes them: they follow from the offer and its scope."""

from __future__ import annotations

import datetime
import functools

from placet.core.errors import InputError
from placet.core.languages import ENGLISH, Language, Words, words_of
from placet.core.offers import Names, Offer, Scope, columns_words, output_words, purpose_text
from placet.core.privacy import epsilon_hundredths
from placet.core.purposes import operation_words
from placet.core.times import flaw_of_time

_EPOCH = datetime.date(1970, 1, 1)


def notice(
    offer: Offer,
    scope: Scope,
    names: Names,
    not_before: int,
    not_after: int,
    uses: int,
    language: Language = ENGLISH,
) -> str:
    """The plain words that an owner reads before signing; its SHA-256 stands in the consent."""
    before, after = notice_frame(offer, scope, names, language)
    return f"{before}{window_words(not_before, not_after, uses, language)}{after}"


def notice_frame(offer: Offer, scope: Scope, names: Names, language: Language = ENGLISH) -> tuple[str, str]:
    """What stands before and after the `window_words` in every notice of an offer."""
    words = words_of(language)
    say, consumer, provider = words.say, names(offer.consumer), names(scope.provider)
    output, group = output_words(scope, language), scope.smallest_group
    gets = "notice-output-of-groups" if group > 1 else "notice-output"
    before = (
        say("notice-allow", provider=provider, title=scope.title, consumer=consumer),
        say("notice-data", columns=columns_words(scope, names, language)),
        say("notice-purpose", purpose=purpose_text(scope, language)),
        say(
            "notice-operations",
            operations=operation_words(offer.operations, language),
            recipes=words.list(scope.recipes),
        ),
        say(gets, consumer=consumer, output=output, number=group),
        *_bounds(scope, words),
        *_noise(offer, words),
        *_kept(scope, consumer, words),
        say("notice-parties", parties=words.list(names(party) for party in scope.parties)),
        *_audited(scope, provider, names, words),
        *_differences(scope, provider, consumer, words),
    )
    after = (say("notice-withdrawal"), say("notice-chain"))
    return "".join(f"{line}\n" for line in before), "".join(f"\n{line}" for line in after)


def _bounds(scope: Scope, words: Words) -> tuple[str, ...]:
    """In the order in which canonical JSON has the columns."""
    return tuple(
        words.say("notice-bounds", column=column, low=low, high=high)
        for column, (low, high) in sorted(scope.bounds.items())
    )


def _noise(offer: Offer, words: Words) -> tuple[str, ...]:
    """What the offer's privacy budget means for the owner."""
    if not offer.budget:
        return ()
    whole, rest = divmod(epsilon_hundredths(offer.budget), 100)
    return (words.say("notice-budget", epsilon=f"{whole}.{rest:02}"),)


def _kept(scope: Scope, consumer: str, words: Words) -> tuple[str, ...]:
    """How long the consumer may keep a result."""
    if scope.data_life is None:
        return ()
    sentence = "notice-data-life-of-one" if scope.data_life == 1 else "notice-data-life"
    return (words.say(sentence, consumer=consumer, days=scope.data_life),)


def _audited(scope: Scope, provider: str, names: Names, words: Words) -> tuple[str, ...]:
    """To whom the owner's row may be opened, if it is drawn."""
    if not scope.auditors:
        return ()
    auditors = words.list(names(one) for one in scope.auditors)
    return (words.say("notice-auditors", provider=provider, auditors=auditors),)


def _differences(scope: Scope, provider: str, consumer: str, words: Words) -> tuple[str, ...]:
    """What bounds that results of several computations, compared, tell of who came or went between them."""
    if not scope.personal:
        return ()
    if scope.smallest_change is None:
        return (words.say("notice-differences", consumer=consumer),)
    number = scope.smallest_change
    return (words.say("notice-differences-bounded", consumer=consumer, provider=provider, number=number),)


def window_words(not_before: int, not_after: int, uses: int, language: Language = ENGLISH) -> str:
    """The one line of a notice that differs between consents to an offer."""
    before, after = window_until(not_after, uses, language)
    return before + when(not_before) + after


@functools.lru_cache(maxsize=4096)
def window_until(not_after: int, uses: int, language: Language) -> tuple[str, str]:
    """The line before and behind the time at which it begins: many of a million consents have these, each from a time
    of its own."""
    sentence = "notice-window-of-one" if uses == 1 else "notice-window"
    before, after = words_of(language).say(sentence, begin="%s", end=when(not_after), uses=uses).split("%s")
    return before, after


def when(timestamp: int) -> str:
    """A time in Unix seconds, as notices say it. InputError beyond the calendar."""
    day, second = divmod(timestamp, 86_400)
    return f"{_date(day)} {_MINUTES[second // 60]}:{_SECONDS[second % 60]} UTC"


_SECONDS = [f"{number:02}" for number in range(60)]
_MINUTES = [f"{hour:02}:{minute}" for hour in range(24) for minute in _SECONDS]


@functools.lru_cache(maxsize=4096)
def _date(day: int) -> str:
    """The date so many days after 1 January 1970."""
    flaw = flaw_of_time(86_400 * day)
    if flaw is not None:
        raise InputError("a time out of range", expected="Unix seconds up to the year 9999", found=flaw)
    return (_EPOCH + datetime.timedelta(day)).isoformat()
