/** What was allowed: current and ended, each with what it is, who used it, and the way out. */
import { useEffect, useState } from "preact/hooks";
import { hasPasskeys, NodeClient, PlacetError, type ExportPage, type Hex } from "../../client/src/index.ts";
import { Dialog, download, Link, Title, Trouble } from "../common/parts.tsx";
import { sendAgain } from "./granting.ts";
import { dateOf, language, path, t, tOr, timeOf, timesOf } from "./i18n.ts";
import { Notice, Status, useWork } from "./parts.tsx";
import { Facts } from "./ask.tsx";
import { Erasures } from "./erased.tsx";
import { byPasskey, byWallet } from "./finding.ts";
import * as kept from "./records.ts";
import { isOpen, onWallet, readerOf, refresh, signerOf, wallets, type Place } from "./session.ts";
import { SlipBox, slipOf } from "./slip.tsx";

export function Mine({ place }: { place: Place }) {
  const [, again] = useState(0);
  const changed = () => again((count) => count + 1);
  const [tab, setTab] = useState<"current" | "ended">("current");
  const [note, setNote] = useState("");
  const { busy, trouble, run } = useWork(place);
  const all = kept.records().filter((one) => one.provider === place.address);
  const shown = all.filter((one) => kept.isEnded(one) === (tab === "ended"));
  useEffect(() => {
    for (const one of all.filter(isOpen)) void refresh(place, one).then(changed, () => {});
  }, []);
  const refreshAll = () =>
    run(async () => {
      for (const one of all.filter((one) => !kept.isEnded(one) || one.status === "withdrawing")) await refresh(place, one);
      changed();
    });
  const find = (how: () => Promise<number>) => () =>
    run(async () => {
      setNote(t("mine.found", { number: await how() }));
      changed();
    });
  useEffect(() => onWallet(changed), []);
  return (
    <section class="mine">
      <h2>{t("mine")}</h2>
      {all.length === 0 ? (
        <>
          <p>{t("mine.none")}</p>
          <p>{t("mine.elsewhere")}</p>
          <div class="row">
            {hasPasskeys() && (
              <button type="button" class="plain" disabled={busy} onClick={find(() => byPasskey(place))}>
                {t("mine.find")}
              </button>
            )}
            {wallets.map((wallet) => (
              <button type="button" class="plain" key={wallet.uuid} disabled={busy} onClick={find(() => byWallet(place, wallet))}>
                {t("mine.find-wallet", { name: wallet.name })}
              </button>
            ))}
          </div>
        </>
      ) : (
        <>
          <div class="tabs" role="group" aria-label={t("mine")}>
            {(["current", "ended"] as const).map((one) => (
              <button type="button" aria-pressed={tab === one} onClick={() => setTab(one)}>
                {t(`mine.${one}`)} <span class="count">{all.filter((two) => kept.isEnded(two) === (one === "ended")).length}</span>
              </button>
            ))}
          </div>
          {shown.length === 0 && <p>{t(tab === "current" ? "mine.none-current" : "mine.none-ended")}</p>}
          {shown.map((one) => (
            <Card key={one.id} place={place} record={one} changed={changed} />
          ))}
          <p>
            <button type="button" class="plain" disabled={busy} onClick={refreshAll}>
              {t("mine.refresh")}
            </button>
          </p>
          <Export place={place} records={all} />
        </>
      )}
      <Erasures place={place} erased={kept.erased().filter((one) => one.provider === place.address)} changed={changed} />
      <p role="status">{note}</p>
      {trouble !== null && <Trouble words={trouble} />}
    </section>
  );
}

function rowsOf(place: Place, record: kept.Record_): (readonly [string, string])[] {
  const { details, not_after, uses } = record.consent;
  const used = record.uses;
  const last = used?.at(-1);
  return [
    [t("card.what"), details.purpose.replace(/\s?[(（]https?:.*$/u, "")],
    [t("card.until"), dateOf(not_after)],
    [t("card.uses"), timesOf(uses)],
    [t("card.used"), used === null ? t("card.unknown") : String(used.length)],
    [t("card.last"), used === null ? t("card.unknown") : last ? timeOf(last.at) : t("card.never", { name: place.name })],
  ];
}

function Card({ place, record, changed }: { place: Place; record: kept.Record_; changed: () => void }) {
  const { consumer } = record.consent.details;
  const heading = `card-${record.id.slice(2, 10)}`;
  return (
    <article class="card" aria-labelledby={heading}>
      <header>
        <h3 id={heading}>{consumer}</h3>
        <Status status={kept.statusOf(record)} provider={place.name} />
      </header>
      <Facts rows={rowsOf(place, record)} />
      <div class="row">
        <Ways place={place} record={record} changed={changed} />
        <Link to={`/owner/consents/${record.id}`} class="button plain">
          {t("card.details")}
        </Link>
      </div>
    </article>
  );
}

/** Ended by themselves: audits of what used them ask for the record until the chain says that they are over. */
const RUN_OUT = new Set(["expired", "exhausted"]);

/** What can be done with a consent: withdraw, send again, erase. */
function Ways({ place, record, changed }: { place: Place; record: kept.Record_; changed: () => void }) {
  const [question, setQuestion] = useState<"withdraw" | "erase" | null>(null);
  const [elsewhere, setElsewhere] = useState(false);
  const [note, setNote] = useState("");
  const { busy, trouble, run } = useWork(place);
  const { consumer } = record.consent.details;
  const close = () => setQuestion(null);
  const withdraw = (node: NodeClient) =>
    run(async () => {
      close();
      const slip = await slipOf(place, record);
      try {
        kept.change(record.id, { status: await node.withdraw(slip), unsent: null });
      } catch (error) {
        setElsewhere(error instanceof PlacetError && error.code === "offline");
        throw error;
      }
      setElsewhere(false);
      setNote(t("withdraw.done"));
      changed();
    });
  const erase = () =>
    run(async () => {
      close();
      await place.node.erase(await signerOf(place, record), record.id);
      kept.forget(record);
      changed();
    });
  const status = kept.statusOf(record);
  return (
    <>
      {status === "unsent" && (
        <button type="button" disabled={busy} onClick={() => void run(async () => { await sendAgain(place, record); changed(); })}>
          {t("card.resend")}
        </button>
      )}
      {(!kept.isEnded(record) || RUN_OUT.has(status)) && (
        <button type="button" class="danger" disabled={busy} onClick={() => setQuestion("withdraw")}>
          {t("card.withdraw")}
        </button>
      )}
      {RUN_OUT.has(status) && <p class="hint">{t("erase.first")}</p>}
      {kept.isEnded(record) && status !== "withdrawing" && !RUN_OUT.has(status) && (
        <button type="button" disabled={busy} onClick={() => setQuestion("erase")}>
          {t("card.erase")}
        </button>
      )}
      {question === "withdraw" && (
        <Dialog title={t("withdraw.title")} onClose={close}>
          <ul>
            <li>{t("withdraw.stops", { consumer })}</li>
            <li>{t("withdraw.not")}</li>
            <li>{t("withdraw.free")}</li>
          </ul>
          <div class="answers">
            <button type="button" class="danger" onClick={() => void withdraw(place.node)}>
              {t("withdraw.yes")}
            </button>
            <button type="button" class="no" onClick={close}>
              {t("withdraw.no")}
            </button>
          </div>
        </Dialog>
      )}
      {question === "erase" && (
        <Dialog title={t("erase.title")} onClose={close}>
          <p>{t("erase.about", { name: place.name })}</p>
          <div class="answers">
            <button type="button" class="danger" onClick={() => void erase()}>
              {t("erase.yes")}
            </button>
            <button type="button" class="no" onClick={close}>
              {t("erase.no")}
            </button>
          </div>
        </Dialog>
      )}
      <p role="status" class="told">
        {note}
      </p>
      {trouble !== null && !elsewhere && <Trouble words={trouble} />}
      {elsewhere && (
        <div class="band">
          <p role="alert">{t("withdraw.elsewhere", { name: place.name })}</p>
          <div class="row">
          {place.trust.institutions
            .filter((one) => one.address !== place.address)
            .map((one) => (
              <button type="button" class="plain" onClick={() => void withdraw(new NodeClient(one.api, one.address, place.domain, place.names))}>
                {one.name}
              </button>
            ))}
          </div>
        </div>
      )}
    </>
  );
}

export function OneConsent({ place, id }: { place: Place; id: string }) {
  const [, again] = useState(0);
  const { busy, trouble, run } = useWork(place);
  const record = kept.record(id);
  const changed = () => again((count) => count + 1);
  useEffect(() => {
    if (record !== undefined && isOpen(record)) void refresh(place, record).then(changed, () => {});
  }, [id]);
  if (record === undefined) {
    const erased = kept.erased().filter((one) => one.id === id);
    return (
      <>
        <Title>{t("card.details")}</Title>
        {erased.length === 0 && <p class="lead">{t("not-found.consent")}</p>}
        <Erasures place={place} erased={erased} changed={changed} />
        <Link to="/owner">{t("home")}</Link>
      </>
    );
  }
  const unlock = () => run(async () => { await refresh(place, record); changed(); });
  return (
    <>
      <Link to="/owner" class="back">
        {t("home")}
      </Link>
      <Title>{record.consent.details.consumer}</Title>
      <p>
        <Status status={kept.statusOf(record)} provider={place.name} />
      </p>
      <div class="row">
        <Ways place={place} record={record} changed={changed} />
      </div>
      <Notice text={record.notice} />
      <section>
        <h2>{t("uses.title")}</h2>
        {record.uses === null ? (
          <button type="button" class="plain" disabled={busy} onClick={unlock}>
            {t("mine.refresh")}
          </button>
        ) : (
          <Uses place={place} record={record} />
        )}
        {trouble !== null && <Trouble words={trouble} again={unlock} />}
      </section>
      {!kept.isEnded(record) && <SlipBox place={place} record={record} changed={changed} />}
      <details>
        <summary>{t("check")}</summary>
        <Facts rows={[[t("check.id"), record.id], [t("check.list"), place.listHash]]} />
      </details>
    </>
  );
}

function Uses({ place, record }: { place: Place; record: kept.Record_ }) {
  const uses = record.uses ?? [];
  if (uses.length === 0) return <p>{t("uses.none")}</p>;
  return (
    <>
      <div class="wide" role="region" aria-label={t("uses.title")} tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">{t("uses.when")}</th>
              <th scope="col">{t("uses.outcome")}</th>
            </tr>
          </thead>
          <tbody>
            {uses.map((use) => (
              <tr>
                <td>
                  {timeOf(use.at)}
                  <small>
                    <a href={path(`/audit/${use.job}`)}>{t("uses.audit", { job: use.job.slice(0, 8) })}</a>
                  </small>
                </td>
                <td>{tOr(`outcome.${use.outcome}`, use.outcome)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="hint">{t("uses.as-told", { name: place.name })}</p>
    </>
  );
}

/** Everything: what is kept here, and what the node tells of it where that asks nobody. */
function Export({ place, records }: { place: Place; records: readonly kept.Record_[] }) {
  const { busy, trouble, run } = useWork(place);
  const gathered = async () => {
    const told: ExportPage[] = [];
    for (const one of records.filter(isOpen)) told.push(...(await place.node.exported(await readerOf(place, one))));
    return { type: "placet.owner-export", version: 1, at: Math.floor(Date.now() / 1000), kept: records, erased: kept.erased(), told };
  };
  const json = () => run(async () => download("placet.json", "application/json", JSON.stringify(await gathered(), null, 1)));
  const html = () => run(async () => download("placet.html", "text/html", readable(place, await gathered())));
  return (
    <section class="quiet">
      <h3>{t("mine.export")}</h3>
      <p>{t("mine.export-about", { name: place.name })}</p>
      <div class="row">
        <button type="button" class="plain" disabled={busy} onClick={html}>
          {t("mine.export-html")}
        </button>
        <button type="button" class="plain" disabled={busy} onClick={json}>
          {t("mine.export-json")}
        </button>
      </div>
      {trouble !== null && <Trouble words={trouble} />}
    </section>
  );
}

function readable(place: Place, all: { kept: readonly kept.Record_[]; told: readonly ExportPage[] }): string {
  const escape = (text: string) => text.replace(/[&<>"]/g, (one) => `&#${one.charCodeAt(0)};`);
  const uses = new Map<Hex, string>();
  for (const page of all.told) {
    for (const { consent, uses: list } of page.consents) {
      uses.set(consent.id, list.map((use) => `${timeOf(use.at)}: ${tOr(`outcome.${use.outcome}`, use.outcome)} (${use.job})`).join("\n"));
    }
  }
  const parts = all.kept.map((one) => {
    const status = tOr(`status.${kept.statusOf(one)}`, one.status, { provider: place.name });
    const used = uses.get(one.id) || t("uses.none");
    return `<h2>${escape(one.consent.details.consumer)}: ${escape(status)}</h2><p>${escape(one.notice)}</p><h3>${escape(t("uses.title"))}</h3><p>${escape(used)}</p><p>${one.id}</p>`;
  });
  const style = "body{font:1.1rem/1.5 system-ui;max-width:40rem;margin:2rem auto;padding:0 1rem}p{white-space:pre-line;overflow-wrap:anywhere}";
  return `<!doctype html><html lang="${language}"><meta charset="utf-8"><title>${escape(t("mine"))}</title><style>${style}</style><h1>${escape(t("mine"))}</h1>${parts.join("")}</html>`;
}
