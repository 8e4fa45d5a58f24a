"""Do both ends of every message tell the same, under their own signatures?

A message is signed by its sender's recorder, its acknowledgement by the receiver's. Whose evidence denies what he
signed is named; where nothing signed contradicts either side, the two are disputed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

from placet.audit.case import Case
from placet.audit.findings import Findings, check
from placet.core.evidence import Evidence
from placet.core.trail import Exchange, Message, SignedMessage, acknowledgement_hash

GROUP = "exchange"
Key = tuple[int, int, int, int]


def key(message: Message) -> Key:
    """A message's place: attempt, sender, receiver, number."""
    return message.attempt, message.sender, message.receiver, message.sequence


def _words(case: Case, message: Message) -> str:
    ends = f"{case.name(message.sender)} to {case.name(message.receiver)}"
    return f"message {message.sequence} “{message.tag}” from {ends}, attempt {message.attempt}"


def sent_by(case: Case, signed: SignedMessage) -> bool:
    """Does a message carry its sender's signature?"""
    recorder = case.parties[signed.message.sender].recorder
    return case.accepts(recorder, case.deployment.jobs.digest(signed.message.hash), signed.signature)


def acknowledged(case: Case, signed: SignedMessage) -> bool:
    """Does a message carry its receiver's valid acknowledgement?"""
    recorder = case.parties[signed.message.receiver].recorder
    digest = case.deployment.jobs.digest(acknowledgement_hash(signed.message.hash))
    return bool(signed.acknowledgement) and case.accepts(recorder, digest, signed.acknowledgement)


def _possible(case: Case, message: Message) -> bool:
    count = len(case.parties)
    return (
        message.job == case.bundle.job
        and message.sender < count
        and message.receiver < count
        and message.sender != message.receiver
        and 1 <= message.attempt <= len(case.attempts)
    )


def held_by(case: Case, evidence: Evidence) -> list[SignedMessage]:
    """The messages of this job in a party's evidence, whoever signed them."""
    return [m for m in (*evidence.sent, *evidence.received) if _possible(case, m.message)]


def signed_messages(case: Case, predicate: Callable[[Message], bool]) -> Iterator[Message]:
    """The messages of this job that a predicate takes and their sender signed, once for each party that shows one,
    whoever that is."""
    for evidence in case.evidence.values():
        for one in held_by(case, evidence):
            if predicate(one.message) and sent_by(case, one):
                yield one.message


def _lacking(case: Case, tell: Findings) -> None:
    if not case.evidence:
        tell.skip("no evidence")
    for party in case.absent:
        tell.lack(f"no evidence of {case.name(party)}")


@check(GROUP, "signed", "Each message carries its sender's signature and valid acknowledgements")
def signed(case: Case, tell: Findings) -> None:
    """In a party's evidence every sent message is its own, every received one is for it; each is signed by the
    sender's recorder, each acknowledgement by the receiver's. Who shows one that is not, shows what he can't have
    got."""
    for party, evidence in case.evidence.items():
        for one, is_sent in [(m, True) for m in evidence.sent] + [(m, False) for m in evidence.received]:
            tell.looked += 1
            message = one.message
            if not _possible(case, message) or party != (message.sender if is_sent else message.receiver):
                found = f"{message.sender} to {message.receiver}, attempt {message.attempt}"
                tell.fail(
                    f"messages that {case.name(party)} {'sent' if is_sent else 'received'} in this job", found, party
                )
                continue
            if not sent_by(case, one):
                tell.fail(_words(case, message) + " signed by its sender", "a signature that does not verify", party)
            if one.acknowledgement and not acknowledged(case, one):
                tell.fail(_words(case, message) + " acknowledged", "a signature that does not verify", party)
    _lacking(case, tell)


@check(GROUP, "sequence", "Messages are counted without gap")
def sequence(case: Case, tell: Findings) -> None:
    """From each sender to each receiver, in each attempt, the sequence numbers that a party shows are 0, 1, 2 …, each
    once."""
    for party, evidence in case.evidence.items():
        for messages, what in ((evidence.sent, "sent to"), (evidence.received, "received from")):
            numbers: dict[tuple[int, int], list[int]] = defaultdict(list)
            for m in (m.message for m in messages):
                numbers[m.attempt, m.receiver if what == "sent to" else m.sender].append(m.sequence)
            for (attempt, peer), sequence_numbers in numbers.items():
                tell.looked += len(sequence_numbers)
                if sorted(sequence_numbers) != list(range(len(sequence_numbers))):
                    where = f"messages {what} {case.name(peer)} in attempt {attempt}"
                    tell.fail(f"{where} numbered from 0 without gap", sorted(sequence_numbers), party)
    _lacking(case, tell)


def _stories(case: Case) -> tuple[dict[Key, dict[bytes, Message]], dict[Key, dict[bytes, Message]]]:
    """What senders signed and what receivers acknowledged under each key, by message hash, wherever it is shown."""
    sent: dict[Key, dict[bytes, Message]] = defaultdict(dict)
    taken: dict[Key, dict[bytes, Message]] = defaultdict(dict)
    for evidence in case.evidence.values():
        for one in held_by(case, evidence):
            if sent_by(case, one):
                sent[key(one.message)][one.message.hash] = one.message
            if acknowledged(case, one):
                taken[key(one.message)][one.message.hash] = one.message
    return sent, taken


@check(GROUP, "one-story", "Nobody signed two stories about one message")
def one_story(case: Case, tell: Findings) -> None:
    """Under one (attempt, sender, receiver, sequence) a sender signs one message, and a receiver acknowledges one."""
    sent, taken = _stories(case)
    for stories, verb, side in ((sent, "signed", 1), (taken, "acknowledged", 2)):
        tell.looked += len(stories)
        for place, versions in stories.items():
            if len(versions) > 1:
                first = next(iter(versions.values()))
                found = f"{len(versions)} {verb}: " + ", ".join(m.digest.hex()[:16] for m in versions.values())
                tell.fail(_words(case, first) + f" {verb} once", found, place[side])
    _lacking(case, tell)


@check(GROUP, "both-ends", "What one end shows the other end shows too")
def both_ends(case: Case, tell: Findings) -> None:
    """Every message that a party shows as received and the sender signed, the sender shows as sent; every message
    that the receiver acknowledged, it shows as received. In the sealed attempt every sent message was acknowledged:
    where a sender shows one that the receiver neither acknowledged nor shows, the two are disputed. (Where somebody
    signed two stories, `one-story` has named him.)"""
    shown_sent = {p: {m.message.hash for m in e.sent} for p, e in case.evidence.items()}
    shown_received = {p: {m.message.hash for m in e.received} for p, e in case.evidence.items()}
    two_stories = {place for stories in _stories(case) for place, versions in stories.items() if len(versions) > 1}
    for evidence in case.evidence.values():
        for one in held_by(case, evidence):
            tell.looked += 1
            message = one.message
            sender, receiver = message.sender, message.receiver
            if key(message) in two_stories:
                continue
            if sender in shown_sent and message.hash not in shown_sent[sender] and sent_by(case, one):
                tell.fail(_words(case, message) + " among its sender's messages", "signed, but not shown", sender)
            if receiver not in shown_received or message.hash in shown_received[receiver]:
                continue
            if acknowledged(case, one):
                tell.fail(_words(case, message) + " among its receiver's", "acknowledged, but not shown", receiver)
            elif sent_by(case, one) and case.is_final(message.attempt):
                tell.dispute(
                    _words(case, message) + " acknowledged", "sent, says one; nothing, the other", sender, receiver
                )
            elif not case.is_final(message.attempt):
                tell.note(f"{_words(case, message)} was still on its way when the attempt ended")
    _lacking(case, tell)


@check(GROUP, "in-steps", "Every message stands in the step that sent or received it")
def in_steps(case: Case, tell: Findings) -> None:
    """The lists of sent and received messages in a party's steps are exactly its signed messages, each once. In an
    attempt that was not sealed, messages of a step that was cut off may stand alone."""
    for party, evidence in case.evidence.items():
        sent, received = _by_attempt(evidence.sent), _by_attempt(evidence.received)
        for attempt in case.attempts:
            own = case.steps(party, attempt.number)
            for what, messages, lists in (
                ("sent", sent[attempt.number], (s.sent for s in own)),
                ("received", received[attempt.number], (s.received for s in own)),
            ):
                signed_ = Counter(_exchange(message, party) for message in messages)
                exchanges = Counter(e for each in lists for e in each)
                tell.looked += signed_.total()
                for alone in exchanges - signed_:
                    tell.fail(f"a signed message behind {what} {_brief(case, alone)}", "none", party)
                for alone in signed_ - exchanges:
                    if case.is_final(attempt.number):
                        tell.fail(f"a step that {what} {_brief(case, alone)}", "none", party)
                    else:
                        tell.note(f"{case.name(party)}'s attempt {attempt.number} was cut off within a step")
    _lacking(case, tell)


def _by_attempt(exchanged: tuple[SignedMessage, ...]) -> dict[int, list[Message]]:
    messages: dict[int, list[Message]] = defaultdict(list)
    for one in exchanged:
        messages[one.message.attempt].append(one.message)
    return messages


def _exchange(message: Message, party: int) -> Exchange:
    peer = message.receiver if message.sender == party else message.sender
    return Exchange(peer=peer, sequence=message.sequence, tag=message.tag, digest=message.digest)


def _brief(case: Case, exchange: Exchange) -> str:
    return f"message {exchange.sequence} “{exchange.tag}” ({exchange.digest.hex()[:16]}…), {case.name(exchange.peer)}"


CHECKS = (signed, sequence, one_story, both_ends, in_steps)
