/** The verdict in the reader's language, and under it the report as the verifier draws it. */
import { useEffect, useRef } from "preact/hooks";
import { download, Title } from "../common/parts.tsx";
import { draw } from "./draw.ts";
import { t } from "./i18n.ts";
import type { Judged, Node, Report } from "./verifying.ts";

const TONES: Readonly<Record<Report["verdict"], string>> = {
  intact: "good",
  "lawfully-erased": "good",
  incomplete: "",
  disputed: "",
  breached: "bad",
  tampered: "bad",
};
const SIGNS: Readonly<Record<Report["verdict"], string>> = { intact: "✓", "lawfully-erased": "✓", incomplete: "…", disputed: "?", breached: "!", tampered: "✗" };

export function Result({ judged, again }: { judged: Judged; again: () => void }) {
  const host = useRef<HTMLDivElement>(null);
  const report = judged.judgement.report as Report;
  useEffect(() => draw(host.current as HTMLDivElement, judged.page as Node), [judged]);
  const name = `audit-${report.job.slice(2, 10)}`;
  const save = () => download(`${name}.html`, "text/html", judged.html as string);
  const saveJson = () => download(`${name}.json`, "application/json", JSON.stringify(report, null, 1));
  return (
    <>
      <button type="button" class="back" onClick={again}>
        {t("result.again")}
      </button>
      <div class={`band ${TONES[report.verdict]}`} role="status">
        <Title>
          <span aria-hidden="true">{SIGNS[report.verdict]} </span>
          {t(`verdict.${report.verdict}`)}
        </Title>
        <p>{t(`verdict.${report.verdict}.means`)}</p>
        <p>{t(report.basis === "bundle" ? "basis.bundle" : "basis.own")}</p>
        {judged.asked === "consent" && <p>{t("asked.consent")}</p>}
        {judged.asked === "transaction" && <p>{t("asked.transaction")}</p>}
        {judged.asked === "absent" && <p>{t("asked.absent")}</p>}
      </div>
      <div class="row tools">
        <button type="button" class="plain" onClick={save}>
          {t("result.html")}
        </button>
        <button type="button" class="plain" onClick={saveJson}>
          {t("result.json")}
        </button>
        <button type="button" class="plain" onClick={() => print()}>
          {t("result.print")}
        </button>
      </div>
      <div class="report" lang="en" ref={host} />
    </>
  );
}
