"""What an enclave puts into its evidence, so that the evidence is about one key, one job and one question."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes

from placet.core.ids import JobId
from placet.core.values import U48, Bytes32, ChainId, Value

TAG = b"placet.enclave.binding/1"


class Binding(Value):
    """`key` is the enclave's HPKE public key (X25519). `nonce` is 32 random bytes that whoever verifies made for this
    question, at `issued` (Unix seconds, by his own clock); the nonce is in the digest, the time is not."""

    chain: ChainId
    job: JobId
    key: Bytes32
    nonce: Bytes32
    issued: U48

    def digest(self) -> bytes:
        """SHA-512/256 (FIPS 180-4) over tag ‖ chain id (32 bytes, big-endian) ‖ job ‖ key ‖ nonce."""
        state = hashes.Hash(hashes.SHA512_256())
        for part in (TAG, self.chain.to_bytes(32, "big"), self.job, self.key, self.nonce):
            state.update(part)
        return state.finalize()

    def report_data(self) -> bytes:
        """The digest as a field of 64 bytes holds it (SGX, TDX, SEV-SNP): 32 zero bytes follow."""
        return self.digest() + bytes(32)
