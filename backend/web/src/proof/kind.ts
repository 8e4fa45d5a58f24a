/** What differs between proofs of totals and of consents: what each states, what is asked and checked of it, whose word is left. */
import type { AnyProof, Checked, Grounds, Hex, KeyWord, Pairing, TrustList } from "../../client/src/index.ts";
import type { Home } from "./grounds.ts";
import { t } from "./i18n.ts";

/** A line of what is stated: its name, its value, and what there is to know of it. */
export type Row = readonly [string, string, string?];

export interface Told<Proof, Word> {
  readonly proof: Proof;
  readonly place: Home;
  /** The reader's own list, or that of the node. */
  readonly trust: TrustList;
  /** Null while the node is asked. */
  readonly word: Word | null;
}

export interface Kind<Proof extends AnyProof, Name extends string, Word extends { readonly key: KeyWord }> {
  readonly checks: readonly Name[];
  /** Those that go by the word of the node, and by the trust list. */
  readonly byNode: readonly Name[];
  readonly byTrust: readonly Name[];
  readonly unasked: Word;
  /** Asks the node for what only its chain knows. The proof stays here. */
  ask(proof: Proof, place: Home): Promise<Word>;
  check(proof: Proof, grounds: Grounds<Word>, verify: Pairing): Checked<Name> | Promise<Checked<Name>>;
  /** What the code says of itself in one line, and until when it is good. */
  short(proof: Proof): string;
  until(proof: Proof): number;
  rows(told: Told<Proof, Word>): readonly Row[];
  /** Whose word is left, beside that of who answers for the chain. */
  believed(told: Told<Proof, Word>, states: Checked<Name>["states"]): readonly string[];
  /** What was not looked up where the node is elsewhere or silent, and what it answers for. */
  nodeWords(told: Told<Proof, Word>, asked: "elsewhere" | "silent" | "node"): string;
}

/** An institution's name by the list; the address of who is not on it. */
export const named = (address: Hex, trust: TrustList): string => trust.institutions.find((one) => one.address === address)?.name ?? address;

/** For whom a proof is. */
export function addressed({ statement }: AnyProof, trust: TrustList, zero: Hex): Row {
  const addressee = statement.relying_party;
  const name = named(addressee, trust);
  return addressee === zero ? [t("said.for"), t("said.everybody")] : [t("said.for"), name, ...(name === addressee ? ([] as const) : ([addressee] as const))];
}
