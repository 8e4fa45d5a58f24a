"""Who takes part in the histories of jobs, and what the model's numbers are on chain."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from enum import IntEnum

from model import jobs as model
from model.reference import Epoch, Terms
from placet.chain.local import dev_account
from placet.core import consent, withdrawal
from placet.core.hashing import keccak
from placet.core.offers import Offer
from placet.core.plan import Input, Party, Plan
from placet.core.signatures import Key
from placet.core.values import ZERO20, ZERO32


class Who(IntEnum):
    """Accounts. The first two provide a dataset each."""

    NORTH, SOUTH, CONSUMER, SPONSOR, STRANGER, RECORDER_0, RECORDER_1, RECORDER_2 = range(8)


KEYS = [Key(bytes(dev_account(who).key)) for who in Who]
OWNER = Key(b"\x0b" * 32)
SIGNERS = (Who.NORTH, Who.SOUTH, Who.CONSUMER)
RECORDERS = (Who.RECORDER_0, Who.RECORDER_1, Who.RECORDER_2)
PURPOSE = b"\1" * 32
OFFERS = [
    Offer(dataset=bytes([n]) * 32, consumer=KEYS[Who.CONSUMER].address, purpose=PURPOSE, operations=3, scope=ZERO32)
    for n in (1, 2)
]


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def grant_of(terms: Terms) -> tuple[bytes, bytes, int, int, int, int, bytes]:
    times = (terms.not_before, terms.not_after, terms.first_opening, terms.uses)
    return (OWNER.address, OFFERS[terms.offer].id, *times, word(terms.number))


def consent_id(terms: Terms) -> bytes:
    return consent.consent_id(*grant_of(terms))


def epoch_of(epoch: Epoch) -> bytes:
    """As the contract holds it."""
    return functools.reduce(withdrawal.withdrawal_head, map(consent_id, epoch), withdrawal.FIRST_EPOCH)


def sign(signers: Sequence[int], digest: bytes, flaw: str | None, at: int) -> tuple[list[int | None], list[bytes]]:
    """Who signs, for the model, and the signatures."""
    signed: list[int | None] = list(signers)
    if flaw == "another":
        signed[at % len(signed)] = Who.STRANGER
    elif flaw == "empty":
        signed[at % len(signed)] = None
    elif flaw == "missing":
        signed.pop()
    elif flaw == "stale":  # under something else, which is as good as a stranger's
        return [Who.STRANGER] * len(signed), [KEYS[who].sign(keccak(digest)) for who in signers]
    return signed, [b"" if who is None else KEYS[who].sign(digest) for who in signed]


def typed(plan: model.Plan, token: bytes) -> Plan:
    """As the contract takes it, also what the package would not build."""
    address = {who: KEYS[who].address for who in Who}
    return Plan.model_construct(
        terms=ZERO32,
        consumer=address[Who(plan.consumer)],
        purpose=PURPOSE,
        operations=model.OPERATIONS,
        sponsor=address[Who(plan.sponsor)],
        token=token if plan.funding else ZERO20,
        pot=plan.pot,
        open_by=plan.open_by,
        deadline=plan.deadline,
        settle_by=plan.settle_by,
        salt=word(plan.number),
        parties=tuple(
            Party(
                signer=address[Who(member.signer)],
                recorder=address[Who(member.recorder)],
                payee=address[Who(member.payee)],
                reward=member.reward,
                tls_key=ZERO32,
                seed=ZERO32,
                output=member.output,
                inputs=tuple(
                    Input(
                        offer=OFFERS[used.offer].id,
                        consent=ZERO32 if used.consent is None else consent_id(used.consent),
                        lawful_root=b"\1" * 32 if used.consent is None else ZERO32,
                        epoch=epoch_of(used.epoch),
                        opens_before=used.opens_before,
                    )
                    for used in member.inputs
                ),
            )
            for member in plan.parties
        ),
    )
