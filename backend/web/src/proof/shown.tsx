/** What a proof says in plain words, whether it holds, whose word that is, and its QR code. */
import { useEffect, useState } from "preact/hooks";
import {
  amountOf,
  checkProof,
  CHECKS,
  codeOf,
  MOST_AMOUNT,
  ZERO20,
  type ChainWord,
  type Check,
  type Checked,
  type Hex,
  type ProvenStatement,
  type State,
  type TrustList,
  type Verdict,
} from "../../client/src/index.ts";
import { Code, drawn, type Squares } from "../common/codes.tsx";
import { chainWord, sameChain, UNASKED, type Chosen, type Home } from "./grounds.ts";
import { t, timeOf } from "./i18n.ts";

declare const PAIRING: string; // the address of ../lazy/pairing.ts

const TONES: Readonly<Record<Verdict, string>> = { holds: "good", fails: "bad", sandbox: "bad", incomplete: "" };
const SIGNS: Readonly<Record<Verdict, string>> = { holds: "✓", fails: "✗", sandbox: "✗", incomplete: "…" };
const TAGS: Readonly<Record<State, string>> = { ok: "good", failed: "bad", sandbox: "bad", unknown: "plain" };

interface Properties {
  readonly place: Home;
  readonly chosen: Chosen & { readonly proof: ProvenStatement };
  readonly reader: Hex | null;
}

export function Shown({ place, chosen, reader }: Properties) {
  const { proof, deployment, trust, key } = chosen;
  const [word, setWord] = useState<ChainWord | null>(null);
  const [checked, setChecked] = useState<Checked | "failed" | null>(null);
  const list = trust ?? place.trust;
  useEffect(() => {
    void chainWord(proof).then(setWord);
  }, [proof]);
  useEffect(() => {
    if (word === null) return;
    let current = true;
    const chain = sameChain(deployment, place.deployment) ? word : UNASKED;
    const grounds = { deployment: deployment ?? place.deployment, trust: list, ownKey: key, chain, reader, now: Math.floor(Date.now() / 1000) };
    const check = async () => {
      const { verify } = (await import(PAIRING)) as typeof import("../lazy/pairing.ts");
      return checkProof(proof, grounds, verify);
    };
    check().then(
      (one) => current && setChecked(one),
      () => current && setChecked("failed"),
    );
    return () => {
      current = false;
    };
  }, [word, proof, deployment, trust, key, reader]);
  return (
    <>
      <div role="status">{checked === null ? <p class="step">{t("checking")}</p> : checked === "failed" ? <NoVerdict /> : <Band verdict={checked.verdict} />}</div>
      <Said proof={proof} trust={list} />
      {checked !== null && checked !== "failed" && (
        <>
          <Words proof={proof} place={place} chosen={chosen} word={word} states={checked.states} />
          <Table checked={checked} place={place} chosen={chosen} />
        </>
      )}
      <Paper proof={proof} />
    </>
  );
}

const NoVerdict = () => (
  <div class="band bad">
    <h2>{t("none.title")}</h2>
    <p>{t("none.means")}</p>
  </div>
);

const Band = ({ verdict }: { verdict: Verdict }) => (
  <div class={`band ${TONES[verdict]}`}>
    <h2>
      <span aria-hidden="true">{SIGNS[verdict]} </span>
      {t(`verdict.${verdict}`)}
    </h2>
    <p>{t(`verdict.${verdict}.means`)}</p>
  </div>
);

/** An institution's name by the list; the address of who is not on it. */
const named = (address: Hex, trust: TrustList): string => trust.institutions.find((one) => one.address === address)?.name ?? address;

function amounts({ statement, signed }: ProvenStatement): string {
  const [low, high] = [statement.low, statement.high].map((one) => amountOf(one, signed.total.decimals)) as [string, string];
  return BigInt(statement.high) === MOST_AMOUNT ? t("said.least", { low }) : t("said.band", { low, high });
}

function Said({ proof, trust }: { proof: ProvenStatement; trust: TrustList }) {
  const { statement, signed } = proof;
  const { total, issuer } = signed;
  const known = trust.institutions.some((one) => one.address === issuer);
  const addressee = statement.relying_party;
  const addressed = named(addressee, trust);
  const rows: readonly (readonly string[])[] = [
    [t("said.total"), amounts(proof), t("said.unit")],
    [t("said.of"), total.person, t("said.of.hint")],
    known ? [t("said.issuer"), named(issuer, trust), issuer] : [t("said.issuer"), t("said.stranger", { address: issuer })],
    [t("said.job"), total.job, t("said.as-of", { time: timeOf(total.issued_at) })],
    [t("said.purpose"), total.purpose],
    addressee === ZERO20
      ? [t("said.for"), t("said.everybody")]
      : [t("said.for"), addressed, ...(addressed === addressee ? [] : [addressee])],
    [t("said.until"), timeOf(Math.min(statement.until, total.not_after))],
    ...(statement.prover === total.person ? [] : [[t("said.prover"), statement.prover]]),
  ];
  return (
    <div class="notice said">
      <h2>{t("said.title")}</h2>
      <dl>
        {rows.map(([name, value, more]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              {value} {more !== undefined && <small>{more}</small>}
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

/** Whose word is left to believe. */
function Words({ proof, place, chosen, word, states }: { proof: ProvenStatement; place: Home; chosen: Chosen; word: ChainWord | null; states: Checked["states"] }) {
  const trust = chosen.trust ?? place.trust;
  const [issuer, name] = [named(proof.signed.issuer, trust), named(place.institution, place.trust)];
  const makers = word !== null && word.key !== null && word.key !== "refused" ? word.key.contributors : [];
  const about = !sameChain(chosen.deployment, place.deployment) ? "words.elsewhere" : word === null || (word.key === null && word.job === null) ? "words.silent" : "words.node";
  return (
    <div class="quiet">
      <h2>{t("words.title")}</h2>
      <ul>
        {states.issuer === "ok" && states.signature === "ok" && <li>{t("words.issuer", { issuer })}</li>}
        <li>{t(about, { name })}</li>
        {(chosen.deployment === null || chosen.trust === null) && <li>{t("words.files", { name })}</li>}
        {states.ceremony === "ok" && <li>{t("words.makers", { makers: makers.map((one) => named(one, trust)).join(", ") })}</li>}
        {proof.signed.issuer === place.institution && <li>{t("words.same", { name })}</li>}
      </ul>
    </div>
  );
}

type Whose = "here" | "clock" | "you" | "own" | "node";

function whose(check: Check, { deployment, trust, key }: Chosen): Whose {
  if (check === "place") return deployment === null ? "node" : "own";
  if (check === "issuer") return trust === null ? "node" : "own";
  if (check === "key") return key === null ? "node" : "own";
  if (check === "reader") return "you";
  if (check === "time") return "clock";
  return check === "ceremony" || check === "job" ? "node" : "here";
}

function Table({ checked, place, chosen }: { checked: Checked; place: Home; chosen: Chosen }) {
  const name = named(place.institution, place.trust);
  return (
    <details open={checked.verdict !== "holds"}>
      <summary>{t("checks.title")}</summary>
      <ul class="checks">
        {CHECKS.map((check) => (
          <li key={check} data-check={check}>
            <strong class={`tag ${TAGS[checked.states[check]]}`}>{t(`state.${checked.states[check]}`)}</strong> {t(`check.${check}`)}{" "}
            <small>{t(`whose.${whose(check, chosen)}`, { name })}</small>
          </li>
        ))}
      </ul>
    </details>
  );
}

function Paper({ proof }: { proof: ProvenStatement }) {
  const [code, setCode] = useState<Squares | null>(null);
  const [failed, setFailed] = useState(false);
  const show = () => codeOf(proof).then(drawn).then(setCode, () => setFailed(true));
  return (
    <div class="slip">
      <h2>{t("code.title")}</h2>
      <p>{t("code.about")}</p>
      <div class="row">
        <button type="button" aria-expanded={code !== null} onClick={() => (code === null ? void show() : setCode(null))}>
          {t(code === null ? "code.show" : "code.hide")}
        </button>
        {code !== null && (
          <button type="button" class="plain" onClick={() => print()}>
            {t("code.print")}
          </button>
        )}
      </div>
      {failed && <p class="missing">{t("code.failed")}</p>}
      {code !== null && (
        <figure class="paper">
          <figcaption>
            <strong>{amounts(proof)}</strong>
            <span>{t("code.until", { time: timeOf(Math.min(proof.statement.until, proof.signed.total.not_after)) })}</span>
          </figcaption>
          <Code code={code} name={t("code.name", { amount: amounts(proof) })} />
        </figure>
      )}
    </div>
  );
}
