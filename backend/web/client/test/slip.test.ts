/** Slips as files and as codes' texts, and keys out of a passkey's signatures. */
import assert from "node:assert/strict";
import { generateKeyPairSync, sign, createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { draw, read } from "../../src/lazy/codes.ts";
import { signersOf } from "../../src/lazy/curve.ts";
import type { Consent } from "../src/documents.ts";
import type { Hex } from "../src/bytes.ts";
import { makeSlip, readSlip, slipCode, type Slip } from "../src/slip.ts";
import { KeySigner } from "../src/signers.ts";

const VECTORS = process.env["PLACET_VECTORS"] as string;
const notices: { chain_id: number; consent_registry: Hex; cases: { consent: Consent; id: Hex }[] } = JSON.parse(
  readFileSync(`${VECTORS}/notices.json`, "utf8"),
);
const domain = { name: "Placet Consent", version: "1", chainId: notices.chain_id, verifyingContract: notices.consent_registry };
const signer = new KeySigner(`0x${"11".repeat(32)}`);
/** As long as a passkey's: what of it can't be packed at all. */
const assertion = `0x${createHash("shake256", { outputLength: 480 }).update("an assertion").digest("hex")}` as Hex;

test("a slip comes back from its code's text, in any language, and from a picture of it", async () => {
  assert.ok(notices.cases.length > 20);
  for (const one of notices.cases) {
    const slip = await makeSlip(signer, domain, one);
    const letters = await slipCode(slip);
    assert.match(letters, /^PLACET1:[0-9A-Z $%*+\-./:]+$/);
    assert.deepEqual(await readSlip(letters, domain), slip);
    assert.deepEqual(await readSlip(JSON.stringify(slip, null, 1), domain), slip);
  }
  const longest = notices.cases.reduce((one, two) => (canonicalSize(one.consent) > canonicalSize(two.consent) ? one : two));
  const slip0 = await makeSlip(signer, domain, longest);
  const proof = Array.from({ length: 16 }, (_, at) => `0x${createHash("sha256").update(`${at}`).digest("hex")}` as Hex);
  for (const more of [{}, { signature: assertion }, { signature: assertion, batch: proof[0] as Hex, proof }]) {
    const slip: Slip = { ...slip0, ...more };
    const code = draw(await slipCode(slip));
    const wide = code.length;
    const pixels = 4;
    const data = new Uint8ClampedArray((wide * pixels) ** 2 * 4).fill(255);
    code.forEach((row, y) =>
      row.forEach((dark, x) => {
        for (let dy = 0; dark && dy < pixels; dy++)
          for (let dx = 0; dx < pixels; dx++) data.fill(0, ((y * pixels + dy) * wide * pixels + x * pixels + dx) * 4, ((y * pixels + dy) * wide * pixels + x * pixels + dx) * 4 + 3);
      }),
    );
    const picture = { data, width: wide * pixels, height: wide * pixels } as unknown as ImageData;
    assert.deepEqual(await readSlip(read(picture) ?? "", domain), slip);
    console.log(`${canonicalSize(slip)} bytes of JSON: ${(await slipCode(slip)).length} letters, ${wide - 8} squares a side`);
  }
  assert.equal(read({ data: new Uint8ClampedArray(400 * 400 * 4).fill(255), width: 400, height: 400 } as unknown as ImageData), null);
});

const canonicalSize = (value: object) => Buffer.byteLength(JSON.stringify(value));

test("what is no slip of this chain is none", async () => {
  const slip = await makeSlip(signer, domain, notices.cases[0] as { consent: Consent; id: Hex });
  const letters = await slipCode(slip);
  const other = { ...slip, consent: { ...slip.consent, uses: slip.consent.uses + 1 } };
  for (const content of [
    "", "PLACET1:", "PLACET1:lower", "PLACET1::::", "null", "[]", letters.slice(0, -3), letters.replace("PLACET1:", "PLACET2:"),
    await slipCode(other), JSON.stringify(other), await slipCode({ ...slip, chain_id: 1 }), await bomb(),
  ])
    assert.equal(await readSlip(content, domain), null, content.slice(0, 40));
});

/** The text of a code that would unpack to 4 MB. */
async function bomb(): Promise<string> {
  const value = { ...(await makeSlip(signer, domain, notices.cases[0] as { consent: Consent; id: Hex })), x: "0".repeat(1 << 22) };
  return slipCode(value);
}

test("one of the keys that a signature gives is the one that signed", () => {
  for (let round = 0; round < 20; round++) {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const message = Buffer.from(`round ${round}`);
    const hash = createHash("sha256").update(message).digest();
    const jwk = publicKey.export({ format: "jwk" });
    const key = Buffer.concat([Buffer.from(jwk.x as string, "base64url"), Buffer.from(jwk.y as string, "base64url")]);
    const keys = signersOf(sign("sha256", message, privateKey), hash);
    assert.equal(keys.filter((one) => Buffer.from(one).equals(key)).length, 1);
    assert.ok(keys.length <= 4);
  }
});
