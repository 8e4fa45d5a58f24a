"""Recipes as they are declared: one file a recipe, and what follows for plans, consents and people."""
