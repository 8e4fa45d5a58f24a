"""The data owner's own client: keys stay on the owner's machine, consents are checked before they are signed."""
