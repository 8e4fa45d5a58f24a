"""Messages that were told twice, or not at all."""

from __future__ import annotations

from typing import Any

from simulator import Simulation, Telling, h

from malicious.lies import A, B, D, malicious, other
from malicious.trails import Steps
from placet.audit.bundle import Bundle
from placet.core.trail import SignedMessage
from placet.core.verified_sums import CHALLENGE, COMMIT, SHARE_OUT, WEIGHTED


class Mail(Simulation):
    """The share from party 0 to party 1, the last that it sends there, goes another way."""

    verifies = False

    def deliver(self, held: SignedMessage) -> None:
        message = held.message
        if (message.tag, message.sender, message.receiver) == ("sum.share", 0, 1):
            self.share(held)
        else:
            super().deliver(held)

    def share(self, held: SignedMessage) -> None:
        raise NotImplementedError


@malicious("exchange.signed", A)
def an_acknowledgement_of_the_senders_making() -> Bundle:
    class Forges(Mail):
        def share(self, held: SignedMessage) -> None:
            self.sent[0].append(held.model_copy(update={"acknowledgement": other(held.acknowledgement)}))
            self.received[1].append(held)

    return Forges().bundle()


@malicious("exchange.sequence", A, B)
def a_gap_in_the_numbers() -> Bundle:
    class Gap(Simulation):
        verifies = False

        def make_message(self, fields: dict[str, Any]) -> Any:
            if (fields["tag"], fields["sender"], fields["receiver"]) == ("sum.share", 0, 1):
                fields = fields | {"sequence": fields["sequence"] + 1}
            return super().make_message(fields)

    return Gap().bundle()


@malicious("exchange.one-story", A)
def two_stories_of_one_message() -> Bundle:
    class Twice(Mail):
        def share(self, held: SignedMessage) -> None:
            self.received[1].append(held)
            self.mine = held.message.model_copy(update={"digest": h("another share")})
            self.mine = type(self.mine).model_validate(self.mine.model_dump())
            signature = self.recorders[0].sign(self.deployment.jobs.digest(self.mine.hash))
            self.sent[0].append(SignedMessage(message=self.mine, signature=signature))

        def make_step(self, fields: dict[str, Any]) -> Any:
            if fields["party"] == 0 and fields["name"] == "sum-shares":
                to_1, *others = fields["sent"]
                fields = fields | {"sent": (to_1.model_copy(update={"digest": self.mine.digest}), *others)}
            return super().make_step(fields)

    return Twice().bundle()


class Hides(Mail):
    """`who` leaves the message out of its evidence and out of its step."""

    who = 0
    acknowledged = True

    def share(self, held: SignedMessage) -> None:
        if not self.acknowledged:
            held = held.model_copy(update={"acknowledgement": b""})
        if self.who != 0:
            self.sent[0].append(held)
        if self.who != 1:
            self.received[1].append(held)

    def make_step(self, fields: dict[str, Any]) -> Any:
        side, peer = ("sent", 1) if self.who == 0 else ("received", 0)
        if fields["party"] == self.who and fields["name"] == "sum-shares":
            fields = fields | {side: tuple(e for e in fields[side] if e.peer != peer)}
        return super().make_step(fields)


@malicious("exchange.both-ends", A)
def a_sender_that_hides_what_it_signed() -> Bundle:
    return Hides().bundle()


@malicious("exchange.both-ends", B)
def a_receiver_that_hides_what_it_acknowledged() -> Bundle:
    class Receiver(Hides):
        who = 1

    return Receiver().bundle()


@malicious("exchange.in-steps", B)
def a_message_that_no_step_tells_of() -> Bundle:
    class Untold(Steps):
        name = "sum-shares"

        def differently(self, fields: dict[str, Any]) -> dict[str, Any]:
            return fields | {"sent": fields["sent"][1:]}

    return Untold().bundle()


@malicious("exchange.in-steps", B)
def a_step_that_tells_of_a_message_that_never_was() -> Bundle:
    class Invents(Steps):
        name = "sum-shares"

        def differently(self, fields: dict[str, Any]) -> dict[str, Any]:
            first = fields["sent"][0]
            return fields | {"sent": (*fields["sent"], first.model_copy(update={"sequence": 9}))}

    return Invents().bundle()


@malicious("flow.verified-sums", B)
def commitments_other_than_the_step_says() -> Bundle:
    class Other(Steps):
        name = COMMIT

        def differently(self, fields: dict[str, Any]) -> dict[str, Any]:
            (made,) = fields["outputs"]
            self.other = made.model_copy(update={"commitment": h("other commitments")})
            return fields | {"outputs": (self.other,)}

        def make_step(self, fields: dict[str, Any]) -> Any:
            if fields["party"] == 1 and fields["name"] == SHARE_OUT:
                fields = fields | {"inputs": (self.other,)}
            return super().make_step(fields)

    return Other().bundle()


@malicious("flow.verified-sums", B)
def shares_told_to_two_in_two_ways() -> Bundle:
    return Telling(1, WEIGHTED).bundle()


@malicious("flow.verified-sums", D)
def a_challenge_for_each() -> Bundle:
    return Telling(3, CHALLENGE).bundle()
