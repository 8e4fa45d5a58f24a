"""The enrolling service: ties a data owner's key to a person whom it knows, by signature, and keeps no record of it."""
