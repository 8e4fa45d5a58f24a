/** Groth16 over BN254 (`Groth16Verifier.sol`): a program of its own, loaded where a proof is checked. */
import { bn254 } from "@noble/curves/bn254";

const { Fp, Fp2, Fp12 } = bn254.fields;
const [G1, G2] = [bn254.G1.ProjectivePoint, bn254.G2.ProjectivePoint];
const WORD = 32;

/** Whether e(A, B) · e(−α, β) · e(L, −γ) · e(C, −δ) = 1 with L = IC₀ + Σ inputᵢ · ICᵢ₊₁. `key`: −α ‖ β ‖ −γ ‖ −δ ‖ IC, `proof`: A ‖ B ‖ C,
 * points as EIP-197 has them. False also for another number of inputs and inputs that are no field elements. Throws for what is no
 * point of its group, and for the point at infinity, which no honest key or proof has; also where δ = ±γ. */
export function verify(key: Uint8Array, inputs: readonly bigint[], proof: Uint8Array): boolean {
  const [alpha, beta, gamma, delta] = [point(key, 0), twist(key, 2), twist(key, 6), twist(key, 10)];
  const ic = Array.from({ length: (key.length / WORD - 14) / 2 }, (_, at) => point(key, 14 + 2 * at));
  const [constant, ...terms] = ic as [ReturnType<typeof point>, ...ReturnType<typeof point>[]];
  if (Fp2.eql(gamma.toAffine().x, delta.toAffine().x)) throw new RangeError("nobody contributed to the key");
  if (inputs.length !== terms.length || !inputs.every((one) => bn254.fields.Fr.isValid(one))) return false;
  const sum = terms.reduce((before, term, at) => before.add(term.multiplyUnsafe(inputs[at] as bigint)), constant);
  const pairs = [
    { g1: point(proof, 0), g2: twist(proof, 2) },
    { g1: alpha, g2: beta },
    { g1: sum, g2: gamma },
    { g1: point(proof, 6), g2: delta },
  ].filter(({ g1 }) => !g1.equals(G1.ZERO)); // as L may be: e(0, Q) = 1
  return Fp12.eql(bn254.pairingBatch(pairs), Fp12.ONE);
}

function word(data: Uint8Array, at: number): bigint {
  const value = data.slice(at * WORD, (at + 1) * WORD).reduce<bigint>((sum, byte) => sum * 256n + BigInt(byte), 0n);
  if (!Fp.isValid(value)) throw new RangeError("no coordinate");
  return value;
}

function point(data: Uint8Array, at: number) {
  const one = G1.fromAffine({ x: word(data, at), y: word(data, at + 1) });
  if (one.equals(G1.ZERO)) throw new RangeError("the point at infinity");
  one.assertValidity();
  return one;
}

function twist(data: Uint8Array, at: number) {
  const [x1, x0, y1, y0] = [word(data, at), word(data, at + 1), word(data, at + 2), word(data, at + 3)];
  const one = G2.fromAffine({ x: { c0: x0, c1: x1 }, y: { c0: y0, c1: y1 } });
  if (one.equals(G2.ZERO)) throw new RangeError("the point at infinity");
  one.assertValidity();
  return one;
}
