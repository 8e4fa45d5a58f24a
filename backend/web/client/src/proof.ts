/** A statement in zero knowledge with its proof: read from outside, put into numbers, and held against what its reader knows. */
import { concat, hexToBigInt, keccak256, numberToHex, pad, recoverAddress } from "viem/utils";
import { hexToBytes, type Hex } from "./bytes.ts";
import { contentOf } from "./code.ts";
import type { Deployment, TrustList } from "./documents.ts";
import { digestOf, provenDomainOf, statementTyped, totalTyped, type Domain } from "./typed.ts";

/** What an institution signs of a person's total: all but the total. It counts 10^-decimals of the unit of its data. */
export interface SignedTotal {
  readonly total: {
    readonly job: Hex;
    readonly person: Hex;
    readonly commitment: Hex;
    readonly decimals: number;
    readonly issued_at: number;
    readonly not_after: number;
    readonly purpose: string;
  };
  readonly issuer: Hex;
  readonly signature: Hex;
}

/** The committed total is in [low, high): `relying_party` is zero where it is for everybody. */
export interface Statement {
  readonly key: Hex;
  readonly job: Hex;
  readonly prover: Hex;
  readonly relying_party: Hex;
  readonly until: number;
  readonly commitment: Hex;
  readonly low: string;
  readonly high: string;
}

export interface ProvenStatement {
  readonly type: "placet.proof";
  readonly version: 1;
  readonly chain_id: string;
  readonly statements: Hex;
  readonly statement: Statement;
  readonly proof: Hex;
  readonly signed: SignedTotal;
}

export interface VerificationKey {
  readonly type: "placet.verification-key";
  readonly version: 1;
  readonly circuit: Hex;
  readonly ceremony: Hex;
  readonly nullifier: number;
  readonly checker: Hex;
  readonly key: Hex;
}

export const MOST_AMOUNT = 2n ** 64n - 1n;
const FIELD = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;
/** SHA-256 of `band.circom`, as keys of the circuit name it. */
const BAND: Hex = "0xbbba2162a509f7b1a9b14fb8923dacd537ddeee05134b7f1d8fb53e12881a9f9";
/** Anvil's and Hardhat's: the one chain on which `Statements` takes keys that one person made. */
const LOCAL_CHAIN = 31337;
export const ZERO20: Hex = `0x${"00".repeat(20)}`;
const ZERO32: Hex = `0x${"00".repeat(32)}`;

// ---------------------------------------------------------------- from outside

type Test = (value: unknown) => boolean;
type Shape = Readonly<Record<string, Test>>;

const bytes = (...sizes: readonly number[]): Test => {
  const one = new RegExp(`^0x(?:${sizes.map((size) => `[0-9a-f]{${2 * size}}`).join("|")})$`);
  return (value) => typeof value === "string" && one.test(value);
};
const whole = (below: number): Test => (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) < below;
const decimal = (below: bigint): Test => (value) => typeof value === "string" && /^[0-9]{1,39}$/.test(value) && BigInt(value) < below;
const exactly = (one: unknown): Test => (value) => value === one;
/** One line that people read: nothing in it that is not seen (`placet.core.text`). */
const line: Test = (value) =>
  typeof value === "string" &&
  /^[^\p{C}\p{Zl}\p{Zp}\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]{1,400}$/u.test(value) &&
  value === value.normalize("NFC") &&
  value.trim() === value;
const shaped = (shape: Shape): Test => (value) =>
  typeof value === "object" &&
  value !== null &&
  Object.keys(value).length === Object.keys(shape).length &&
  Object.entries(shape).every(([name, test]) => Object.hasOwn(value, name) && test((value as Record<string, unknown>)[name]));
const U48 = whole(2 ** 48);
const field: Test = (value) => bytes(32)(value) && hexToBigInt(value as Hex) < FIELD;

const PROOF = shaped({
  type: exactly("placet.proof"),
  version: exactly(1),
  chain_id: decimal(2n ** 53n),
  statements: bytes(20),
  statement: shaped({
    key: bytes(32),
    job: bytes(32),
    prover: bytes(20),
    relying_party: bytes(20),
    until: U48,
    commitment: field,
    low: decimal(MOST_AMOUNT + 1n),
    high: decimal(MOST_AMOUNT + 1n),
  }),
  proof: bytes(256),
  signed: shaped({
    total: shaped({
      job: bytes(32),
      person: bytes(20, 84),
      commitment: field,
      decimals: whole(19),
      issued_at: U48,
      not_after: U48,
      purpose: line,
    }),
    issuer: bytes(20),
    signature: bytes(65),
  }),
});
const KEY = shaped({
  type: exactly("placet.verification-key"),
  version: exactly(1),
  circuit: bytes(32),
  ceremony: bytes(32),
  nullifier: whole(64),
  checker: bytes(20),
  key: bytes(...Array.from({ length: 64 }, (_, inputs) => 512 + 64 * (inputs + 1))),
});

/** A proof from a file's content or a code's text; null for anything else, and where statement and signed total are of
 * different totals. Whether it holds is `checkProof`'s. */
export async function readProof(content: string): Promise<ProvenStatement | null> {
  try {
    const value: unknown = JSON.parse(await contentOf(content));
    if (!PROOF(value)) return null;
    const one = value as ProvenStatement;
    const { statement, signed } = one;
    const same = signed.total.job === statement.job && signed.total.commitment === statement.commitment;
    const ordered = BigInt(statement.low) < BigInt(statement.high) && signed.total.issued_at <= signed.total.not_after;
    return same && ordered ? one : null;
  } catch {
    return null;
  }
}

export const isVerificationKey = (value: unknown): value is VerificationKey => KEY(value);

// ---------------------------------------------------------------------- numbers

/** The contract's `keyId`. */
export const keyId = ({ circuit, ceremony, nullifier, checker, key }: VerificationKey): Hex =>
  keccak256(concat([circuit, ceremony, numberToHex(nullifier, { size: 32 }), pad(checker), keccak256(key)]));

/** Context, job, commitment, low, high: the context binds key, prover, relying party, time, chain and contract. */
export function publicInputs(statement: Statement, domain: Domain): readonly bigint[] {
  const context = hexToBigInt(digestOf(statementTyped(statement, domain))) >> 3n;
  return [context, hexToBigInt(statement.job) >> 3n, hexToBigInt(statement.commitment), BigInt(statement.low), BigInt(statement.high)];
}

/** An amount as people write it: 100050 with two decimals is `1000.50`. */
export function amountOf(value: string, decimals: number): string {
  const digits = BigInt(value).toString().padStart(decimals + 1, "0");
  return decimals === 0 ? digits : `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

// ---------------------------------------------------------------------- checks

/** What a node says that its chain says. `refused`: the chain has no such key or job, or takes the key for nothing; null:
 * nobody was asked or nobody answered. */
export interface ChainWord {
  readonly key: { readonly key: VerificationKey; readonly contributors: readonly Hex[] } | "refused" | null;
  readonly job: { readonly consumer: Hex; readonly status: string } | "refused" | null;
}

/** What a reader holds against a proof. `reader`: his address, null where he didn't say; `now` in Unix seconds. */
export interface Grounds {
  readonly deployment: Pick<Deployment, "chain_id" | "statements">;
  readonly trust: Pick<TrustList, "institutions">;
  readonly ownKey: VerificationKey | null;
  readonly chain: ChainWord;
  readonly reader: Hex | null;
  readonly now: number;
}

/** Whether a proof (256 bytes) is right for these public inputs under a key. */
export type Pairing = (key: Uint8Array, inputs: readonly bigint[], proof: Uint8Array) => boolean;

export const CHECKS = ["place", "issuer", "signature", "reader", "time", "key", "ceremony", "proof", "job"] as const;
export type Check = (typeof CHECKS)[number];
/** `sandbox`: one person made the key, on the chain where that is allowed: it proves nothing. */
export type State = "ok" | "failed" | "unknown" | "sandbox";
export type Verdict = "holds" | "fails" | "sandbox" | "incomplete";
export interface Checked {
  readonly verdict: Verdict;
  readonly states: Readonly<Record<Check, State>>;
}

const judged = (good: boolean): State => (good ? "ok" : "failed");
const COMPLETED = new Set(["completed", "closed"]);
const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;

/** What `placet prove check --url` checks, and of what it couldn't be checked `unknown`. It `holds` only where all is. */
export async function checkProof(proven: ProvenStatement, grounds: Grounds, pairing: Pairing): Promise<Checked> {
  const { statement, signed } = proven;
  const { deployment, trust, reader, now, chain } = grounds;
  const domain = provenDomainOf(deployment);
  const key = grounds.ownKey ?? (chain.key === "refused" ? null : (chain.key?.key ?? null));
  const keyState = chain.key === "refused" ? "failed" : key === null ? "unknown" : judged(keyId(key) === statement.key && key.circuit === BAND);
  const states: Record<Check, State> = {
    place: judged(proven.chain_id === String(deployment.chain_id) && proven.statements === deployment.statements.address),
    issuer: judged(trust.institutions.some((one) => one.address === signed.issuer)),
    signature: judged(await isSigned(signed, domain)),
    reader: statement.relying_party === ZERO20 ? "ok" : reader === null ? "unknown" : judged(reader === statement.relying_party),
    time: judged(now <= Math.min(statement.until, signed.total.not_after)),
    key: keyState,
    ceremony: ceremonyState(key, chain.key, grounds),
    proof: key === null || keyState !== "ok" ? "unknown" : judged(isProven(key, publicInputs(statement, domain), proven.proof, pairing)),
    job: chain.job === null ? "unknown" : judged(chain.job !== "refused" && chain.job.consumer === signed.issuer && COMPLETED.has(chain.job.status)),
  };
  return { verdict: verdictOf(Object.values(states)), states };
}

const verdictOf = (all: readonly State[]): Verdict =>
  all.includes("failed") ? "fails" : all.includes("sandbox") ? "sandbox" : all.includes("unknown") ? "incomplete" : "holds";

/** Whoever is all contributors of a key can prove anything with it: two and more, each an institution of the trust list. */
function ceremonyState(key: VerificationKey | null, onChain: ChainWord["key"], { deployment, trust }: Grounds): State {
  if (onChain === "refused") return "failed";
  if (key === null) return "unknown";
  if (key.ceremony === ZERO32) return deployment.chain_id === LOCAL_CHAIN ? "sandbox" : "failed";
  if (onChain === null) return "unknown";
  const known = new Set(trust.institutions.map((one) => one.address));
  return judged(new Set(onChain.contributors).size >= 2 && onChain.contributors.every((one) => known.has(one)));
}

async function isSigned({ total, issuer, signature }: SignedTotal, domain: Domain): Promise<boolean> {
  const [s, v] = [hexToBigInt(`0x${signature.slice(66, 130)}`), signature.slice(130)];
  if (s > HALF_ORDER || (v !== "1b" && v !== "1c")) return false;
  try {
    return (await recoverAddress({ hash: digestOf(totalTyped(total, domain)), signature })).toLowerCase() === issuer;
  } catch {
    return false;
  }
}

function isProven(key: VerificationKey, inputs: readonly bigint[], proof: Hex, pairing: Pairing): boolean {
  try {
    return pairing(hexToBytes(key.key), inputs, hexToBytes(proof));
  } catch {
    return false;
  }
}
