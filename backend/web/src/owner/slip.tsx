/** The withdrawal slip: to save, to print, or to sign where that was not done yet. */
import { makeSlip } from "../../client/src/index.ts";
import { download, Trouble } from "../common/parts.tsx";
import { t } from "./i18n.ts";
import { useWork } from "./parts.tsx";
import * as kept from "./records.ts";
import { signerOf, type Place } from "./session.ts";

export async function slipOf(place: Place, record: kept.Record_) {
  if (record.slip !== null) return record.slip;
  const slip = await makeSlip(await signerOf(place, record), place.domain, record);
  kept.change(record.id, { slip });
  return slip;
}

export function SlipBox({ place, record, changed }: { place: Place; record: kept.Record_; changed: () => void }) {
  const { busy, trouble, run } = useWork(place);
  const save = () => download(`withdrawal-${record.id.slice(2, 10)}.json`, "application/json", JSON.stringify(record.slip, null, 1));
  return (
    <section class="slip">
      <h2>{t("slip.title")}</h2>
      <p>{t("slip.about")}</p>
      {record.slip === null ? (
        <>
          <p>{t("slip.missing")}</p>
          <button type="button" disabled={busy} onClick={() => void run(async () => { await slipOf(place, record); changed(); })}>
            {t("slip.make")}
          </button>
        </>
      ) : (
        <>
          <div class="row">
            <button type="button" onClick={save}>
              {t("slip.save")}
            </button>
            <button type="button" class="plain" onClick={() => print()}>
              {t("slip.print")}
            </button>
          </div>
          <pre class="paper">{JSON.stringify(record.slip)}</pre>
        </>
      )}
      {trouble !== null && <Trouble words={trouble} />}
    </section>
  );
}
