"""Consents of other people's systems, in and out: India's Account Aggregator (ReBIT), UK Open Banking v4.

Pure: text to values, values to text. What comes in is what another system says; it becomes a *request*, from which an
owner may sign a consent, and never a consent. What goes out follows from a signed receipt and what its author adds.
What one side has no word for is listed, and never guessed.
"""
