"""Facts that headers and receipts do not bear out, told to an auditor who has the hash of one block."""

from __future__ import annotations

from typing import Any

from block_chain import logged, proven
from simulator import Simulation, h

from malicious.lies import Told, malicious
from placet.audit.bundle import Bundle
from placet.audit.log_proof import LogHead
from placet.audit.proof import ChainProof, ProvenBlock, TrustedBlocks


def _with(bundle: Bundle, place: int, **fields: Any) -> Bundle:
    assert bundle.proof is not None
    blocks = list(bundle.proof.blocks)
    blocks[place] = blocks[place].model_copy(update=fields)
    return bundle.model_copy(update={"proof": ChainProof(blocks=tuple(blocks))})


def _telling(**facts: Any) -> Told:
    bundle, trusted = proven(Simulation(withdraw=(1,)))
    changed = {name: change(getattr(bundle.facts, name)) for name, change in facts.items()}
    return Told(bundle.model_copy(update={"facts": bundle.facts.model_copy(update=changed)}), trusted=trusted)


@malicious("proof.headers")
def headers_of_another_chain() -> Told:
    bundle, trusted = proven(Simulation())
    return Told(bundle, trusted=TrustedBlocks(dict.fromkeys(trusted.hashes, h("another")), trusted.whose))


@malicious("proof.headers")
def no_header_of_the_block_that_facts_were_read_at() -> Told:
    bundle, trusted = proven(Simulation())
    at = bundle.facts.head
    later = at.model_copy(update={"block": at.block + 1})
    return Told(bundle.model_copy(update={"facts": bundle.facts.model_copy(update={"head": later})}), trusted=trusted)


def _told_by_receipts(bundle: Bundle) -> tuple[int, ProvenBlock]:
    assert bundle.proof is not None
    blocks = enumerate(bundle.proof.blocks)
    return next((place, block) for place, block in reversed(list(blocks)) if block.receipts is not None)


@malicious("proof.receipts", also=("proof.facts",))
def a_receipt_that_is_left_out_of_its_block() -> Told:
    bundle, trusted = proven(Simulation())
    place, block = _told_by_receipts(bundle)
    return Told(_with(bundle, place, receipts=(block.receipts or ())[1:]), trusted=trusted)


@malicious("proof.receipts")
def a_receipt_of_somebody_elses_contract_that_no_block_has() -> Told:
    bundle, trusted = proven(Simulation())
    at = next(n for n, block in enumerate(bundle.proof.blocks if bundle.proof else ()) if block.receipts is None)
    return Told(_with(bundle, at, receipts=(b"\x02\xc0",)), trusted=trusted)


@malicious("proof.facts")
def a_commitment_of_rows_that_is_left_out() -> Told:
    return _telling(committed=lambda told: told[:-1])


@malicious("proof.facts")
def an_opening_in_a_block_whose_noise_suits() -> Told:
    """Without headers the hash of the block, from which noise follows, is the collector's word."""
    return _telling(opened=lambda told: told.model_copy(update={"block_hash": h("a better block")}))


@malicious("proof.facts")
def an_end_at_another_place_of_its_block() -> Told:
    return _telling(end=lambda told: told.model_copy(update={"at": told.at.model_copy(update={"index": 8})}))


@malicious("proof.log")
def a_log_that_lacks_an_event_of_somebody_else() -> Told:
    """Nothing of the job is missing: what else is left out does not come to what witnesses signed either."""
    bundle, trusted = logged(Simulation())
    (number,) = trusted.hashes
    more = {number: LogHead(trusted.logs[number].size + 1, h("the root with it"))}
    return Told(bundle, trusted=TrustedBlocks(trusted.hashes, trusted.whose, more))
