/** What a proof is held against: the reader's own files, and what the node that serves the page says of its chain. */
import { canonical, isVerificationKey, PlacetError, readProof, type AnyProof, type Deployment, type Hex, type KeyWord, type TrustList, type VerificationKey } from "../../client/src/index.ts";
import { ask } from "../../client/src/node.ts";
import { codeIn } from "../common/codes.tsx";

/** Whose node it is, and what it goes by. */
export interface Home {
  readonly institution: Hex;
  readonly deployment: Deployment;
  readonly trust: TrustList;
}
export interface Chosen {
  readonly proof: AnyProof | null;
  readonly deployment: Deployment | null;
  readonly trust: TrustList | null;
  readonly key: VerificationKey | null;
}
export type Wrong = "file" | "code" | "large";

export const NOTHING: Chosen = { proof: null, deployment: null, trust: null, key: null };
const MOST = 1 << 20;
/** Of a picture: phones take photographs of some megabytes. */
const MOST_PICTURE = 32 << 20;
/** With which a node says that its chain has no such key, job or offer, or that the contracts take the key for nothing. */
const REFUSED = new Set(["not-found", "proof.ceremony", "proof.test-key"]);

export const home = (): Promise<Home> => ask<Home>("/v1/trust");

/** What was chosen before, and what this file is; or what is wrong with it. */
export async function taken(file: File, before: Chosen): Promise<Chosen | Wrong> {
  if (file.type.startsWith("image/")) {
    if (file.size > MOST_PICTURE) return "large";
    const text = await codeIn(file).catch(() => null);
    return text === null ? "code" : takenText(text, before);
  }
  return file.size > MOST ? "large" : takenText(await file.text(), before);
}

export async function takenText(text: string, before: Chosen): Promise<Chosen | Wrong> {
  const proof = await readProof(text);
  if (proof !== null) return { ...before, proof };
  try {
    const value = JSON.parse(text) as { type?: unknown };
    if (isVerificationKey(value)) return { ...before, key: value };
    if (isDeployment(value)) return { ...before, deployment: value };
    if (isTrust(value)) return { ...before, trust: value };
  } catch {
    // not even JSON
  }
  return "file";
}

const isAddress = (value: unknown): boolean => typeof value === "string" && /^0x[0-9a-f]{40}$/.test(value);

function isDeployment(value: object): value is Deployment {
  const { type, chain_id, statements, consent_trees } = value as Partial<Deployment> & { type?: unknown };
  return type === "placet.deployment" && Number.isSafeInteger(chain_id) && isAddress(statements?.address) && isAddress(consent_trees?.address);
}

function isTrust(value: object): value is TrustList {
  const { type, institutions } = value as Partial<TrustList> & { type?: unknown };
  return type === "placet.trust" && Array.isArray(institutions) && institutions.every((one) => isAddress(one?.address) && typeof one.name === "string");
}

/** Its chain's word on a key. A proof stays here: only what it names is asked for. */
export async function keyWord(id: Hex): Promise<KeyWord> {
  const key = await answer<Exclude<KeyWord, "refused" | null>>(`/v1/proofs/keys/${id}`);
  return key !== null && key !== "refused" && !isVerificationKey(key.key) ? null : key;
}

/** What the node says; null where it says nothing. */
export async function answer<T>(url: string): Promise<T | "refused" | null> {
  try {
    return await ask<T>(url);
  } catch (error) {
    return error instanceof PlacetError && REFUSED.has(error.problem?.code ?? "") ? "refused" : null;
  }
}

/** Whether the node's chain and contracts are those of the reader's own file: what it says of others is beside the point. */
export const sameChain = (own: Deployment | null, there: Deployment): boolean => own === null || canonical(own) === canonical(there);
