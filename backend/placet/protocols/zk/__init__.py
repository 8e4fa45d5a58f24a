"""Proofs in zero knowledge: circuits in circom, Groth16 over BN254 by the extra `placet[zk]`."""
