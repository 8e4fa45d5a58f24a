/** Asked: the text, the choice, *Allow* or *Not now*; then who it is, the signature, on its way, given. */
import { useEffect, useMemo, useState } from "preact/hooks";
import {
  enrollersOf,
  hasPasskeys,
  notice,
  offerWords,
  PlacetError,
  randomHex,
  type Draft,
  type Hex,
  type Offered,
  type Wallet,
} from "../../client/src/index.ts";
import { Link, Loading, Title, Trouble, visit } from "../common/parts.tsx";
import { grant, sendAgain, type Person } from "./granting.ts";
import { dateOf, language, t, timesOf } from "./i18n.ts";
import { Altered, Notice, useWork, wordsOf } from "./parts.tsx";
import * as kept from "./records.ts";
import { isOpen, offersToPersons, onWallet, refresh, wallets, type Place } from "./session.ts";
import { SlipBox } from "./slip.tsx";

const DAY = 86_400;
const DAYS = [30, 90, 365] as const;
const TIMES = [1, 3, 12] as const;
/** In which the consumer sees no one's data: of the others the text itself says what is seen. */
const HIDDEN = new Set("total level aggregate association band decision model shared-model evaluation".split(" "));

export function Ask({ place, id }: { place: Place; id: string }) {
  const [state, setState] = useState<{ offered: Offered; trial: Draft } | PlacetError | string | null>(null);
  const start = useMemo(() => Math.floor(Date.now() / 1000), [id]);
  const load = async () => {
    setState(null);
    try {
      const offered = (await offersToPersons(place)).find((one) => one.id === id);
      if (offered === undefined) return setState(t("not-found"));
      // A draft for nobody, before anything is asked of anybody: a node that lies in drafts is found out here.
      const terms = { owner: randomHex(20), not_before: start, not_after: start + 30 * DAY, uses: 1 };
      const trial = await place.node.draft(offered, { ...terms, language, enrolment: randomHex(32) });
      setState({ offered, trial });
    } catch (error) {
      setState(error instanceof PlacetError && error.code === "altered" ? error : wordsOf(error, place));
    }
  };
  useEffect(() => void load(), [id]);
  if (state === null) return <Loading />;
  if (state instanceof PlacetError) return <Altered error={state} name={place.name} />;
  if (typeof state === "string") return <Trouble words={state} again={() => void load()} whole />;
  return <Decide place={place} start={start} {...state} />;
}

function Decide({ place, offered, trial, start }: { place: Place; offered: Offered; trial: Draft; start: number }) {
  const [days, setDays] = useState<number>(DAYS[0]);
  const [uses, setUses] = useState<number>(TIMES[0]);
  const [phase, setPhase] = useState<"read" | "declined" | "who">("read");
  const [done, setDone] = useState<kept.Record_ | null>(null);
  const window = { not_before: start, not_after: start + days * DAY, uses };
  const { offer, scope } = offered;
  const consumer = place.names(offer.consumer);
  const text = notice(offer, scope, place.names, window, language);
  if (done !== null) return <Sent place={place} record={done} />;
  if (phase === "declined") {
    return (
      <>
        <Title>{t("ask.not-now")}</Title>
        <p class="lead">{t("ask.declined")}</p>
        <Link to="/owner">{t("home")}</Link>
      </>
    );
  }
  if (phase === "who") {
    const back = () => setPhase("read");
    return <Who place={place} offered={offered} window={window} back={back} done={setDone} />;
  }
  return (
    <>
      <Title>{t("ask.title", { name: place.name })}</Title>
      <p class="hint">{t("ask.text")}</p>
      <Notice text={text} />
      <fieldset class="choice">
        <legend>{t("ask.choose")}</legend>
        <label>
          {t("ask.until")}
          <select value={days} onChange={(event) => setDays(Number(event.currentTarget.value))}>
            {DAYS.map((one) => (
              <option value={one}>{t(`ask.days-${one}`)}</option>
            ))}
          </select>
        </label>
        <label>
          {t("ask.uses")}
          <select value={uses} onChange={(event) => setUses(Number(event.currentTarget.value))}>
            {TIMES.map((one) => (
              <option value={one}>{timesOf(one)}</option>
            ))}
          </select>
        </label>
      </fieldset>
      <section class="quiet">
        <h2>{t("ask.not")}</h2>
        <ul>
          {HIDDEN.has(scope.output) && <li>{t("ask.not-seen", { consumer })}</li>}
          <li>{t("ask.not-chain")}</li>
          <li>{t("ask.not-nothing")}</li>
        </ul>
      </section>
      <div class="answers">
        <button type="button" onClick={() => setPhase("who")}>
          {t("ask.allow")}
        </button>
        <button type="button" onClick={() => setPhase("declined")}>
          {t("ask.not-now")}
        </button>
      </div>
      <Check place={place} offered={offered} trial={trial} />
    </>
  );
}

function Check({ place, offered, trial }: { place: Place; offered: Offered; trial: Draft }) {
  const words = offerWords(offered.offer, offered.scope, place.names, language);
  return (
    <details>
      <summary>{t("check")}</summary>
      <p>{t("check.about", { name: place.name })}</p>
      <Facts rows={[[t("check.offer"), offered.id], [t("check.digest"), trial.digest], [t("check.list"), place.listHash]]} />
      <h3>{t("check.wallet")}</h3>
      <Facts rows={Object.entries({ language, ...words })} />
    </details>
  );
}

export const Facts = ({ rows }: { rows: readonly (readonly [string, string])[] }) => (
  <dl class="facts">
    {rows.map(([name, value]) => (
      <div>
        <dt>{name}</dt>
        <dd>{/^0x[0-9a-f]{40,}$/.test(value) ? <code>{value}</code> : value}</dd>
      </div>
    ))}
  </dl>
);

interface WhoProps {
  place: Place;
  offered: Offered;
  window: { not_before: number; not_after: number; uses: number };
  back: () => void;
  done: (record: kept.Record_) => void;
}

function Who({ place, offered, window, back, done }: WhoProps) {
  const [person, setPerson] = useState<Person>({ subject: "", code: "" });
  const [missing, setMissing] = useState(false);
  const [step, setStep] = useState("");
  const [, hear] = useState(0);
  const { busy, trouble, altered, run } = useWork(place);
  useEffect(() => onWallet(() => hear((count) => count + 1)), []);
  const enroller = enrollersOf(offered, place.trust.enrollers)[0]?.name ?? place.name;
  const consumer = place.names(offered.offer.consumer);
  if (altered !== null) return <Altered error={altered} name={place.name} />;
  const sign = (wallet: Wallet | null) => {
    const { subject, code } = { subject: person.subject.trim(), code: person.code.trim() };
    setMissing(!subject || !code);
    if (!subject || !code) return;
    void run(async () => done(await grant(place, offered, window, { subject, code }, wallet, setStep)), enroller);
  };
  const typed = (field: keyof Person) => (event: { currentTarget: HTMLInputElement }) =>
    setPerson({ ...person, [field]: event.currentTarget.value });
  return (
    <>
      <button type="button" class="back" onClick={back}>
        {t("back")}
      </button>
      <Title>{t("who.title")}</Title>
      <p class="lead">{t("who.about", { enroller, consumer })}</p>
      <form class="who" onSubmit={(event) => event.preventDefault()}>
        <label>
          {t("who.subject", { provider: place.name })}
          <input value={person.subject} onInput={typed("subject")} autocomplete="off" spellcheck={false} required aria-describedby="missing" />
        </label>
        <label>
          {t("who.code", { enroller })}
          <input value={person.code} onInput={typed("code")} autocomplete="one-time-code" spellcheck={false} autocapitalize="none" required aria-describedby="missing" />
        </label>
        <p id="missing" class="missing" role="alert">
          {missing && t("who.missing")}
        </p>
        <fieldset class="signers" disabled={busy}>
          <legend>{t("sign.title")}</legend>
          {hasPasskeys() ? (
            <button type="button" class="way" onClick={() => sign(null)}>
              <span>{t("sign.passkey")}</span> <small>{t("sign.passkey-about")}</small>
            </button>
          ) : (
            <p class="note">{t("sign.no-passkey")}</p>
          )}
          {wallets.map((wallet) => (
            <button type="button" class="way" key={wallet.uuid} onClick={() => sign(wallet)}>
              {wallet.icon !== null && <img src={wallet.icon} alt="" width="28" height="28" />}
              <span>{t("sign.wallet", { name: wallet.name })}</span> <small>{t("sign.wallet-about")}</small>
            </button>
          ))}
        </fieldset>
      </form>
      <p class="step" role="status">
        {busy && step}
      </p>
      {trouble !== null && <Trouble words={trouble} />}
    </>
  );
}

function Sent({ place, record }: { place: Place; record: kept.Record_ }) {
  const [current, setCurrent] = useState(record);
  const [trouble, setTrouble] = useState<string | null>(null);
  const { not_after, uses } = record.consent;
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const look = async (tries: number) => {
      const status = await sendAgain(place, kept.record(record.id) ?? record).catch((error: unknown) => {
        if (tries > 3) setTrouble(wordsOf(error, place));
        return "pending";
      });
      if (status === "given" && isOpen(record)) await refresh(place, record).catch(() => {}); // its slip learns its place
      setCurrent(kept.record(record.id) ?? record);
      if ((status === "pending" || status === "anchoring") && tries < 60) timer = setTimeout(() => void look(tries + 1), 1000);
    };
    timer = setTimeout(() => void look(0), 500);
    return () => clearTimeout(timer);
  }, []);
  const given = current.status === "given";
  return (
    <>
      <div class={`band ${given ? "good" : ""}`} role="status">
        <Title>{given ? t("given.title") : t("pending.title")}</Title>
        <p>
          {given
            ? t("given.about", { date: dateOf(not_after), uses: timesOf(uses) })
            : t("pending.about", { name: place.name })}
        </p>
      </div>
      {trouble !== null && <Trouble words={trouble} />}
      <SlipBox place={place} record={current} changed={() => setCurrent(kept.record(record.id) ?? record)} />
      <p>
        <button type="button" class="plain" onClick={() => visit("/owner")}>
          {t("done.mine")}
        </button>
      </p>
      <details>
        <summary>{t("card.details")}</summary>
        <Facts rows={[[t("check.id"), record.id as Hex], [t("check.list"), place.listHash]]} />
      </details>
    </>
  );
}
