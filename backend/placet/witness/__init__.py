"""A witness: reads the chain, signs what all of a deployment's events come to, and never what contradicts it."""
