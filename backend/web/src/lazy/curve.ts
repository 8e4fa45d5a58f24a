/** P-256 keys out of signatures: a program of its own, loaded where a passkey is to find what it once signed. */
import { p256 } from "@noble/curves/nist";

/** The keys (x ‖ y) under which a signature (DER) of a hash is good: SEC 1, 4.1.6. Two, of which one signed. */
export function signersOf(der: Uint8Array, hash: Uint8Array): Uint8Array[] {
  const signature = p256.Signature.fromDER(der);
  const keys: Uint8Array[] = [];
  for (const bit of [0, 1, 2, 3]) {
    try {
      keys.push(signature.addRecoveryBit(bit).recoverPublicKey(hash).toRawBytes(false).slice(1));
    } catch {
      // no point there
    }
  }
  return keys;
}
