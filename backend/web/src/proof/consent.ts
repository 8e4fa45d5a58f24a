/** Proofs that a live consent to an offer is somebody's, and not whose. */
import { checkConsent, CONSENT_CHECKS, isConsentOnChain, statementId, ZERO20, type ConsentCheck, type ConsentOnChain, type ConsentProof, type ConsentWord } from "../../client/src/index.ts";
import { answer, keyWord } from "./grounds.ts";
import { numberOf, t, timeOf } from "./i18n.ts";
import { addressed, named, type Kind, type Row, type Told } from "./kind.ts";

const known = (word: ConsentWord | null): ConsentOnChain | null => (word === null || word.consent === "refused" ? null : word.consent);

function treeRow({ proof, word }: Told<ConsentProof, ConsentWord>): Row {
  const one = known(word);
  if (one === null) return [t("consent.tree"), proof.statement.root];
  const [block, time] = [numberOf(one.block), timeOf(one.time)];
  return [t("consent.tree"), proof.statement.root, t(`consent.tree.${one.state}`, { block, time, until: timeOf(one.until) })];
}

function recordedRow({ word }: Told<ConsentProof, ConsentWord>): readonly Row[] {
  const one = known(word);
  if (one === null) return [];
  if (one.recorded === 0) return [[t("consent.recorded"), t("no"), t("consent.recorded.no")]];
  return [[t("consent.recorded"), timeOf(one.recorded), ...(one.confirmed ? ([] as const) : ([t("consent.recorded.soon")] as const))]];
}

export const CONSENT: Kind<ConsentProof, ConsentCheck, ConsentWord> = {
  checks: CONSENT_CHECKS,
  byNode: ["ceremony", "publisher", "tree", "use"],
  byTrust: [],
  unasked: { key: null, consent: null },
  async ask(proof, place) {
    const { key, offer, root, nullifier } = proof.statement;
    const query = new URLSearchParams({ key, offer, root, nullifier }).toString();
    const asked = answer<unknown>(`/v1/proofs/consents/${statementId(proof, place.deployment)}?${query}`);
    const [onChain, said] = [await keyWord(key), await asked];
    return { key: onChain, consent: said === "refused" || isConsentOnChain(said) ? said : null };
  },
  check: checkConsent,
  short: ({ statement }) => t("consent.short", { offer: statement.offer.slice(0, 10) }),
  until: ({ statement }) => statement.until,
  rows(told) {
    const { proof, trust, word } = told;
    const { offer, job, nullifier, prover, until } = proof.statement;
    const one = known(word);
    return [
      [t("consent.one"), t("consent.one.of"), ...(one === null || one.leaves === 0 ? ([] as const) : ([t("consent.leaves", { leaves: numberOf(one.leaves) })] as const))],
      [t("consent.offer"), offer, one === null ? t("consent.compare") : t("consent.offer.of", { provider: named(one.provider, trust) })],
      [t("consent.job"), job, t("consent.compare")],
      [t("consent.nullifier"), nullifier, t("consent.nullifier.hint")],
      treeRow(told),
      addressed(proof, trust, ZERO20),
      [t("said.until"), timeOf(until)],
      [t("consent.prover"), prover],
      ...recordedRow(told),
    ];
  },
  believed({ place, trust, word }, states) {
    const one = known(word);
    if (one === null || one.state === "unknown") return [];
    const provider = named(one.provider, trust);
    return [
      t("consent.words.provider", { provider }),
      ...(states.use === "ok" && one.recorded === 0 ? [t("consent.words.once")] : []),
      ...(one.provider === place.institution ? [t("consent.words.same", { name: provider })] : []),
    ];
  },
  nodeWords: ({ place }, asked) => t(`consent.words.${asked}`, { name: named(place.institution, place.trust) }),
};
