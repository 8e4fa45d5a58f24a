"""Did everybody who must sign something sign it?"""

from __future__ import annotations

from collections.abc import Iterable

from placet.audit.case import Case
from placet.audit.findings import Findings

UNTOLD = "no way to check the signature of {}: it signs as a contract (ERC-1271)"


def demand_all(
    case: Case,
    tell: Findings,
    what: str,
    signers: tuple[bytes, ...],
    digest: bytes,
    lists: Iterable[tuple[int, tuple[bytes, ...]]],
    *,
    on_chain: bool,
) -> None:
    """Fails for each invalid signature (naming who shows it) and for each signer that nobody shows a signature of. A
    contract's signature (ERC-1271) that can't be checked here is missing evidence.

    `on_chain`: the ledger holds what was signed, so that it accepted every signer's signature when it took it. That is
    as good for a contract, whatever it says now: its key may have been replaced since.

    A party may leave out signatures that it does not have; a signer that stands earlier in the list signed once.
    """
    authors: set[bytes] = set()
    untold: set[bytes] = set()
    for party, signatures in lists:
        if len(signatures) != len(signers):
            tell.fail(f"{len(signers)} signatures of the {what}", len(signatures), party)
            continue
        for signer, signature in zip(signers, signatures, strict=True):
            tell.looked += 1
            if signature == b"":
                continue
            if case.accepts(signer, digest, signature):
                authors.add(signer)
            elif not case.can_tell(signer):
                (authors if on_chain else untold).add(signer)
            else:
                tell.fail(f"{what} signed by {case.name_of(signer)}", "a signature that does not verify", party)
    for signer in dict.fromkeys(signers):
        if signer in authors:
            continue
        if signer in untold:
            tell.lack(UNTOLD.format(f"{case.name_of(signer)} under the {what}"))
        elif case.absent:
            tell.lack(f"no signature of {case.name_of(signer)} under the {what} in the evidence that is there")
        else:
            tell.fail(f"{what} signed by {case.name_of(signer)}", "no signature in any evidence")
