/** Proofs that somebody's total is at least so much. */
import { amountOf, CHECKS, checkProof, MOST_AMOUNT, ZERO20, type ChainWord, type Check, type ProvenStatement } from "../../client/src/index.ts";
import { answer, keyWord } from "./grounds.ts";
import { t, timeOf } from "./i18n.ts";
import { addressed, named, type Kind } from "./kind.ts";

function amounts({ statement, signed }: ProvenStatement): string {
  const [low, high] = [statement.low, statement.high].map((one) => amountOf(one, signed.total.decimals)) as [string, string];
  return BigInt(statement.high) === MOST_AMOUNT ? t("said.least", { low }) : t("said.band", { low, high });
}

export const TOTAL: Kind<ProvenStatement, Check, ChainWord> = {
  checks: CHECKS,
  byNode: ["ceremony", "job"],
  byTrust: ["issuer"],
  unasked: { key: null, job: null },
  async ask({ statement }) {
    const job = answer<Exclude<ChainWord["job"], "refused" | null>>(`/v1/proofs/jobs/${statement.job}`);
    return { key: await keyWord(statement.key), job: await job };
  },
  check: checkProof,
  short: amounts,
  until: ({ statement, signed }) => Math.min(statement.until, signed.total.not_after),
  rows({ proof, trust }) {
    const { total, issuer } = proof.signed;
    const known = trust.institutions.some((one) => one.address === issuer);
    return [
      [t("said.total"), amounts(proof), t("said.unit")],
      [t("said.of"), total.person, t("said.of.hint")],
      known ? [t("said.issuer"), named(issuer, trust), issuer] : [t("said.issuer"), t("said.stranger", { address: issuer })],
      [t("said.job"), total.job, t("said.as-of", { time: timeOf(total.issued_at) })],
      [t("said.purpose"), total.purpose],
      addressed(proof, trust, ZERO20),
      [t("said.until"), timeOf(TOTAL.until(proof))],
      ...(proof.statement.prover === total.person ? [] : [[t("said.prover"), proof.statement.prover] as const]),
    ];
  },
  believed({ proof, place, trust }, states) {
    const issuer = named(proof.signed.issuer, trust);
    const same = proof.signed.issuer === place.institution;
    return [
      ...(states.issuer === "ok" && states.signature === "ok" ? [t("words.issuer", { issuer })] : []),
      ...(same ? [t("words.same", { name: named(place.institution, place.trust) })] : []),
    ];
  },
  nodeWords: ({ place }, asked) => t(`words.${asked}`, { name: named(place.institution, place.trust) }),
};
