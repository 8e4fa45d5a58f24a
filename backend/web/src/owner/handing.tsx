/** A withdrawal slip that somebody saved: handed in here, whatever became of the device that made it. */
import { useState } from "preact/hooks";
import { readSlip, type Slip } from "../../client/src/index.ts";
import { codeIn } from "../common/codes.tsx";
import { Link, Title, Trouble } from "../common/parts.tsx";
import { t, tOr } from "./i18n.ts";
import { Notice, useWork } from "./parts.tsx";
import type { Place } from "./session.ts";

const MOST = 1 << 20;

export function HandIn({ place }: { place: Place }) {
  const [slip, setSlip] = useState<Slip | null>(null);
  const [wrong, setWrong] = useState("");
  const [status, setStatus] = useState<string | null>(null);
  const { busy, trouble, run } = useWork(place);
  const take = async (content: string | null) => {
    const one = content === null ? null : await readSlip(content, place.domain);
    setSlip(one);
    setWrong(one !== null ? "" : t(content === null ? "hand.no-code" : "hand.wrong"));
  };
  const read = async (file: File | undefined) => {
    setWrong("");
    setSlip(null);
    if (file === undefined) return;
    if (file.type.startsWith("image/")) await take(await codeIn(file).catch(() => null));
    else await take(file.size > MOST ? "" : await file.text());
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
            <input type="file" accept="application/json,.json,image/*" onChange={(event) => void read(event.currentTarget.files?.[0])} />
          </label>
          <details>
            <summary>{t("hand.paste")}</summary>
            <label>
              {t("hand.text")}
              <textarea rows={4} maxLength={20_000} spellcheck={false} onInput={(event) => void take(event.currentTarget.value)} />
            </label>
          </details>
          <p class="missing" role="alert">
            {wrong}
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
