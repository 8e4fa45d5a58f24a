"""An institution's node: it faces owners, institutions, peers and auditors, and never sees the data itself."""
