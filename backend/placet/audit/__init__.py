"""The auditor's room: facts from the chain, evidence of the parties, the verifier and its report."""
