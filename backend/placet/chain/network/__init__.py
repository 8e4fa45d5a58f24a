"""A local network of validators: a real consensus, with forks and finality, on one machine."""
