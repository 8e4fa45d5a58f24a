"""Who had withdrawn when: the chain's lists of ended consents, and the epochs that follow from them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from functools import cached_property

from placet.audit.facts import ChainFacts, Moment, Withdrawn
from placet.core.ids import ConsentId, OfferId
from placet.core.withdrawal import FIRST_EPOCH, withdrawal_head


class Withdrawals:
    """Of all offers that the facts speak of."""

    def __init__(self, facts: ChainFacts) -> None:
        self._facts = facts

    @cached_property
    def by_offer(self) -> dict[OfferId, dict[ConsentId, Withdrawn]]:
        """Offer id to consent id to its entry in the offer's withdrawal list."""
        lists: dict[OfferId, dict[ConsentId, Withdrawn]] = defaultdict(dict)
        for entry in self._facts.withdrawn:
            lists[entry.offer][entry.consent] = entry
        return lists

    def before(self, offer: OfferId, consent: ConsentId, moment: Moment) -> Withdrawn | None:
        """The withdrawal of a consent, if it came before `moment`."""
        entry = self.by_offer.get(offer, {}).get(consent)
        return entry if entry is not None and entry.at.order < moment.order else None

    @cached_property
    def epochs(self) -> dict[OfferId, list[tuple[tuple[int, int], bytes]]]:
        """Offer id to each moment at which its epoch changed, and the epoch from there on."""
        changes: dict[OfferId, list[tuple[tuple[int, int], bytes]]] = defaultdict(list)
        proven = [(w.proven.order, w) for w in self._facts.withdrawn if w.proven is not None]
        for order, entry in sorted(proven, key=lambda one: one[0]):
            before = changes[entry.offer][-1][1] if changes[entry.offer] else FIRST_EPOCH
            changes[entry.offer].append((order, withdrawal_head(before, entry.consent)))
        return changes

    def epoch_at(self, offer: OfferId, moment: Moment) -> bytes:
        """An offer's epoch just before `moment`: the head of the list of ends that had been proven."""
        changes = self.epochs.get(offer, [])
        count = bisect_left(changes, moment.order, key=lambda change: change[0])
        return changes[count - 1][1] if count else FIRST_EPOCH

    def epoch_after(self, offer: OfferId, moment: Moment | None = None) -> bytes:
        """An offer's epoch just after `moment`, or at last."""
        changes = self.epochs.get(offer, [])
        count = len(changes) if moment is None else bisect_right(changes, moment.order, key=lambda change: change[0])
        return changes[count - 1][1] if count else FIRST_EPOCH
