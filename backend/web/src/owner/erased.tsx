/** What came of an erasure: of each holder whether it has deleted, keeps, or has not answered yet, and the receipts. */
import { useEffect } from "preact/hooks";
import { holdersOf, receiptDomainOf, type Hex, type Holder } from "../../client/src/index.ts";
import { download, Trouble } from "../common/parts.tsx";
import { dateOf, t, timeOf, tOr } from "./i18n.ts";
import { useWork } from "./parts.tsx";
import * as kept from "./records.ts";
import { isOpen, readerOf, type Place } from "./session.ts";

/** Asks the node, and keeps what it answers. */
async function look(place: Place, erased: kept.Erased): Promise<void> {
  const answer = (await place.node.erasures(await readerOf(place, erased))).find((one) => one.consent === erased.id);
  if (answer === undefined) return;
  kept.tellErased(erased.id, { answer, holders: await holdersOf(answer, place.address, receiptDomainOf(place.deployment)) });
}

export function Erasures({ place, erased, changed }: { place: Place; erased: readonly kept.Erased[]; changed: () => void }) {
  if (erased.length === 0) return null;
  return (
    <section>
      <h2>{t("erased.title")}</h2>
      {erased.map((one) => (
        <Card key={one.id} place={place} erased={one} changed={changed} />
      ))}
    </section>
  );
}

function Card({ place, erased, changed }: { place: Place; erased: kept.Erased; changed: () => void }) {
  const { busy, trouble, altered, run } = useWork(place);
  const { id, consumer, told } = erased;
  const heading = `erased-${id.slice(2, 10)}`;
  useEffect(() => {
    if (isOpen(erased)) void look(place, erased).then(changed, () => {});
  }, [id]);
  const refresh = () => run(async () => { await look(place, erased); changed(); });
  const save = () => download(`erasure-${id.slice(2, 10)}.json`, "application/json", JSON.stringify([told?.answer], null, 1));
  const forget = () => {
    kept.forgetErased(id);
    changed();
  };
  return (
    <article class="card" aria-labelledby={heading}>
      <h3 id={heading}>{consumer}</h3>
      {told === null ? (
        <p>{t("card.unknown")}</p>
      ) : (
        <dl class="facts">
          {told.holders.map((one) => (
            <div>
              <dt>{nameOf(place, one.address)}</dt>
              <dd>
                {wordsOf(one)}
                {one.kind === "deleted" && (
                  <small>
                    {t("erased.receipt")}: <code>{one.hash}</code>
                  </small>
                )}
              </dd>
            </div>
          ))}
        </dl>
      )}
      <div class="row">
        <button type="button" class="plain" disabled={busy} onClick={refresh}>
          {t("mine.refresh")}
        </button>
        {told?.holders.some((one) => one.kind === "deleted") && (
          <button type="button" class="plain" onClick={save}>
            {t("erased.save")}
          </button>
        )}
        <button type="button" class="plain" disabled={busy} onClick={forget}>
          {t("erased.forget")}
        </button>
      </div>
      {(trouble !== null || altered !== null) && <Trouble words={trouble ?? t("erased.strange", { name: place.name })} />}
    </article>
  );
}

/** As the trust list has it; who is not in it any more is told by the address. */
function nameOf(place: Place, address: Hex): string {
  return place.trust.institutions.find((one) => one.address === address)?.name ?? address;
}

function wordsOf(one: Holder): string {
  switch (one.kind) {
    case "deleted":
      return t("erased.deleted", { time: timeOf(one.at) });
    case "retains":
      return t("erased.retains", { date: dateOf(one.until), reason: one.reason ?? "" });
    case "unchecked":
      return t("erased.unchecked");
    case "waits":
      return one.code === null ? t("erased.waits") : tOr(`waits.${one.code}`, t("erased.waits-for", { code: one.code }));
  }
}
