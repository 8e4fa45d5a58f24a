"""What `/healthz` says in codes, in words for people."""

from __future__ import annotations

from placet.node.service import Health

_LOOPS = {
    "index": "Reading the chain's events",
    "sender": "Sending transactions",
    "vault": "Asking the vault for a sign of life",
    "storage": "Looking at the disk",
    "relay": "Bringing consents and withdrawals to the chain",
    "jobs": "Moving jobs on",
    "leader": "Knowing which process leads",
    "limits": "Counting requests together with the other processes",
}
_CODES = {
    "unseen": "has not been looked at yet",
    "slow": "takes too long to answer",
    "chain": "can't be read",
    "chain.unreachable": "can't be reached",
    "chain.slow": "takes too long to answer",
    "chain.unauthorized": "wants a credential that this node does not have",
    "chain.forbidden": "lets this node ask nothing",
    "chain.limited": "is asked more often than it allows",
    "chain.behind": "is behind what it showed before",
    "chain.incomplete": "does not show all of a block",
    "chain.moving": "is reorganised faster than it can be read",
    "deployment": "is another chain, or holds other contracts",
    "vault.unreachable": "is not there",
    "vault.busy": "has no room for another question",
    "storage": "takes nothing",
    "storage.full": "is full",
    "storage.read-only": "can only be read",
    "storage.busy": "is locked by another program",
    "storage.damaged": "is damaged: restore a backup",
    "leader.absent": "no process leads",
    "internal": "met a mistake of the program: the log has more",
}


def words_of(health: Health, chain: str, loops: dict[str, str]) -> dict[str, str]:
    """A sentence for each part: chain, vault, storage, and each loop by its name."""
    lag = health.lag()
    behind = "" if not lag else f", {lag} block{'' if lag == 1 else 's'} of it not read yet"
    parts = {
        "chain": f"The chain answers{behind}." if chain == "ok" else f"The chain {_said(chain)}.",
        "finality": _finality(health),
        "vault": "The vault answers." if health.vault == "ok" else f"The vault {_said(health.vault)}.",
        "storage": "The disk takes writes." if health.storage == "ok" else f"The disk {_said(health.storage)}.",
    }
    for name, code in loops.items():
        doing = _LOOPS.get(name, name)
        fault = _CODES.get(code, code)
        parts[f"loop {name}"] = f"{doing}: works." if code == "ok" else f"{doing}: does not work now ({fault})."
    return parts


def _finality(health: Health) -> str:
    if not health.is_late:
        return "Blocks become final as usual." if health.counts is not None else "No block counts for good yet."
    waits = (health.head or 0) - (health.counts or 0)
    return (
        f"The chain has called no block final for {waits} blocks. Nothing is lost: jobs wait, withdrawals bind at once."
    )


def _said(code: str) -> str:
    return _CODES.get(code, f"is not well ({code})")
