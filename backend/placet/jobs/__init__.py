"""Recipes, and the runner that joins warrant, vault, protocol and trail."""
