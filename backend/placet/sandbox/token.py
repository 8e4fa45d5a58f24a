"""`python -m placet.sandbox.token URL HOLDER…`: an ERC-20 on a local chain, as much for each; its address."""

from __future__ import annotations

import sys

from placet.chain.anvil import dev_account
from placet.chain.deploy import deploy_token
from placet.core.signatures import Key
from placet.core.values import from_hex, to_hex


def main(url: str, *holders: str) -> None:
    """10⁹ units for each holder."""
    key = Key(bytes(dev_account(0).key))
    sys.stdout.write(to_hex(deploy_token(url, key, {from_hex(holder, size=20): 10**9 for holder in holders})))


if __name__ == "__main__":
    main(*sys.argv[1:])
