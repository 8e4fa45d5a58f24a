/** Proofs from outside, and what is said of each: the vectors that Python is tested with. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { draw, read } from "../../src/lazy/codes.ts";
import { verify } from "../../src/lazy/pairing.ts";
import { hexToBytes, type Hex } from "../src/bytes.ts";
import { codeOf } from "../src/code.ts";
import type { Institution } from "../src/documents.ts";
import { amountOf, checkProof, isVerificationKey, publicInputs, readProof, type ChainWord, type ProvenStatement, type VerificationKey } from "../src/proof.ts";
import { FIELD } from "../src/shape.ts";
import { provenDomainOf } from "../src/typed.ts";

type Name = "test" | "common" | "another" | "counted";
interface Case {
  readonly name: string;
  readonly proof: ProvenStatement;
  readonly chain_id: number;
  readonly reader: Hex | null;
  readonly now: number;
  readonly own_key: Name | null;
  readonly key: { readonly key: Name; readonly contributors: readonly Hex[] } | "refused" | null;
  readonly job: ChainWord["job"];
  readonly verdict: string;
  readonly states: object;
}
const vectors: { keys: Record<Name, VerificationKey>; institutions: Institution[]; statements: Hex; consent_trees: Hex; texts: { proof: ProvenStatement; code: string }[]; cases: Case[] } = JSON.parse(
  readFileSync(`${process.env["PLACET_VECTORS"]}/proofs.json`, "utf8"),
);
const contract = (address: Hex) => ({ address });
const deploymentOf = (chain_id: number) => ({ chain_id, statements: contract(vectors.statements), consent_trees: contract(vectors.consent_trees) });

test("what is said of each proof", async () => {
  assert.ok(vectors.cases.length > 25);
  for (const one of vectors.cases) {
    const proven = await readProof(JSON.stringify(one.proof));
    assert.ok(proven?.type === "placet.proof", one.name);
    const { job, reader, now } = one;
    const key = typeof one.key === "string" || one.key === null ? one.key : { ...one.key, key: vectors.keys[one.key.key] };
    const ownKey = one.own_key && vectors.keys[one.own_key];
    const grounds = { deployment: deploymentOf(one.chain_id), trust: vectors, ownKey, chain: { key, job }, reader, now };
    assert.deepEqual(await checkProof(proven, grounds, verify), { verdict: one.verdict, states: one.states }, one.name);
  }
});

test("a proof comes back from its code's text and from a picture of it", async () => {
  for (const { proof, code } of vectors.texts) {
    assert.deepEqual(await readProof(` ${code}\n`), proof);
    const own = await codeOf(proof);
    assert.match(own, /^PLACET1:[0-9A-Z $%*+\-./:]+$/);
    assert.deepEqual(await readProof(own), proof);
    const squares = draw(own);
    const [wide, pixels] = [squares.length, 4];
    const data = new Uint8ClampedArray((wide * pixels) ** 2 * 4).fill(255);
    for (let y = 0; y < wide * pixels; y++)
      for (let x = 0; x < wide * pixels; x++)
        if (squares[Math.floor(y / pixels)]?.[Math.floor(x / pixels)]) data.fill(0, (y * wide * pixels + x) * 4, (y * wide * pixels + x) * 4 + 3);
    assert.deepEqual(await readProof(read({ data, width: wide * pixels, height: wide * pixels } as unknown as ImageData) ?? ""), proof);
    console.log(`${JSON.stringify(proof).length} bytes of JSON: ${own.length} letters, ${wide - 8} squares a side`);
  }
});

test("what is no proof is none", async () => {
  const { proof, code } = vectors.texts[0] as { proof: ProvenStatement; code: string };
  const { statement, signed } = proof;
  const total = (change: object) => ({ ...proof, signed: { ...signed, total: { ...signed.total, ...change } } });
  const stated = (change: object) => ({ ...proof, statement: { ...statement, ...change } });
  const strange: object[] = [
    { ...proof, more: 1 }, { ...proof, version: 2 }, { ...proof, type: "placet.total" }, { ...proof, proof: proof.proof.slice(0, -2) },
    { ...proof, proof: `${proof.proof}00` }, { ...proof, statements: proof.statements.slice(0, -1) }, { ...proof, chain_id: 8453 },
    { ...proof, statement: null }, { ...proof, signed: { ...signed, signature: "0x" } },
    stated({ low: statement.high }), stated({ low: "-1" }), stated({ low: 1 }), stated({ high: (2n ** 64n).toString() }),
    stated({ until: 1.5 }), stated({ until: 2 ** 48 }), stated({ until: "1" }), stated({ job: `0x${"00".repeat(32)}` }),
    stated({ commitment: `0x${"00".repeat(32)}` }), stated({ key: statement.key.toUpperCase() }),
    total({ decimals: 19 }), total({ decimals: -1 }), total({ issued_at: signed.total.not_after + 1 }), total({ person: "0x00" }),
    ...["", " a", "a ", "a\nb", "a\u202eb", "a\u200bb", "a\u00a0b", "a\u0301\u0000", "e\u0301", "x".repeat(401)].map((purpose) => total({ purpose })),
    { ...total({ commitment: `0x${"ff".repeat(32)}` }), statement: { ...statement, commitment: `0x${"ff".repeat(32)}` } },
  ];
  for (const one of strange) assert.equal(await readProof(JSON.stringify(one)), null, JSON.stringify(one).slice(0, 3000));
  for (const one of ["", "null", "[]", "PLACET1:", code.slice(0, -3), "x".repeat(100_000)]) assert.equal(await readProof(one), null);
});

test("a key from outside, and a pairing that takes nothing else than points and field elements", () => {
  const [one, key] = [vectors.cases[0] as Case, vectors.keys.common];
  assert.ok(isVerificationKey(key));
  for (const change of [{ key: key.key.slice(0, -2) }, { nullifier: 64 }, { more: 1 }, { circuit: "0x" }]) assert.ok(!isVerificationKey({ ...key, ...change }));
  const inputs = publicInputs(one.proof.statement, provenDomainOf(deploymentOf(one.chain_id)));
  const [bytes, proof] = [hexToBytes(key.key), hexToBytes(one.proof.proof)];
  assert.ok(verify(bytes, inputs, proof));
  assert.ok(!verify(bytes, inputs.slice(0, -1), proof));
  inputs.forEach((_, at) => {
    for (const by of [FIELD, -FIELD]) assert.ok(!verify(bytes, inputs.map((value, place) => (place === at ? value + by : value)), proof));
  });
  const cut = (from: number, to: number) => bytes.slice(from, to);
  const joined = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));
  const broken = joined(cut(0, 320), cut(192, 320), cut(448, bytes.length)); // delta = gamma: it proves anything
  const infinite = joined(cut(0, 512), new Uint8Array(64), cut(576, bytes.length));
  const stray = bytes.map((byte, at) => (at === 200 ? byte ^ 1 : byte));
  for (const bad of [broken, infinite, stray]) assert.throws(() => verify(bad, inputs, proof));
});

test("an amount is written as people write it", () => {
  assert.deepEqual(["100050", "5", "0", "18446744073709551615"].map((one) => amountOf(one, 2)), ["1000.50", "0.05", "0.00", "184467440737095516.15"]);
  assert.equal(amountOf("7", 0), "7");
});
