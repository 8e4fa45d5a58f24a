/** The same vectors that Python and Solidity are tested with. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { canonical } from "../src/canonical.ts";
import { base64url, hexToBytes, type Hex } from "../src/bytes.ts";
import type { Consent, Offer, Offered, Scope } from "../src/documents.ts";
import { derive, verify, type DraftAnswer } from "../src/draft.ts";
import { PlacetError } from "../src/errors.ts";
import { encodeAssertion, KeySource } from "../src/passkey.ts";
import { KeySigner, signerOf } from "../src/signers.ts";
import { withdrawalTyped } from "../src/typed.ts";

const VECTORS = process.env["PLACET_VECTORS"] as string;
const read = (name: string) => JSON.parse(readFileSync(`${VECTORS}/${name}.json`, "utf8"));

interface Case {
  offer: Offer;
  offer_id: Hex;
  scope: Scope;
  consent: Consent;
  notice: string;
  id: Hex;
  digest: Hex;
}
const notices: { names: Record<Hex, string>; chain_id: number; consent_registry: Hex; cases: Case[] } = read("notices");
const domain = { name: "Placet Consent", version: "1", chainId: notices.chain_id, verifyingContract: notices.consent_registry };
const names = (address: Hex) => {
  const name = notices.names[address];
  if (name === undefined) throw new PlacetError("altered", "a stranger", address);
  return name;
};
const offeredOf = (one: Case): Offered => ({ id: one.offer_id, offer: one.offer, scope: one.scope, openings: 0 });
const fieldsOf = ({ consent }: Case) => ({
  owner: consent.owner,
  not_before: consent.not_before,
  not_after: consent.not_after,
  first_opening: consent.first_opening,
  uses: consent.uses,
  enrolment: consent.details.enrolment,
  salt: consent.details.salt,
  language: consent.details.language,
});

test("every notice, id and digest is derived as Python derives it", async () => {
  assert.ok(notices.cases.length > 20);
  for (const one of notices.cases) {
    const draft = await derive(offeredOf(one), fieldsOf(one), names, domain);
    assert.equal(draft.notice, one.notice);
    assert.deepEqual(draft.consent, one.consent);
    assert.equal(draft.id, one.id);
    assert.equal(draft.digest, one.digest);
  }
});

test("a node's draft is taken, and any lie in it is not", async () => {
  const one = notices.cases[0] as Case;
  const { salt: _, first_opening: __, ...terms } = fieldsOf(one);
  const honest = await derive(offeredOf(one), fieldsOf(one), names, domain);
  const answer: DraftAnswer = { id: one.id, consent: one.consent, notice: one.notice, typed_data: honest.typed };
  assert.equal((await verify(answer, terms, offeredOf(one), names, domain)).digest, one.digest);
  const other = `0x${"77".repeat(32)}` as Hex;
  const lies: DraftAnswer[] = [
    { ...answer, id: other },
    { ...answer, notice: `${one.notice} ` },
    { ...answer, consent: { ...one.consent, uses: 2 } },
    { ...answer, consent: { ...one.consent, not_after: one.consent.not_after + 1 } },
    { ...answer, consent: { ...one.consent, owner: `0x${"77".repeat(20)}` } },
    { ...answer, consent: { ...one.consent, offer: { ...one.offer, operations: 1 } } },
    { ...answer, typed_data: { ...honest.typed, domain: { ...domain, chainId: 1 } } },
    { ...answer, typed_data: { ...honest.typed, message: { ...honest.typed.message, uses: 2 } } },
    ...(["language", "dataset", "consumer", "purpose", "columns", "output", "parties", "notice", "enrolment"] as const).map(
      (field) => ({ ...answer, consent: { ...one.consent, details: { ...one.consent.details, [field]: other } } }),
    ),
  ];
  for (const lie of lies) {
    await assert.rejects(verify(lie, terms, offeredOf(one), names, domain), { code: "altered" });
  }
  const offers: Offered[] = [
    { ...offeredOf(one), id: other },
    { ...offeredOf(one), openings: 1 },
    { ...offeredOf(one), scope: { ...one.scope, title: "Other" } },
    { ...offeredOf(one), scope: { ...one.scope, data_life: 9 } as Scope },
  ];
  for (const offered of offers) await assert.rejects(verify(answer, terms, offered, names, domain), { code: "altered" });
  await assert.rejects(verify(answer, terms, offeredOf(one), () => "Another Bank", domain), { code: "altered" });
});

test("canonical JSON sorts by UTF-16 code units and refuses what JSON has not", () => {
  assert.equal(canonical({ "\u{1f600}": 1, "\ufb33": [1, "é\u2028\n"], a: null }), '{"a":null,"\u{1f600}":1,"\ufb33":[1,"é\u2028\\n"]}');
  for (const strange of [NaN, "\ud800", 1n, () => 0]) assert.throws(() => canonical(strange), TypeError);
});

test("a passkey's assertion is encoded in the one form that the contract takes", () => {
  const { cases }: { cases: { name: string; signature: Hex; valid?: boolean }[] } = read("webauthn");
  const browser = cases.find((one) => one.name === "as a browser has it");
  assert.ok(browser);
  const bytes = hexToBytes(browser.signature);
  const word = (at: number) => BigInt(`0x${Buffer.from(bytes.slice(at, at + 32)).toString("hex")}`);
  const data = (head: number) => {
    const at = Number(word(head));
    return bytes.slice(at + 32, at + 32 + Number(word(at)));
  };
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const integer = (value: bigint) => {
    let hex = value.toString(16);
    if (hex.length % 2) hex = `0${hex}`;
    if (parseInt(hex.slice(0, 2), 16) > 127) hex = `00${hex}`;
    return [2, hex.length / 2, ...Buffer.from(hex, "hex")];
  };
  for (const s of [word(32), order - word(32)]) {
    const body = [...integer(word(0)), ...integer(s)];
    assert.equal(encodeAssertion(Uint8Array.from([48, body.length, ...body]), data(128), data(160)), browser.signature);
  }
});

test("a passkey's secret gives one key a label, the same each time", async () => {
  const material = await crypto.subtle.importKey("raw", new Uint8Array(32).fill(7), "HKDF", false, ["deriveBits"]);
  const source = new KeySource("id", material);
  const offer = `0x${"ab".repeat(32)}` as Hex;
  const first = await source.key(offer, 0);
  assert.equal(first.owner, (await source.key(offer, 0)).owner);
  assert.notEqual(first.owner, (await source.key(offer, 1)).owner);
  const typed = withdrawalTyped(offer, domain);
  assert.equal(await signerOf(typed, await first.signTyped(typed)), first.owner);
  assert.equal(new KeySigner(`0x${"11".repeat(32)}`).owner, "0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a");
  assert.equal(base64url(Uint8Array.from([251, 255])), "-_8");
});
