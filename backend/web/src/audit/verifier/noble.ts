/** Curves and hashes for the verifier's shims (`shims.py`), as coincurve, pysha3 and cryptography would answer. */
import { p256 } from "@noble/curves/nist.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 } from "@noble/hashes/sha3.js";

const POINT = 4;
const uncompressed = (point: Uint8Array): Uint8Array => Uint8Array.of(POINT, ...point);

export const noble = {
  keccak: (message: Uint8Array): Uint8Array => keccak_256(message),

  /** `signature`: r ‖ s ‖ v with v 0 or 1. The uncompressed point; undefined where there is none. */
  recover(signature: Uint8Array, digest: Uint8Array): Uint8Array | undefined {
    try {
      const parts = secp256k1.Signature.fromCompact(signature.slice(0, 64)).addRecoveryBit(signature[64] as number);
      return parts.recoverPublicKey(digest).toRawBytes(false);
    } catch {
      return undefined;
    }
  },

  onP256(point: Uint8Array): boolean {
    try {
      p256.ProjectivePoint.fromHex(uncompressed(point)).assertValidity();
      return true;
    } catch {
      return false;
    }
  },

  /** `signature`: r ‖ s with a low s; `point`: x ‖ y. */
  verifyP256(signature: Uint8Array, digest: Uint8Array, point: Uint8Array): boolean {
    try {
      return p256.verify(signature, digest, uncompressed(point), { prehash: false, lowS: true, format: "compact" });
    } catch {
      return false;
    }
  },
};
