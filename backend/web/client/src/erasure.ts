/** What came of an erasure: what each holder signed, or why it has not answered yet. */
import { sha256, text, type Hex } from "./bytes.ts";
import { canonical } from "./canonical.ts";
import { PlacetError } from "./errors.ts";
import { bytes, decimal, exactly, line, shaped, time, whole, type Test } from "./shape.ts";
import { signerOf } from "./signers.ts";
import { erasureTyped, type Domain } from "./typed.ts";

/** A holder's signed word of what it has no more, as of `at` in Unix seconds. */
export interface SignedErasure {
  readonly receipt: {
    readonly type: "placet.erasure-receipt";
    readonly version: 1;
    readonly chain_id: string;
    readonly registry: Hex;
    readonly holder: Hex;
    readonly consent: Hex;
    readonly erased: readonly string[];
    readonly jobs: readonly Hex[];
    readonly at: number;
  };
  readonly signature: Hex;
}

/** How far the erasure of a consent is, by its provider's node. `erasure` is the provider's own receipt; `retain_until`
 * in Unix seconds; `waits` the code of why a holder has not answered. */
export interface ErasureAnswer {
  readonly consent: Hex;
  readonly state: string;
  readonly asked: number;
  readonly retain_until: number | null;
  readonly reason: string | null;
  readonly erasure: SignedErasure | null;
  readonly block: number | null;
  readonly holders: readonly {
    readonly institution: { readonly address: Hex; readonly name: string };
    readonly erasure: SignedErasure | null;
    readonly waits: string | null;
  }[];
}

/** What is known of one holder. `unchecked`: it is said to have signed, and its key did not sign this. `hash` is SHA-256
 * of the receipt; times in Unix seconds. */
export type HolderState =
  | { readonly kind: "deleted"; readonly at: number; readonly hash: Hex }
  | { readonly kind: "unchecked" }
  | { readonly kind: "retains"; readonly until: number; readonly reason: string | null }
  | { readonly kind: "waits"; readonly code: string | null };
export type Holder = HolderState & { readonly address: Hex };

const nullOr = (test: Test): Test => (value) => value === null || test(value);
const list = (test: Test, most: number): Test => (value) => Array.isArray(value) && value.length <= most && value.every(test);
/** Of a key: 65 bytes. A contract's may be longer, and can't be checked here. */
const signature: Test = (value) => typeof value === "string" && /^0x(?:[0-9a-f]{2}){1,4096}$/.test(value);
const signed = shaped({
  receipt: shaped({
    type: exactly("placet.erasure-receipt"),
    version: exactly(1),
    chain_id: decimal(2n ** 53n),
    registry: bytes(20),
    holder: bytes(20),
    consent: bytes(32),
    erased: list(line, 8),
    jobs: list(bytes(32), 4096),
    at: time,
  }),
  signature,
});
const holder = shaped({
  institution: shaped({ address: bytes(20), name: line }),
  erasure: nullOr(signed),
  waits: nullOr(line),
});
const erasures = list(
  shaped({
    consent: bytes(32),
    state: line,
    asked: time,
    retain_until: nullOr(time),
    reason: nullOr(line),
    erasure: nullOr(signed),
    block: nullOr(whole(2 ** 53)),
    holders: list(holder, 1000),
  }),
  10_000,
);

/** A node's answer; PlacetError `altered` for what is none. Whose word a receipt is, `holdersOf` says. */
export function readErasures(answer: unknown): readonly ErasureAnswer[] {
  const found = (answer as { erasures?: unknown } | null)?.erasures;
  if (!erasures(found)) throw new PlacetError("altered", "the node's answer is no list of erasures");
  return found as readonly ErasureAnswer[];
}

/** The provider first, then who was told. `domain`: of receipts. Only a receipt that its holder's key signed, for this
 * consent and under these contracts, is one. */
export function holdersOf(answer: ErasureAnswer, provider: Hex, domain: Domain): Promise<readonly Holder[]> {
  const { consent, retain_until: until, reason } = answer;
  const unanswered: HolderState = until === null ? { kind: "waits", code: null } : { kind: "retains", until, reason };
  const told = answer.holders.map(async ({ institution: { address }, erasure, waits }) => ({
    address,
    ...(await stateOf(erasure, address, consent, domain, { kind: "waits", code: waits })),
  }));
  const own = stateOf(answer.erasure, provider, consent, domain, unanswered);
  return Promise.all([own.then((state) => ({ address: provider, ...state })), ...told]);
}

async function stateOf(
  erasure: SignedErasure | null,
  address: Hex,
  consent: Hex,
  domain: Domain,
  unanswered: HolderState,
): Promise<HolderState> {
  if (erasure === null) return unanswered;
  const { receipt } = erasure;
  const hash = await sha256(text(canonical(receipt)));
  const who = await signerOf(erasureTyped(address, consent, hash, domain), erasure.signature).catch(() => null);
  const here = receipt.chain_id === String(domain.chainId) && receipt.registry === domain.verifyingContract;
  const theirs = receipt.holder === address && receipt.consent === consent && who === address;
  return here && theirs ? { kind: "deleted", at: receipt.at, hash } : { kind: "unchecked" };
}
