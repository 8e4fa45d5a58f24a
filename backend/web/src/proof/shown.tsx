/** What a proof says in plain words, whether it holds, whose word that is, and its QR code. */
import { useEffect, useState } from "preact/hooks";
import { codeOf, type AnyProof, type Checked, type Hex, type KeyWord, type State, type Verdict } from "../../client/src/index.ts";
import { Code, drawn, type Squares } from "../common/codes.tsx";
import { sameChain, type Chosen, type Home } from "./grounds.ts";
import { t, timeOf } from "./i18n.ts";
import { named, type Kind, type Row, type Told } from "./kind.ts";

declare const PAIRING: string; // the address of ../lazy/pairing.ts

const TONES: Readonly<Record<Verdict, string>> = { holds: "good", fails: "bad", sandbox: "bad", incomplete: "" };
const SIGNS: Readonly<Record<Verdict, string>> = { holds: "✓", fails: "✗", sandbox: "✗", incomplete: "…" };
const TAGS: Readonly<Record<State, string>> = { ok: "good", failed: "bad", sandbox: "bad", unknown: "plain" };

interface Properties<Proof extends AnyProof, Name extends string, Word extends { readonly key: KeyWord }> {
  readonly kind: Kind<Proof, Name, Word>;
  readonly proof: Proof;
  readonly place: Home;
  readonly chosen: Chosen;
  readonly reader: Hex | null;
}

export function Shown<Proof extends AnyProof, Name extends string, Word extends { readonly key: KeyWord }>(all: Properties<Proof, Name, Word>) {
  const { kind, proof, place, chosen, reader } = all;
  const { deployment, trust, key } = chosen;
  const [answer, setAnswer] = useState<Word | null>(null);
  const [checked, setChecked] = useState<Checked<Name> | "failed" | null>(null);
  useEffect(() => {
    void kind.ask(proof, place).then(setAnswer);
  }, [proof]);
  // What the node says of its own chain is no word on another.
  const word = answer !== null && !sameChain(deployment, place.deployment) ? kind.unasked : answer;
  const told: Told<Proof, Word> = { proof, place, trust: trust ?? place.trust, word };
  useEffect(() => {
    if (word === null) return;
    let current = true;
    const grounds = { deployment: deployment ?? place.deployment, trust: told.trust, ownKey: key, chain: word, reader, now: Math.floor(Date.now() / 1000) };
    const check = async () => {
      const { verify } = (await import(PAIRING)) as typeof import("../lazy/pairing.ts");
      return kind.check(proof, grounds, verify);
    };
    check().then(
      (one) => current && setChecked(one),
      () => current && setChecked("failed"),
    );
    return () => {
      current = false;
    };
  }, [answer, proof, deployment, trust, key, reader]);
  return (
    <>
      <div role="status">{checked === null ? <p class="step">{t("checking")}</p> : checked === "failed" ? <NoVerdict /> : <Band verdict={checked.verdict} />}</div>
      <Said rows={kind.rows(told)} />
      {checked !== null && checked !== "failed" && (
        <>
          <Words kind={kind} told={told} chosen={chosen} states={checked.states} />
          <Table kind={kind} checked={checked} place={place} chosen={chosen} />
        </>
      )}
      <Paper proof={proof} short={kind.short(proof)} until={kind.until(proof)} />
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

const Said = ({ rows }: { rows: readonly Row[] }) => (
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

interface Believed<Proof extends AnyProof, Name extends string, Word extends { readonly key: KeyWord }> {
  readonly kind: Kind<Proof, Name, Word>;
  readonly told: Told<Proof, Word>;
  readonly chosen: Chosen;
  readonly states: Checked<Name>["states"];
}

/** Whose word is left to believe. */
function Words<Proof extends AnyProof, Name extends string, Word extends { readonly key: KeyWord }>({ kind, told, chosen, states }: Believed<Proof, Name, Word>) {
  const { place, trust, word } = told;
  const name = named(place.institution, place.trust);
  const makers = word !== null && word.key !== null && word.key !== "refused" ? word.key.contributors : [];
  const silent = word === null || Object.values(word).every((one) => one === null);
  const asked = !sameChain(chosen.deployment, place.deployment) ? "elsewhere" : silent ? "silent" : "node";
  const isMade = (states as Readonly<Record<string, State>>)["ceremony"] === "ok";
  return (
    <div class="quiet">
      <h2>{t("words.title")}</h2>
      <ul>
        {kind.believed(told, states).map((one) => (
          <li>{one}</li>
        ))}
        <li>{kind.nodeWords(told, asked)}</li>
        {(chosen.deployment === null || chosen.trust === null) && <li>{t("words.files", { name })}</li>}
        {isMade && <li>{t("words.makers", { makers: makers.map((one) => named(one, trust)).join(", ") })}</li>}
      </ul>
    </div>
  );
}

type Whose = "here" | "clock" | "you" | "own" | "node";

function whose<Name extends string>(check: Name, kind: Pick<Kind<never, Name, never>, "byNode" | "byTrust">, { deployment, trust, key }: Chosen): Whose {
  if (check === "place") return deployment === null ? "node" : "own";
  if (check === "key") return key === null ? "node" : "own";
  if (check === "reader") return "you";
  if (check === "time") return "clock";
  if (kind.byTrust.includes(check)) return trust === null ? "node" : "own";
  return kind.byNode.includes(check) ? "node" : "here";
}

interface Tabled<Name extends string> {
  readonly kind: Pick<Kind<never, Name, never>, "byNode" | "byTrust" | "checks">;
  readonly checked: Checked<Name>;
  readonly place: Home;
  readonly chosen: Chosen;
}

function Table<Name extends string>({ kind, checked, place, chosen }: Tabled<Name>) {
  const name = named(place.institution, place.trust);
  return (
    <details open={checked.verdict !== "holds"}>
      <summary>{t("checks.title")}</summary>
      <ul class="checks">
        {kind.checks.map((check) => (
          <li key={check} data-check={check}>
            <strong class={`tag ${TAGS[checked.states[check]]}`}>{t(`state.${checked.states[check]}`)}</strong> {t(`check.${check}` as Parameters<typeof t>[0])}{" "}
            <small>{t(`whose.${whose(check, kind, chosen)}`, { name })}</small>
          </li>
        ))}
      </ul>
    </details>
  );
}

function Paper({ proof, short, until }: { proof: AnyProof; short: string; until: number }) {
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
            <strong>{short}</strong>
            <span>{t("code.until", { time: timeOf(until) })}</span>
          </figcaption>
          <Code code={code} name={t("code.name", { amount: short })} />
        </figure>
      )}
    </div>
  );
}
