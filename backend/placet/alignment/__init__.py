"""Alignment: identifiers of different institutions in one spelling, by rules that the plan declares, before PSI.

`rules` are what a plan says, `keys` what a party makes of its own columns by them.
"""

from placet.alignment.rules import Key, Rules, parse_rules, record

__all__ = ["Key", "Rules", "parse_rules", "record"]
