"""Alignment: identifiers of different institutions in one spelling, by rules that the plan declares, before PSI."""

from placet.protocols.alignment.keys import Round, keys, report
from placet.protocols.alignment.rules import Key, Rules, parse_rules, record

__all__ = ["Key", "Round", "Rules", "keys", "parse_rules", "record", "report"]
