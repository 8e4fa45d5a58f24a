"""Alignment: identifiers of different institutions in one spelling, by rules that the plan declares, before PSI."""

from placet.alignment.keys import Round, keys, report
from placet.alignment.rules import Key, Rules, parse_rules, record

__all__ = ["Key", "Round", "Rules", "keys", "parse_rules", "record", "report"]
