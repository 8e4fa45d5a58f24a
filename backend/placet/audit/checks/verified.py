"""Were sums held against what the providers committed to, and who falsified one, by its own signatures?"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict

from placet.audit.case import Case
from placet.audit.checks.exchange import signed_messages
from placet.audit.facts import Ending
from placet.audit.findings import Findings, Uncheckable, check
from placet.catalogue.asset_view import AssetViewParameters
from placet.catalogue.spec import CONSUMER
from placet.core.errors import InputError, ProtocolError
from placet.core.hashing import sha256
from placet.core.trail import MASKED_OUTPUT, Step
from placet.core.verified_sums import (
    ACCEPTED,
    CHALLENGE,
    COMMIT,
    COMMITMENTS,
    COMMITTED,
    PROTOCOL,
    SHARE,
    WEIGHTED,
    SumComplaint,
)

GROUP = "flow"


def _verifies(case: Case) -> bool:
    """By the plan alone."""
    parameters = None if case.declared is None else case.declared.parameters
    return isinstance(parameters, AssetViewParameters) and parameters.verifies


@check(GROUP, "verified-sums", "Sums were held against what each provider had committed to")
def verified(case: Case, tell: Findings) -> None:
    """Where the plan has verified sums: in the sealed attempt each provider sent the consumer the commitments of which
    its step has the hash, told all others one thing of its shares, by the one challenge that the consumer gave all, and
    told the consumer that all shares fit. A party that was given something wrong shows it: messages that the accused
    signed are held against each other, and who is shown to have falsified a sum, or to accuse without cause, is named.
    That the values are true no sum shows."""
    if not _verifies(case):
        return tell.skip("the plan has no verified sums")
    if not case.evidence:
        return tell.skip("no evidence")
    roles = case.terms.roles if case.terms else ()
    providers, consumer = [party for party, role in enumerate(roles) if role == "provider"], roles.index(CONSUMER)
    _alike(case, tell)
    for attempt in case.attempts:
        for party in case.evidence:
            steps = [step for step in case.steps(party, attempt.number) if step.protocol == PROTOCOL]
            _committed(case, tell, party, consumer, steps)
            if case.is_final(attempt.number):
                _told(case, tell, party, steps, _due(party, providers, consumer))
    for party, evidence in case.evidence.items():
        for complaint in evidence.complaints:
            if not isinstance(complaint, SumComplaint):
                tell.fail(f"complaints of {case.name(party)} of sums", complaint.about, party)
                continue
            tell.looked += 1
            _judge(case, tell, party, complaint, providers)
    if case.final is not None and consumer in case.evidence:
        _note(case, tell, case.final.number, len(providers))
    for party in case.absent:
        tell.lack(f"no evidence of {case.name(party)}")


def _note(case: Case, tell: Findings, attempt: int, providers: int) -> None:
    if any(one.complaints for one in case.evidence.values()):
        return
    words = f"the sums of attempt {attempt} were held against the commitments of {providers} providers before the seal"
    tell.note(words + (", and nobody complains of a released one" if case.facts.status is Ending.COMPLETED else ""))


def _committed(case: Case, tell: Findings, party: int, consumer: int, steps: list[Step]) -> None:
    for step in steps:
        if step.name != COMMIT:
            continue
        hashes = [one.commitment for one in step.outputs if one.name == COMMITTED]
        sent = [(one.peer, one.digest) for one in step.sent if one.tag == COMMITMENTS]
        where = f"attempt {step.attempt}: commitments of {case.name(party)}"
        tell.same(where, [(consumer, one) for one in hashes] or "none", sent, party)


def _due(party: int, providers: list[int], consumer: int) -> dict[str, list[int]]:
    """By tag, to whom a party sends one message, alike to all."""
    if party == consumer:
        return {CHALLENGE: providers}
    others = [other for other in (*providers, consumer) if other != party]
    return {COMMITMENTS: [consumer], WEIGHTED: others, ACCEPTED: [consumer]}


def _alike(case: Case, tell: Findings) -> None:
    """By signed messages, whoever shows them: where parties were told different things the attempt ends within the
    step, which is then not recorded, and who told them may show nothing."""
    digests: dict[tuple[int, int, str], set[bytes]] = defaultdict(set)
    for one in signed_messages(case, lambda one: one.tag in (COMMITMENTS, CHALLENGE, WEIGHTED, ACCEPTED)):
        digests[one.attempt, one.sender, one.tag].add(one.digest)
    for (attempt, sender, tag), signed in digests.items():
        tell.looked += 1
        if len(signed) > 1:
            tell.fail(f"attempt {attempt}: “{tag}” of {case.name(sender)} alike to all", sorted(signed), sender)


def _told(case: Case, tell: Findings, party: int, steps: list[Step], due: dict[str, list[int]]) -> None:
    sent = [one for step in steps for one in step.sent]
    for tag, receivers in due.items():
        tell.looked += 1
        peers = [one.peer for one in sent if one.tag == tag]
        if Counter(peers) != Counter(receivers):
            tell.fail(f"“{tag}” of {case.name(party)} once to each", [case.name(peer) for peer in peers], party)


def _judge(case: Case, tell: Findings, party: int, complaint: SumComplaint, providers: list[int]) -> None:
    accused = complaint.accused
    where = f"attempt {complaint.attempt}: what {case.name(party)} shows of {case.name(accused)}"
    if accused not in providers or accused == party or not _signed(case, party, complaint, providers):
        return tell.fail(f"{where} signed by it", "something else", party)
    try:
        cause = _proves(case, party, complaint, providers)
    except (InputError, ProtocolError, IndexError):
        cause = False
    if cause:
        tell.fail(_EXPECTED[complaint.about], f"{where}: another one", accused)
    else:
        tell.fail(f"{where} contradicting itself", "no contradiction", party)


_EXPECTED = {
    "commitments": "shares of the values that were committed to",
    "share": "the share that was committed to as the receiver's",
    "release": "the sum of the shares that its sender accepted",
}
_TAGS = {"commitments": COMMITMENTS, "share": SHARE, "release": MASKED_OUTPUT}


def _signed(case: Case, party: int, complaint: SumComplaint, providers: list[int]) -> bool:
    """Did the accused sign all that is shown of it, in messages to who complains?"""
    place = (complaint.attempt, complaint.accused, party)
    messages = signed_messages(case, lambda one: (one.attempt, one.sender, one.receiver) == place)
    digests = {(one.tag, one.digest) for one in messages}
    shown = {(_TAGS[complaint.about], sha256(complaint.payload))}
    if complaint.about == "release":
        if len(complaint.weighted) != len(providers):
            return False
        accepted = sha256(b"placet.accepted/1", *complaint.weighted)
        shown.add((ACCEPTED, sha256(accepted)))
    else:
        shown |= {(WEIGHTED, sha256(one)) for one in complaint.weighted[:1]}
    return shown <= digests


def _proves(case: Case, party: int, complaint: SumComplaint, providers: list[int]) -> bool:
    """Do the messages contradict each other? InputError or ProtocolError where they say nothing."""
    from coincurve import PublicKey

    if not hasattr(PublicKey, "multiply"):
        raise Uncheckable("commitments are checked by Placet's command line, not in a browser")
    from placet.protocols.mpc import commitments
    from placet.protocols.mpc.verified import (
        PLACE_BYTES,
        PlaceWords,
        WeightedShares,
        commitments_fit,
        part_fits,
        share_fits,
    )

    weighted = [WeightedShares.read(one, len(providers)) for one in complaint.weighted]
    if complaint.about == "commitments":
        points = commitments.points_of(complaint.payload, len(complaint.payload) // commitments.POINT_BYTES)
        return not asyncio.run(commitments_fit(points, weighted[:1]))
    if complaint.about == "share":
        words = PlaceWords.read(complaint.payload, len(complaint.payload) // PLACE_BYTES)
        return not share_fits(words, weighted[0], providers.index(party))
    part = _part(case, complaint)
    try:
        words = PlaceWords.read(part, len(part) // PLACE_BYTES)
    except ProtocolError:
        return True
    return not part_fits(words, weighted, providers.index(complaint.accused))


def _part(case: Case, complaint: SumComplaint) -> bytes:
    """What the accused released. InputError where the shown secret does not open it."""
    from placet.core.masking import unmask_shared

    assert case.terms is not None  # noqa: S101 - `_verifies`
    key = next((one.key for one in case.facts.released if one.party == complaint.accused), b"")
    return unmask_shared(
        complaint.payload,
        key=key,
        consumer=case.terms.consumer_key,
        shared=complaint.secret,
        job=case.bundle.job,
        attempt=complaint.attempt,
        party=complaint.accused,
    )


CHECKS = (verified,)
