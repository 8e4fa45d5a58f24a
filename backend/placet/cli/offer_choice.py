"""Which offers a command means: a provider's by its name or address, or one by its id."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from placet.cli.inputs import read_address, read_offer
from placet.cli.operator import Operator
from placet.cli.output import say
from placet.core.errors import InputError, NotFoundError, PlacetError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from placet.core.trust import Institution
    from placet.owner.drafts import Offered


def is_id(word: str) -> bool:
    """Is it 32 bytes, as an offer's id?"""
    return word.startswith("0x") and len(word) == 66


def offered_by(operator: Operator, word: str) -> list[Offered]:
    """What the institution that a word names offers this one; of an offer's id, that offer."""
    if is_id(word):
        offer = read_offer(word)
        others = [one for one in operator.trust.institutions if one.address != operator.address]
        offered = [one for one in offers_of_all(operator, others, patient=True) if one.id == offer]
    else:
        offered = offers_of_all(operator, [_institution(operator, word)], patient=False)
    return [one for one in offered if one.offer.consumer == operator.address]


def offers_of(operator: Operator, institutions: Sequence[Institution]) -> list[Offered]:
    """What some institutions offer this one of rows. PeerError where one does not answer."""
    offered = offers_of_all(operator, institutions, patient=False)
    return of_rows([one for one in offered if one.offer.consumer == operator.address])


def of_rows(offered: Sequence[Offered]) -> list[Offered]:
    """Offers of rows: a part of a model has no identifier."""
    return [one for one in offered if one.scope.identifier is not None]


def _institution(operator: Operator, word: str) -> Institution:
    if word.startswith("0x"):
        return operator.trust.institution(read_address(word))
    for one in operator.trust.institutions:
        if one.name.casefold() == word.casefold():
            return one
    names = ", ".join(one.name for one in operator.trust.institutions)
    raise NotFoundError("no institution of the trust list has that name", expected=names, found=word[:80])


def offers_of_all(operator: Operator, institutions: Sequence[Institution], *, patient: bool) -> list[Offered]:
    """All offers of some institutions. `patient`: without those that do not answer."""
    from placet.owner.client import OwnerClient

    async def ask() -> list[list[Offered] | BaseException]:
        async with OwnerClient(operator.deployment, operator.trust) as client:
            return await asyncio.gather(*(client.offers(one.api) for one in institutions), return_exceptions=True)

    offers: list[Offered] = []
    for institution, answer in zip(institutions, asyncio.run(ask()), strict=True):
        if isinstance(answer, PlacetError):
            if not patient:
                raise answer
            say(f"{institution.name} was not asked: {answer.message}")
        elif isinstance(answer, BaseException):
            raise answer
        else:
            offers += [one for one in answer if one.scope.provider == institution.address]
    return offers


def one_offer(word: str, offered: Collection[Offered], recipe: str, output: str | None = None) -> Offered:
    """The one for the recipe; of several the one for what the job tells."""
    from placet.core.values import to_hex

    fitting = [one for one in offered if recipe in one.scope.recipes]
    if len(fitting) > 1:
        fitting = [one for one in fitting if one.scope.output == output] or fitting
    if len(fitting) == 1:
        return fitting[0]
    if not offered:
        raise NotFoundError("nothing is offered to this institution by that word", found=word[:80])
    listed = "; ".join(
        f"{to_hex(one.id)} ({one.scope.title}, {one.scope.purpose}, for {', '.join(one.scope.recipes)})"
        for one in fitting or offered
    )
    if not fitting:
        raise InputError(f"none of the offers is for {recipe}", expected=f"an offer for {recipe}", found=listed)
    raise InputError("several offers fit", expected="one", found=listed, remedy="name it: --offers and its id")
