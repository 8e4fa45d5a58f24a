"""What the consent registry means, in plain Python: no storage layout, no hashes, no gas.

An action that is not allowed raises `Refused` with the name of the contract's error. `now` is the block's time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from placet.core.consent import Reason, Status


class Refused(Exception):  # noqa: N818
    """The action does not happen, and nothing changes."""

    def __init__(self, name: str, reason: Reason | None = None) -> None:
        super().__init__(name, reason)
        self.name, self.reason = name, reason


class Sender(Enum):
    PROVIDER = 0
    RELAY = 1
    STRANGER = 2


@dataclass(frozen=True)
class Terms:
    """What a consent says. `number` tells two with the same terms apart."""

    number: int
    owner: int
    offer: int
    not_before: int
    not_after: int
    first_opening: int
    uses: int


@dataclass
class State:
    """What became of a consent. `proven`: the provider has acknowledged it."""

    status: Status = Status.NONE
    proven: bool = False

    @property
    def ended(self) -> bool:
        return self.status in (Status.WITHDRAWN, Status.REVOKED)


Epoch = tuple[Terms, ...]
"""An offer's ended consents that the provider had acknowledged, in the order in which that became known."""

NOBODY = Terms(0, 0, 0, 0, 0, 0, 0)


def another(epoch: Epoch) -> Epoch:
    """Not this list: two of the same ends swapped, where there are two; else one end more."""
    return (epoch[1], epoch[0], *epoch[2:]) if len(epoch) > 1 else (*epoch, NOBODY)


@dataclass
class Offer:
    """`unproven`: the consents that nobody had acknowledged when they ended."""

    consumer: int
    purpose: int
    operations: int
    epoch: Epoch = ()
    openings: int = 0
    unproven: list[Terms] = field(default_factory=list)
    batches: list[frozenset[Terms]] = field(default_factory=list)


@dataclass(frozen=True)
class Input:
    """An offer used by a job: with a named consent, or with a lawful set (`consent` is None)."""

    offer: int
    consent: Terms | None
    epoch: Epoch
    opens_before: int


class Registry:
    def __init__(self, offers: Sequence[Offer]) -> None:
        self.offers = list(offers)
        self.consents: dict[Terms, State] = {}
        self.relay_appointed = False

    def state(self, consent: Terms) -> State:
        return self.consents.setdefault(consent, State())

    def acts_for_provider(self, sender: Sender) -> bool:
        return sender is Sender.PROVIDER or (sender is Sender.RELAY and self.relay_appointed)

    def grant(self, consent: Terms, sender: Sender, signed: bool, now: int) -> None:
        """Given once, ever; by anybody who has the owner's signature."""
        state = self.state(consent)
        if state.status != Status.NONE:
            raise Refused("ConsentExists")
        if consent.not_before > consent.not_after:
            raise Refused("TimesOutOfOrder")
        if consent.not_after < now:
            raise Refused("AlreadyExpired")
        if consent.uses == 0:
            raise Refused("NoUses")
        if not signed:
            raise Refused("InvalidSignature")
        state.status = Status.GIVEN
        state.proven = self.acts_for_provider(sender)

    def anchor(self, offer: int, leaves: frozenset[Terms], sender: Sender) -> None:
        if not self.acts_for_provider(sender):
            raise Refused("NotProviderOrRelay")
        if leaves in self.offers[offer].batches:
            raise Refused("BatchExists")
        self.offers[offer].batches.append(leaves)

    def withdraw(self, consent: Terms, signed: bool, batch: frozenset[Terms] | None) -> None:
        """Whatever happened before, unless it has ended; with a batch it proves what ended without one."""
        if self._only_proves(consent, batch):
            return
        if not signed:
            raise Refused("InvalidSignature")
        self._end(consent, Status.WITHDRAWN, proven=batch is not None)

    def revoke(self, consent: Terms, sender: Sender, batch: frozenset[Terms] | None) -> None:
        """The provider's own act, so that a given consent counts as acknowledged."""
        if self._only_proves(consent, batch):
            return
        if not self.acts_for_provider(sender):
            raise Refused("NotProviderOrRelay")
        given = self.state(consent).status == Status.GIVEN
        self._end(consent, Status.REVOKED, proven=batch is not None or given)

    def prove(self, consent: Terms, offer: int, batch: frozenset[Terms]) -> None:
        self._demand_in_batch(consent, offer, batch)
        state = self.state(consent)
        if not state.ended:
            raise Refused("ConsentNotEnded")
        if consent.offer != offer:
            raise Refused("NotInBatch")
        if state.proven:
            raise Refused("AlreadyProven")
        state.proven = True
        self.offers[offer].epoch += (consent,)

    def open(
        self, inputs: Sequence[Input], consumer: int, purpose: int, operations: int, now: int, until: int
    ) -> list[int]:
        """One opening of every offer, or none of any."""
        for used in inputs:
            offer = self.offers[used.offer]
            reason = self._judge_use(offer, consumer, purpose, operations)
            if reason != Reason.OK:
                raise Refused("OfferRefused", reason)
            if used.epoch != offer.epoch:
                raise Refused("EpochChanged")
            if offer.openings >= used.opens_before:
                raise Refused("OpeningsExhausted")
            if used.consent is not None:
                reason = self._judge_consent(used.consent, used.offer, now, until, offer.openings)
                if reason != Reason.OK:
                    raise Refused("ConsentRefused", reason)
        openings = [self.offers[used.offer].openings for used in inputs]
        for used in inputs:
            self.offers[used.offer].openings += 1
        return openings

    def check(
        self,
        consent: Terms,
        offer: int,
        consumer: int,
        purpose: int,
        operations: int,
        start: int,
        until: int,
        opening: int,
    ) -> Reason:
        """May it be used over all of [start, until] at that opening? The first reason why not."""
        reason = self._judge_consent(consent, offer, start, until, opening)
        return reason if reason != Reason.OK else self._judge_use(self.offers[offer], consumer, purpose, operations)

    def demand_live(self, inputs: Sequence[Input], epochs: Sequence[Epoch]) -> None:
        """What is proven to have ended is what these epochs say, and no named consent at all."""
        ended = {Status.WITHDRAWN: Reason.WITHDRAWN, Status.REVOKED: Reason.REVOKED}
        for used, epoch in zip(inputs, epochs, strict=True):
            if self.offers[used.offer].epoch != epoch:
                raise Refused("EpochChanged")
            if used.consent is not None and self.state(used.consent).ended:
                raise Refused("ConsentRefused", ended[self.state(used.consent).status])

    def _only_proves(self, consent: Terms, batch: frozenset[Terms] | None) -> bool:
        if batch is not None:
            self._demand_in_batch(consent, consent.offer, batch)
        if not self.state(consent).ended:
            return False
        if batch is None:
            raise Refused("ConsentEnded")
        self.prove(consent, consent.offer, batch)
        return True

    def _demand_in_batch(self, consent: Terms, offer: int, batch: frozenset[Terms]) -> None:
        if batch not in self.offers[offer].batches or consent not in batch:
            raise Refused("NotInBatch")

    def _end(self, consent: Terms, how: Status, *, proven: bool) -> None:
        state, offer = self.state(consent), self.offers[consent.offer]
        state.status, state.proven = how, proven or state.proven
        if state.proven:
            offer.epoch += (consent,)
        else:
            offer.unproven.append(consent)

    def _judge_consent(self, consent: Terms, offer: int, start: int, until: int, opening: int) -> Reason:
        by_status = {
            Status.NONE: Reason.UNKNOWN_CONSENT,
            Status.WITHDRAWN: Reason.WITHDRAWN,
            Status.REVOKED: Reason.REVOKED,
        }
        status = self.state(consent).status
        if status in by_status:
            return by_status[status]
        if min(start, until) < consent.not_before:
            return Reason.NOT_YET_VALID
        if max(start, until) > consent.not_after:
            return Reason.EXPIRED
        if opening < consent.first_opening:
            return Reason.NOT_YET_OPEN
        if opening >= consent.first_opening + consent.uses:
            return Reason.EXHAUSTED
        return Reason.OK if consent.offer == offer else Reason.WRONG_OFFER

    @staticmethod
    def _judge_use(offer: Offer, consumer: int, purpose: int, operations: int) -> Reason:
        if consumer != offer.consumer:
            return Reason.WRONG_CONSUMER
        if purpose != offer.purpose:
            return Reason.WRONG_PURPOSE
        return Reason.OK if operations and operations | offer.operations == offer.operations else Reason.WRONG_OPERATION
