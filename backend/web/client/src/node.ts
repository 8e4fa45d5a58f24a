/** An institution's node, as an owner uses it. Nothing that it says is signed before `verify` has looked at it. */
import { base64url, hexToBytes, randomHex, sha256, text, type Hex } from "./bytes.ts";
import { canonical } from "./canonical.ts";
import type { ConsentAnswer, Enrolment, Enroller, ExportPage, Names, Offered, Opening, Use } from "./documents.ts";
import { demandOffer, verify, type Draft, type DraftAnswer, type Terms } from "./draft.ts";
import { readErasures, type ErasureAnswer } from "./erasure.ts";
import { PlacetError, type Problem } from "./errors.ts";
import { signerOf, type Signer } from "./signers.ts";
import type { Slip } from "./slip.ts";
import { enrolmentTyped, requestTyped, type Domain, type TypedData } from "./typed.ts";
import type { Language } from "./words.ts";

const LIFETIME = 240;
const WAIT = 30_000;

/** Asks and reads JSON; PlacetError `offline` or `refused` otherwise. */
export async function ask<T>(url: string, init: { method?: string; body?: string; authorization?: string } = {}): Promise<T> {
  const headers: Record<string, string> = {};
  if (init.body !== undefined) headers["Content-Type"] = "application/json";
  if (init.authorization !== undefined) headers["Authorization"] = init.authorization;
  let answer: Response;
  try {
    answer = await fetch(url, {
      method: init.method ?? "GET",
      headers,
      ...(init.body === undefined ? {} : { body: init.body }),
      credentials: "omit",
      cache: "no-store",
      signal: AbortSignal.timeout(WAIT),
    });
  } catch {
    throw new PlacetError("offline", "nobody answered");
  }
  const body: unknown = await answer.json().catch(() => null);
  if (answer.ok && body !== null) return body as T;
  const problem = (body ?? {}) as Partial<Problem>;
  throw new PlacetError("refused", problem.detail ?? "refused", problem.code ?? String(answer.status), {
    code: problem.code ?? String(answer.status),
    detail: problem.detail ?? answer.statusText,
    ...(problem.remedy === undefined ? {} : { remedy: problem.remedy }),
  });
}

/** What is signed of one request to `receiver`, good once; and, of its signature, the `Authorization: Placet …`. */
export interface Asking {
  readonly typed: TypedData;
  header(signer: Hex, signature: Hex): string;
}

export async function asking(domain: Domain, receiver: Hex, method: string, path: string, body = ""): Promise<Asking> {
  const nonce = randomHex(32);
  const expiry = Math.floor(Date.now() / 1000) + LIFETIME;
  const request = { receiver, method, path, body: await sha256(text(body)), nonce, expiry };
  return {
    typed: requestTyped(request, domain),
    header: (signer, signature) => `Placet ${base64url(text(canonical({ signer, nonce, expiry, signature })))}`,
  };
}

export async function signRequest(
  signer: Signer,
  domain: Domain,
  receiver: Hex,
  method: string,
  path: string,
  body = "",
): Promise<string> {
  const request = await asking(domain, receiver, method, path, body);
  return request.header(signer.owner, await signer.signTyped(request.typed));
}

export interface Session {
  readonly token: string;
  readonly expires: number;
}

/** How an owner's reads are authorized: each signed where that asks nobody, else by a session of 15 minutes. */
export class Reader {
  /** `session`: one that has begun already. */
  constructor(
    private readonly node: NodeClient,
    readonly signer: Signer,
    private session: Session | null = null,
  ) {}

  async authorization(path: string): Promise<string> {
    const { node, signer } = this;
    if (signer.kind === "key") return signRequest(signer, node.domain, node.address, "GET", path);
    if (this.session === null || this.session.expires * 1000 < Date.now() + 5000) {
      const authorization = await signRequest(signer, node.domain, node.address, "POST", "/v1/session");
      this.session = await node.session(authorization);
    }
    return `Session ${this.session.token}`;
  }
}

export class NodeClient {
  /** `api` has no slash at its end and may be empty: the page's own origin. `address`: the institution's. */
  constructor(
    readonly api: string,
    readonly address: Hex,
    readonly domain: Domain,
    private readonly names: Names,
  ) {}

  /** The node's offers that hold together; `altered` if one does not. */
  async offers(): Promise<readonly Offered[]> {
    const { offers } = await ask<{ offers: readonly Offered[] }>(`${this.api}/v1/offers`);
    for (const one of offers) await demandOffer(one, this.names);
    return offers;
  }

  async draft(offered: Offered, terms: Terms): Promise<Draft> {
    const answer = await ask<DraftAnswer>(`${this.api}/v1/consents/draft`, {
      method: "POST",
      body: canonical({ ...terms, offer: offered.id }),
    });
    return verify(answer, terms, offered, this.names, this.domain);
  }

  /** The status. The same again changes nothing. */
  async submit(draft: Pick<Draft, "id" | "consent">, signature: Hex, enrolment: Enrolment, opening: Opening): Promise<string> {
    const body = canonical({ consent: draft.consent, signature, enrolment: { ...enrolment, opening } });
    return this.accepted(`${this.api}/v1/consents`, draft.id, body);
  }

  /** Begun by a request for one that is signed. */
  session(authorization: string): Promise<Session> {
    return ask(`${this.api}/v1/session`, { method: "POST", authorization });
  }

  consent(reader: Reader, id: Hex): Promise<ConsentAnswer> {
    return this.read(reader, `/v1/consents/${id}`);
  }

  async consents(reader: Reader): Promise<readonly ConsentAnswer[]> {
    return (await this.read<{ consents: readonly ConsentAnswer[] }>(reader, "/v1/consents")).consents;
  }

  async uses(reader: Reader, id: Hex): Promise<readonly Use[]> {
    return (await this.read<{ uses: readonly Use[] }>(reader, `/v1/consents/${id}/uses`)).uses;
  }

  /** All that the node holds of the reader. */
  async exported(reader: Reader): Promise<readonly ExportPage[]> {
    const pages: ExportPage[] = [];
    let cursor: Hex | null = null;
    do {
      const page: ExportPage = await this.read(reader, `/v1/export${cursor === null ? "" : `?cursor=${cursor}`}`);
      pages.push(page);
      cursor = page.cursor;
    } while (cursor !== null && pages.length < 100);
    return pages;
  }

  /** Withdraw by the signature of a slip. `consent` in full lets any node relay it. */
  withdraw(slip: Slip): Promise<string> {
    const { id, signature, consent, batch, proof } = slip;
    const place = batch === undefined || proof === undefined ? {} : { batch, proof };
    return this.accepted(`${this.api}/v1/consents/${id}/withdrawal`, id, canonical({ signature, consent, ...place }));
  }

  async erase(signer: Signer, id: Hex): Promise<boolean> {
    const path = `/v1/consents/${id}/erasure`;
    const authorization = await signRequest(signer, this.domain, this.address, "POST", path);
    return (await ask<{ erased: boolean }>(this.api + path, { method: "POST", authorization })).erased;
  }

  /** What came of the erasures of all that the reader gave here. */
  async erasures(reader: Reader): Promise<readonly ErasureAnswer[]> {
    return readErasures(await this.read(reader, `/v1/owners/${reader.signer.owner}/erasure`));
  }

  private async read<T>(reader: Reader, path: string): Promise<T> {
    return ask<T>(this.api + path, { authorization: await reader.authorization(path) });
  }

  private async accepted(url: string, id: Hex, body: string): Promise<string> {
    const answer = await ask<{ id: Hex; status: string }>(url, { method: "POST", body });
    if (answer.id !== id) throw new PlacetError("altered", "the node took on another consent", answer.id);
    return answer.status;
  }
}

export const subjectCommitment = (opening: Opening): Promise<Hex> => {
  return sha256(text("placet.subject/1"), hexToBytes(opening.salt), text(opening.subject));
};

/** Have `signer` enrolled for the person in `opening`; PlacetError `enrolment` for another answer than was asked for. */
export async function enrol(
  enroller: Enroller,
  signer: Signer,
  namespace: string,
  opening: Opening,
  code: string,
  domain: Domain,
): Promise<Enrolment> {
  const path = "/v1/enrolments";
  const body = canonical({ owner: signer.owner, namespace, subject: opening.subject, salt: opening.salt, code });
  const authorization = await signRequest(signer, domain, enroller.address, "POST", path, body);
  const enrolment = await ask<Enrolment>(`${enroller.api}${path}`, { method: "POST", body, authorization });
  const subject = await subjectCommitment(opening);
  const typed = enrolmentTyped(signer.owner, namespace, subject, domain);
  const who = await signerOf(typed, enrolment.signature).catch(() => "nobody");
  if (enrolment.enroller !== enroller.address || enrolment.subject !== subject || who !== enroller.address) {
    throw new PlacetError("enrolment", "the enroller signed something else", who);
  }
  return enrolment;
}

/** Those of the offer whom the trust list lets enrol persons of the offer's kind, at a URL. */
export function enrollersOf(offered: Offered, enrollers: readonly Enroller[]): readonly Enroller[] {
  const { scope } = offered;
  return enrollers.filter(
    (one) => one.api && scope.enrollers.includes(one.address) && scope.namespace && one.namespaces.includes(scope.namespace),
  );
}

export type { Language };
