/** A draft of a node, believed only where it is bit for bit what follows from offer, scope and the pinned names. */
import { sha256, text, type Hex } from "./bytes.ts";
import { canonical } from "./canonical.ts";
import { demandKnownScope, type Consent, type ConsentFields, type Names, type Offered } from "./documents.ts";
import { PlacetError } from "./errors.ts";
import { notice, offerWords } from "./notice.ts";
import { consentId, consentTyped, digestOf, keccakOf, offerId, type Domain, type TypedData } from "./typed.ts";

/** What was derived here, and may be signed. */
export interface Draft {
  readonly id: Hex;
  readonly consent: Consent;
  readonly notice: string;
  readonly typed: TypedData;
  readonly digest: Hex;
}

/** As `POST /v1/consents/draft` answers. */
export interface DraftAnswer {
  readonly id: Hex;
  readonly consent: Consent;
  readonly notice: string;
  readonly typed_data: TypedData;
}

export type Terms = Omit<ConsentFields, "first_opening" | "salt">;

function altered(what: string, found?: unknown): never {
  throw new PlacetError("altered", `the ${what} is not what follows from the offer`, String(found).slice(0, 200));
}

/** That an offer holds together, under the pinned names. */
export async function demandOffer(offered: Offered, names: Names): Promise<void> {
  const { offer, scope } = offered;
  demandKnownScope(scope);
  if (offerId(offer) !== offered.id) altered("offer's id", offered.id);
  if ((await sha256(text(canonical(scope)))) !== offer.scope) altered("scope", offer.scope);
  if (keccakOf(scope.purpose) !== offer.purpose) altered("purpose", scope.purpose);
  offerWords(offer, scope, names, "en");
}

/** The only consent that says exactly what the offer says. */
export async function derive(offered: Offered, fields: ConsentFields, names: Names, domain: Domain): Promise<Draft> {
  await demandOffer(offered, names);
  const { offer, scope } = offered;
  const { owner, not_before, not_after, first_opening, uses, language, enrolment, salt } = fields;
  if (not_before > not_after || uses < 1 || first_opening + uses >= 2 ** 32) altered("time or number of uses");
  const words = notice(offer, scope, names, fields, language);
  const texts = offerWords(offer, scope, names, language);
  const details = { language, ...texts, notice: await sha256(text(words)), enrolment, salt };
  const consent = { owner, offer, not_before, not_after, first_opening, uses, details };
  const typed = consentTyped(consent, domain);
  return { id: consentId(consent), consent, notice: words, typed, digest: digestOf(typed) };
}

/** The node's draft, if it is exactly what was asked for and says what the offer says; else PlacetError `altered`. */
export async function verify(
  answer: DraftAnswer,
  terms: Terms,
  offered: Offered,
  names: Names,
  domain: Domain,
): Promise<Draft> {
  const { first_opening, details } = answer.consent;
  const own = await derive(offered, { ...terms, first_opening, salt: details.salt }, names, domain);
  if (first_opening < offered.openings) altered("first use", first_opening);
  if (answer.notice !== own.notice) altered("text", answer.notice);
  if (canonical(answer.consent) !== canonical(own.consent)) altered("consent");
  if (answer.id !== own.id) altered("number", answer.id);
  if (canonical(answer.typed_data) !== canonical(own.typed)) altered("typed data");
  return own;
}
