/** The withdrawal slip: to save, to print, to show to another device, or to sign where that was not done yet. */
import { useState } from "preact/hooks";
import { makeSlip, slipCode, type Slip } from "../../client/src/index.ts";
import { Code, drawn, type Squares } from "../common/codes.tsx";
import { download, Trouble } from "../common/parts.tsx";
import { dateOf, path, t } from "./i18n.ts";
import { useWork } from "./parts.tsx";
import * as kept from "./records.ts";
import { signerOf, type Place } from "./session.ts";

export async function slipOf(place: Place, record: kept.Record_) {
  if (record.slip !== null) return record.slip;
  const slip = await makeSlip(await signerOf(place, record), place.domain, record);
  kept.change(record.id, { slip });
  return slip;
}

/** Squares a side, up to version 30 and its border. */
const FINE = 145;

async function squaresOf(slip: Slip): Promise<Squares> {
  const whole = await drawn(await slipCode(slip));
  const { batch: _, proof: __, ...bare } = slip; // a long proof would make it too fine for a phone's screen
  return whole.length <= FINE ? whole : drawn(await slipCode(bare));
}

export function SlipBox({ place, record, changed }: { place: Place; record: kept.Record_; changed: () => void }) {
  const [code, setCode] = useState<Squares | null>(null);
  const { busy, trouble, run } = useWork(place);
  const { slip } = record;
  const save = () => download(`withdrawal-${record.id.slice(2, 10)}.json`, "application/json", JSON.stringify(slip, null, 1));
  const show = async () => slip !== null && setCode(await squaresOf(slip));
  const paper = async () => {
    await show();
    setTimeout(() => print()); // once it is drawn
  };
  return (
    <section class="slip">
      <h2>{t("slip.title")}</h2>
      <p>{t("slip.about")}</p>
      {slip === null ? (
        <>
          <p>{t("slip.missing")}</p>
          <button type="button" disabled={busy} onClick={() => void run(async () => { await slipOf(place, record); changed(); })}>
            {t("slip.make")}
          </button>
        </>
      ) : (
        <div class="row">
          <button type="button" onClick={save}>
            {t("slip.save")}
          </button>
          <button type="button" class="plain" disabled={busy} onClick={() => void run(paper)}>
            {t("slip.print")}
          </button>
          <button type="button" class="plain" disabled={busy} aria-expanded={code !== null} onClick={() => void run(async () => { if (code === null) await show(); else setCode(null); })}>
            {t(code === null ? "slip.show" : "slip.hide")}
          </button>
        </div>
      )}
      {code !== null && <Paper record={record} code={code} />}
      {trouble !== null && <Trouble words={trouble} />}
    </section>
  );
}

/** What is printed, and shown to the camera of another device. */
function Paper({ record, code }: { record: kept.Record_; code: Squares }) {
  const { consumer, dataset } = record.consent.details;
  const name = t("slip.code", { consumer });
  return (
    <figure class="paper">
      <figcaption>
        <strong>{name}</strong>
        <span>
          {dataset}, {t("slip.until", { date: dateOf(record.consent.not_after) })}
        </span>
      </figcaption>
      <Code code={code} name={name} />
      <p>{t("slip.code-about", { url: `${location.origin}${path("/owner/slip")}` })}</p>
      <p>
        <small>
          {t("check.id")}: {record.id}
        </small>
      </p>
    </figure>
  );
}
