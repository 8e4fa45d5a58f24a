"""What the escrow means, in plain Python. Accounts are numbers; there is one token.

An action that is not allowed raises `Refused`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model.reference import Refused


@dataclass
class Account:
    sponsor: int
    funded: int
    left: int


class Escrow:
    """`purses` is who has how much of the token, `allowed` how much of it the escrow may take."""

    def __init__(self, purses: dict[int, int]) -> None:
        self.purses = purses
        self.allowed = dict.fromkeys(purses, 0)
        self.owed = dict.fromkeys(purses, 0)
        self.held = 0
        self.accounts: dict[int, Account] = {}

    def fund(self, job: int, sponsor: int, amount: int) -> None:
        if self.allowed[sponsor] < amount:
            raise Refused("ERC20InsufficientAllowance")
        if self.purses[sponsor] < amount:
            raise Refused("ERC20InsufficientBalance")
        self.allowed[sponsor] -= amount
        self.purses[sponsor] -= amount
        self.held += amount
        self.accounts[job] = Account(sponsor, amount, amount)

    def settle(self, job: int, earned: Sequence[tuple[int, int]]) -> None:
        """Once: to those who earned it, the rest back to the sponsor."""
        account = self.accounts[job]
        for payee, amount in earned:
            self.owed[payee] += amount
            account.left -= amount
        self.owed[account.sponsor] += account.left
        account.left = 0

    def claim(self, payee: int) -> None:
        """Paid to whom it is owed, whoever asks."""
        if self.owed[payee] == 0:
            raise Refused("NothingOwed")
        self.purses[payee] += self.owed[payee]
        self.held -= self.owed[payee]
        self.owed[payee] = 0
