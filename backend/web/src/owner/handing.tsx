/** A withdrawal slip that somebody saved: handed in here, whatever became of the device that made it. */
import { useState } from "preact/hooks";
import { readSlip, type Slip } from "../../client/src/index.ts";
import { Link, Title, Trouble } from "../common/parts.tsx";
import { t, tOr } from "./i18n.ts";
import { Notice, useWork } from "./parts.tsx";
import type { Place } from "./session.ts";

export function HandIn({ place }: { place: Place }) {
  const [slip, setSlip] = useState<Slip | null>(null);
  const [wrong, setWrong] = useState(false);
  const [status, setStatus] = useState<string | null>(null);
  const { busy, trouble, run } = useWork(place);
  const read = async (file: File | undefined) => {
    setWrong(false);
    setSlip(null);
    if (file === undefined) return;
    const one = readSlip(await file.text(), place.domain);
    setSlip(one);
    setWrong(one === null);
  };
  return (
    <>
      <Link to="/owner" class="back">
        {t("home")}
      </Link>
      <Title>{t("hand.title")}</Title>
      <p class="lead">{t("hand.about")}</p>
      {status !== null ? (
        <div class="band good" role="status">
          <p>
            {t("withdraw.done")} ({tOr(`status.${status}`, status, { provider: place.name })})
          </p>
        </div>
      ) : (
        <>
          <label>
            {t("hand.file")}
            <input type="file" accept="application/json,.json" onChange={(event) => void read(event.currentTarget.files?.[0])} />
          </label>
          <p class="missing" role="alert">
            {wrong && t("hand.wrong")}
          </p>
          {slip !== null && (
            <>
              <Notice text={Object.values(summary(slip)).join("\n")} />
              <div class="answers">
                <button type="button" class="danger" disabled={busy} onClick={() => void run(async () => setStatus(await place.node.withdraw(slip)))}>
                  {t("withdraw.yes")}
                </button>
              </div>
            </>
          )}
        </>
      )}
      {trouble !== null && <Trouble words={trouble} />}
    </>
  );
}

/** What the slip ends, in the words that were signed. */
function summary({ consent, id }: Slip): Record<string, string> {
  const { dataset, consumer, purpose } = consent.details;
  return {
    consumer,
    dataset: `${t("hand.data")}: ${dataset}`,
    purpose: `${t("card.what")}: ${purpose}`,
    id: `${t("check.id")}: ${id}`,
  };
}
