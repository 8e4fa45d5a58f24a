"""The only room that speaks JSON-RPC: bindings, transaction sender, event index, proofs, the local chain."""
