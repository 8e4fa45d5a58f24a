/** Statements in zero knowledge with their proofs: read from outside, put into numbers, and held against what their reader
 * knows. What is said of totals is checked here, what is said of consents in `anonymous.ts`. */
import { concat, hexToBigInt, keccak256, numberToHex, pad, recoverAddress } from "viem/utils";
import { hexToBytes, type Hex } from "./bytes.ts";
import { contentOf } from "./code.ts";
import type { Deployment, TrustList } from "./documents.ts";
import { bytes, decimal, exactly, field, line, shaped, time, whole } from "./shape.ts";
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

/** Said of a job by `prover`, proven under `key`; `relying_party` is zero where it is for everybody. */
export interface Statement {
  readonly key: Hex;
  readonly job: Hex;
  readonly prover: Hex;
  readonly relying_party: Hex;
  readonly until: number;
}

/** The committed total is in [low, high). */
export interface BandStatement extends Statement {
  readonly commitment: Hex;
  readonly low: string;
  readonly high: string;
}

/** A consent of the prover's is a leaf of the tree `root` of the live consents to `offer`; for this job it has this
 * nullifier and no other. */
export interface ConsentStatement extends Statement {
  readonly offer: Hex;
  readonly root: Hex;
  readonly nullifier: Hex;
}

interface Proven<Type extends string, Of extends Statement> {
  readonly type: Type;
  readonly version: 1;
  readonly chain_id: string;
  readonly statements: Hex;
  readonly statement: Of;
  readonly proof: Hex;
}
export interface ProvenStatement extends Proven<"placet.proof", BandStatement> {
  readonly signed: SignedTotal;
}
export type ConsentProof = Proven<"placet.consent-proof", ConsentStatement>;
export type AnyProof = ProvenStatement | ConsentProof;

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
/** Anvil's and Hardhat's: the one chain on which `Statements` takes keys that one person made. */
const LOCAL_CHAIN = 31337;
export const ZERO20: Hex = `0x${"00".repeat(20)}`;
const ZERO32: Hex = `0x${"00".repeat(32)}`;

// ---------------------------------------------------------------- from outside

const STATED = { key: bytes(32), job: bytes(32), prover: bytes(20), relying_party: bytes(20), until: time };
const PLACED = { version: exactly(1), chain_id: decimal(2n ** 53n), statements: bytes(20), proof: bytes(256) };
const TOTAL_PROOF = shaped({
  ...PLACED,
  type: exactly("placet.proof"),
  statement: shaped({ ...STATED, commitment: field, low: decimal(MOST_AMOUNT + 1n), high: decimal(MOST_AMOUNT + 1n) }),
  signed: shaped({
    total: shaped({
      job: bytes(32),
      person: bytes(20, 84),
      commitment: field,
      decimals: whole(19),
      issued_at: time,
      not_after: time,
      purpose: line,
    }),
    issuer: bytes(20),
    signature: bytes(65),
  }),
});
const CONSENT_PROOF = shaped({
  ...PLACED,
  type: exactly("placet.consent-proof"),
  statement: shaped({ ...STATED, offer: bytes(32), root: field, nullifier: field }),
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
 * different totals. Whether it holds is `checkProof`'s and `checkConsent`'s. */
export async function readProof(content: string): Promise<AnyProof | null> {
  try {
    const value: unknown = JSON.parse(await contentOf(content));
    if (CONSENT_PROOF(value)) return value as ConsentProof;
    return TOTAL_PROOF(value) && isOfItsTotal(value as ProvenStatement) ? (value as ProvenStatement) : null;
  } catch {
    return null;
  }
}

function isOfItsTotal({ statement, signed: { total } }: ProvenStatement): boolean {
  const same = total.job === statement.job && total.commitment === statement.commitment;
  return same && BigInt(statement.low) < BigInt(statement.high) && total.issued_at <= total.not_after;
}

export const isVerificationKey = (value: unknown): value is VerificationKey => KEY(value);

// ---------------------------------------------------------------------- numbers

/** The contract's `keyId`. */
export const keyId = ({ circuit, ceremony, nullifier, checker, key }: VerificationKey): Hex =>
  keccak256(concat([circuit, ceremony, numberToHex(nullifier, { size: 32 }), pad(checker), keccak256(key)]));

/** The first 253 bits of a hash as a field element, as the contract takes them. */
const element = (digest: Hex): bigint => hexToBigInt(digest) >> 3n;

/** Context, job, then the circuit's own: the context binds key, prover, relying party, time, chain and contract. */
export function publicInputs(statement: BandStatement | ConsentStatement, domain: Domain): readonly bigint[] {
  const own =
    "root" in statement
      ? [hexToBigInt(statement.root), element(statement.offer), hexToBigInt(statement.nullifier)]
      : [hexToBigInt(statement.commitment), BigInt(statement.low), BigInt(statement.high)];
  return [element(digestOf(statementTyped(statement, domain))), element(statement.job), ...own];
}

/** An amount as people write it: 100050 with two decimals is `1000.50`. */
export function amountOf(value: string, decimals: number): string {
  const digits = BigInt(value).toString().padStart(decimals + 1, "0");
  return decimals === 0 ? digits : `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

// ---------------------------------------------------------------------- checks

/** What a node says of a verification key on its chain. `refused`: the chain has no such key, or takes it for nothing; null:
 * nobody was asked or nobody answered. */
export type KeyWord = { readonly key: VerificationKey; readonly contributors: readonly Hex[] } | "refused" | null;

/** What a node says that its chain says of a total's key and job. */
export interface ChainWord {
  readonly key: KeyWord;
  readonly job: { readonly consumer: Hex; readonly status: string } | "refused" | null;
}

/** What a reader holds against a proof. `reader`: his address, null where he didn't say; `now` in Unix seconds. */
export interface Grounds<Word> {
  readonly deployment: Pick<Deployment, "chain_id" | "statements" | "consent_trees">;
  readonly trust: Pick<TrustList, "institutions">;
  readonly ownKey: VerificationKey | null;
  readonly chain: Word;
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
export interface Checked<Name extends string> {
  readonly verdict: Verdict;
  readonly states: Readonly<Record<Name, State>>;
}

export const judged = (good: boolean): State => (good ? "ok" : "failed");
const COMPLETED = new Set(["completed", "closed"]);
const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;

/** What keys of a circuit are registered as. `circuit`: SHA-256 of its source in circom. */
export interface Circuit {
  readonly circuit: Hex;
  readonly nullifier: number;
  readonly checker: Hex;
}
const BAND: Circuit = {
  circuit: "0xbbba2162a509f7b1a9b14fb8923dacd537ddeee05134b7f1d8fb53e12881a9f9",
  nullifier: 0,
  checker: ZERO20,
};

/** What `placet prove check --url` checks, and of what it couldn't be checked `unknown`. It `holds` only where all is. */
export async function checkProof(proven: ProvenStatement, grounds: Grounds<ChainWord>, pairing: Pairing): Promise<Checked<Check>> {
  const { statement, signed } = proven;
  const { deployment, trust, now, chain } = grounds;
  return concluded({
    ...checkShared(proven, BAND, grounds, chain.key, pairing),
    issuer: judged(trust.institutions.some((one) => one.address === signed.issuer)),
    signature: judged(await isSigned(signed, provenDomainOf(deployment))),
    time: judged(now <= Math.min(statement.until, signed.total.not_after)),
    job: chain.job === null ? "unknown" : judged(chain.job !== "refused" && chain.job.consumer === signed.issuer && COMPLETED.has(chain.job.status)),
  });
}

/** It fails where one check does, and holds where all were made and passed. */
export function concluded<Name extends string>(states: Readonly<Record<Name, State>>): Checked<Name> {
  const all: readonly State[] = Object.values(states);
  const verdict = all.includes("failed") ? "fails" : all.includes("sandbox") ? "sandbox" : all.includes("unknown") ? "incomplete" : "holds";
  return { verdict, states };
}

/** What is checked of every proof alike. The key is taken only where it is the statement's own and one of this circuit's:
 * registered without its nullifier and checker a consent would be used twice, or after its end. */
export function checkShared(proven: AnyProof, circuit: Circuit, grounds: Grounds<unknown>, onChain: KeyWord, pairing: Pairing) {
  const { deployment, reader } = grounds;
  const { statement, chain_id, statements } = proven;
  const key = grounds.ownKey ?? (onChain === "refused" ? null : (onChain?.key ?? null));
  const keyState = onChain === "refused" ? "failed" : key === null ? "unknown" : judged(isKeyOf(key, statement, circuit));
  const inputs = publicInputs(statement, provenDomainOf(deployment));
  return {
    place: judged(chain_id === String(deployment.chain_id) && statements === deployment.statements.address),
    reader: statement.relying_party === ZERO20 ? "ok" : reader === null ? "unknown" : judged(reader === statement.relying_party),
    key: keyState,
    ceremony: ceremonyState(key, onChain, grounds),
    proof: key === null || keyState !== "ok" ? "unknown" : judged(isProven(key, inputs, proven.proof, pairing)),
  } as const satisfies Readonly<Record<string, State>>;
}

const isKeyOf = (key: VerificationKey, statement: Statement, circuit: Circuit): boolean =>
  keyId(key) === statement.key && key.circuit === circuit.circuit && key.nullifier === circuit.nullifier && key.checker === circuit.checker;

/** Whoever is all contributors of a key can prove anything with it: two and more, each an institution of the trust list. */
function ceremonyState(key: VerificationKey | null, onChain: KeyWord, { deployment, trust }: Grounds<unknown>): State {
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
