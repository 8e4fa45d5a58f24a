/** A proof that one of the live consents to an offer is the prover's, and not which, held against what its reader knows. */
import { concat, keccak256, numberToHex } from "viem/utils";
import type { Hex } from "./bytes.ts";
import type { Deployment } from "./documents.ts";
import { checkShared, concluded, judged, publicInputs, type Checked, type Circuit, type ConsentProof, type Grounds, type KeyWord, type Pairing, type State } from "./proof.ts";
import { bytes, exactly, shaped, time, whole } from "./shape.ts";
import { digestOf, provenDomainOf, statementTyped } from "./typed.ts";

const TREE_STATES = ["live", "unknown", "ended", "expired", "exhausted"] as const;

/** What a node says that its chain says of a statement, as of one block. `state`: the tree's, of `leaves` consents that may be
 * used until `until`; `provider`: whose offer it is, who alone can publish such a tree; `used`: the nullifier is recorded, by
 * this statement where `recorded` is not 0, and for good where that is `confirmed`. */
export interface ConsentOnChain {
  readonly block: number;
  readonly time: number;
  readonly provider: Hex;
  readonly state: (typeof TREE_STATES)[number];
  readonly leaves: number;
  readonly until: number;
  readonly used: boolean;
  readonly recorded: number;
  readonly confirmed: boolean;
}
/** What a node says of the statement's key, and of the rest. `refused`: its chain has no such key, or no such offer. */
export interface ConsentWord {
  readonly key: KeyWord;
  readonly consent: ConsentOnChain | "refused" | null;
}

const truth = (value: unknown): boolean => typeof value === "boolean";
const ON_CHAIN = shaped({
  block: whole(2 ** 53),
  time,
  provider: bytes(20),
  state: (value) => TREE_STATES.some((one) => exactly(one)(value)),
  leaves: whole(2 ** 32),
  until: time,
  used: truth,
  recorded: time,
  confirmed: truth,
});
export const isConsentOnChain = (value: unknown): value is ConsentOnChain => ON_CHAIN(value);

export const CONSENT_CHECKS = ["place", "reader", "time", "key", "ceremony", "proof", "publisher", "tree", "use"] as const;
export type ConsentCheck = (typeof CONSENT_CHECKS)[number];

const circuitOf = ({ consent_trees }: Pick<Deployment, "consent_trees">): Circuit => ({
  circuit: "0xae279a522e7653a58a1c9f37627c0cac034c8d8d08c807fb4a08d17e99df2c14",
  nullifier: 4,
  checker: consent_trees.address,
});

/** The contract's id of a statement. It tells nobody what is stated. */
export function statementId(proven: ConsentProof, deployment: Pick<Deployment, "chain_id" | "statements">): Hex {
  const domain = provenDomainOf(deployment);
  const inputs = publicInputs(proven.statement, domain);
  const words = [64n, BigInt(inputs.length), ...inputs].map((one) => numberToHex(one, { size: 32 }));
  return keccak256(concat([digestOf(statementTyped(proven.statement, domain)), ...words]));
}

/** What `placet prove check --url` checks of a consent, and of what it couldn't be checked `unknown`. It `holds` only where
 * all is: a proof under a root that was live when the statement was recorded, or is now. */
export function checkConsent(proven: ConsentProof, grounds: Grounds<ConsentWord>, pairing: Pairing): Checked<ConsentCheck> {
  const { deployment, trust, now, chain } = grounds;
  const word = chain.consent;
  const known = (test: (one: ConsentOnChain) => State): State => (word === null ? "unknown" : word === "refused" ? "failed" : test(word));
  return concluded({
    ...checkShared(proven, circuitOf(deployment), grounds, chain.key, pairing),
    time: judged(now <= proven.statement.until),
    publisher: known(({ provider, state }) => judged(state !== "unknown" && trust.institutions.some((one) => one.address === provider))),
    tree: known(treeState),
    use: known(({ recorded, used }) => judged(recorded !== 0 || !used)),
  });
}

/** What was recorded was true when it was; a record that the network may still take back shows nothing yet. */
function treeState({ state, recorded, confirmed }: ConsentOnChain): State {
  if (state === "live" || (recorded !== 0 && confirmed)) return "ok";
  return recorded === 0 ? "failed" : "unknown";
}
