/** Proofs of consents from outside, and what is said of each: the vectors that Python is tested with. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { verify } from "../../src/lazy/pairing.ts";
import { checkConsent, isConsentOnChain, statementId, type ConsentWord } from "../src/anonymous.ts";
import { hexToBytes, type Hex } from "../src/bytes.ts";
import { codeOf } from "../src/code.ts";
import type { Institution } from "../src/documents.ts";
import { publicInputs, readProof, type AnyProof, type ConsentProof, type VerificationKey } from "../src/proof.ts";
import { FIELD } from "../src/shape.ts";
import { provenDomainOf } from "../src/typed.ts";

interface Case {
  readonly name: string;
  readonly proof: ConsentProof;
  readonly chain_id: number;
  readonly reader: Hex | null;
  readonly now: number;
  readonly own_key: string | null;
  readonly key: { readonly key: string; readonly contributors: readonly Hex[] } | "refused" | null;
  readonly consent: ConsentWord["consent"];
  readonly verdict: string;
  readonly states: object;
}
interface Vectors {
  readonly keys: Readonly<Record<string, VerificationKey>>;
  readonly institutions: Institution[];
  readonly statements: Hex;
  readonly consent_trees: Hex;
  readonly texts: readonly { readonly proof: ConsentProof; readonly code: string; readonly statement_id: Hex }[];
  readonly cases: readonly Case[];
}
const vectors: Vectors = JSON.parse(readFileSync(`${process.env["PLACET_VECTORS"]}/consent_proofs.json`, "utf8"));
const contract = (address: Hex) => ({ address });
const deploymentOf = (chain_id: number) => ({ chain_id, statements: contract(vectors.statements), consent_trees: contract(vectors.consent_trees) });
const keyOf = (name: string): VerificationKey => vectors.keys[name] as VerificationKey;
const isOfConsent = (one: AnyProof | null): one is ConsentProof => one?.type === "placet.consent-proof";

test("what is said of each proof of a consent", async () => {
  assert.ok(vectors.cases.length > 45);
  for (const one of vectors.cases) {
    const proven = await readProof(JSON.stringify(one.proof));
    assert.ok(isOfConsent(proven), one.name);
    const { consent, reader, now } = one;
    assert.ok(consent === null || consent === "refused" || isConsentOnChain(consent));
    const key = typeof one.key === "string" || one.key === null ? one.key : { ...one.key, key: keyOf(one.key.key) };
    const ownKey = one.own_key === null ? null : keyOf(one.own_key);
    const grounds = { deployment: deploymentOf(one.chain_id), trust: vectors, ownKey, chain: { key, consent }, reader, now };
    assert.deepEqual(checkConsent(proven, grounds, verify), { verdict: one.verdict, states: one.states }, one.name);
  }
});

test("it comes back from its code's text, and has the contract's id", async () => {
  for (const { proof, code, statement_id } of vectors.texts) {
    assert.deepEqual(await readProof(` ${code}\n`), proof);
    assert.deepEqual(await readProof(await codeOf(proof)), proof);
    assert.equal(statementId(proof, deploymentOf(Number(proof.chain_id))), statement_id);
  }
});

test("what is no proof of a consent is none", async () => {
  const { proof, code } = vectors.texts[0] as Vectors["texts"][number];
  const { statement } = proof;
  const stated = (change: object) => ({ ...proof, statement: { ...statement, ...change } });
  const beyond = (word: Hex): Hex => `0x${(BigInt(word) + FIELD).toString(16).padStart(64, "0")}`;
  const { nullifier: _, ...without } = statement;
  const strange: object[] = [
    { ...proof, more: 1 }, { ...proof, version: 2 }, { ...proof, type: "placet.proof" }, { ...proof, signed: {} }, { ...proof, statement: null },
    { ...proof, proof: proof.proof.slice(0, -2) }, { ...proof, proof: `${proof.proof}00` }, { ...proof, chain_id: 8453 }, { ...proof, statement: without },
    stated({ nullifier: beyond(statement.nullifier) }), stated({ root: beyond(statement.root) }), stated({ root: 1 }), stated({ commitment: statement.root }),
    stated({ offer: "0x00" }), stated({ until: 2 ** 48 }), stated({ until: "1" }), stated({ key: statement.key.toUpperCase() }), stated({ job: statement.job.slice(0, -1) }),
  ];
  for (const one of strange) assert.equal(await readProof(JSON.stringify(one)), null, JSON.stringify(one).slice(0, 300));
  for (const one of ["{}", code.slice(0, -3)]) assert.equal(await readProof(one), null);
});

test("a node's word that is none is not taken", () => {
  const word = vectors.cases[0]?.consent as object;
  assert.ok(isConsentOnChain(word));
  const strange = [{ state: "alive" }, { state: 0 }, { used: 0 }, { recorded: null }, { recorded: -1 }, { provider: "0x" }, { leaves: 0.5 }, { more: 1 }, { confirmed: undefined }];
  for (const change of strange) assert.ok(!isConsentOnChain({ ...word, ...change }), JSON.stringify(change));
  for (const one of [null, "refused", [], {}]) assert.ok(!isConsentOnChain(one));
});

test("no public input of a consent counts as another number", () => {
  const [one, key] = [vectors.cases[0] as Case, keyOf("common")];
  const inputs = publicInputs(one.proof.statement, provenDomainOf(deploymentOf(one.chain_id)));
  const [octets, proof] = [hexToBytes(key.key), hexToBytes(one.proof.proof)];
  assert.ok(verify(octets, inputs, proof));
  inputs.forEach((_, at) => {
    for (const by of [1n, FIELD, -FIELD]) assert.ok(!verify(octets, inputs.map((value, place) => (place === at ? value + by : value)), proof));
  });
});
