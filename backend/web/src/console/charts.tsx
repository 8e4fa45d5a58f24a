/** Charts of a few rectangles, and the same numbers as a table. Colours only repeat what position says. */
import type { Day, Outcomes } from "./api.ts";
import { capital, dayOf, numberOf, statusName, t } from "./i18n.ts";
import { Table } from "./parts.tsx";

const WIDTH = 640;
const HEIGHT = 200;

/** Consents by week: given above the line, ended below it. */
export function Consents({ days }: { days: readonly Day[] }) {
  const weeks = weeksOf(days);
  const sum = (which: "given" | "ended") => weeks.reduce((all, one) => all + one[which], 0);
  if (sum("given") + sum("ended") === 0) return <p class="hint">{t("chart.consents.none")}</p>;
  const most = (which: "given" | "ended") => Math.max(...weeks.map((one) => one[which]));
  const scale = HEIGHT / (most("given") + most("ended"));
  const middle = most("given") * scale;
  const step = WIDTH / weeks.length;
  const summary = t("chart.consents.words", { given: numberOf(sum("given")), ended: numberOf(sum("ended")), days: days.length });
  return (
    <figure class="chart">
      <figcaption>{summary}</figcaption>
      <svg role="img" aria-label={summary} viewBox={`0 0 ${WIDTH} ${HEIGHT}`}>
        {weeks.map((one, place) => (
          <g>
            <rect class="up" x={place * step + 3} width={step - 6} y={middle - one.given * scale} height={one.given * scale} />
            <rect class="down" x={place * step + 3} width={step - 6} y={middle} height={one.ended * scale} />
          </g>
        ))}
        <line x1="0" x2={WIDTH} y1={middle} y2={middle} />
      </svg>
      <p class="axis" aria-hidden="true">
        <span>{dayOf((weeks[0] as Day).day)}</span>
        <span>{t("chart.consents.key")}</span>
        <span>{dayOf((days.at(-1) as Day).day)}</span>
      </p>
      <details>
        <summary>{t("chart.table")}</summary>
        <Table
          caption={t("chart.consents")}
          rows={weeks}
          columns={[
            { title: t("chart.week"), cell: (one) => dayOf(one.day) },
            { title: t("chart.given"), cell: (one) => numberOf(one.given), number: true },
            { title: t("chart.ended"), cell: (one) => numberOf(one.ended), number: true },
          ]}
        />
      </details>
    </figure>
  );
}

function weeksOf(days: readonly Day[]): readonly Day[] {
  const weeks: Day[] = [];
  for (let end = days.length; end > 0; end -= 7) {
    const week = days.slice(Math.max(end - 7, 0), end);
    const add = (which: "given" | "ended") => week.reduce((all, one) => all + one[which], 0);
    weeks.unshift({ day: (week[0] as Day).day, given: add("given"), ended: add("ended") });
  }
  return weeks;
}

const ENDS = ["completed", "closed", "aborted", "cancelled", "expired", "refused"] as const;

/** Jobs by how they ended, a bar each. */
export function JobsByOutcome({ outcomes }: { outcomes: Outcomes }) {
  const rows = [["going", outcomes.going] as const, ...ENDS.map((one) => [one, outcomes.ended[one] ?? 0] as const)];
  const shown = rows.filter(([, number]) => number > 0);
  if (shown.length === 0) return <p class="hint">{t("chart.jobs.none")}</p>;
  const most = Math.max(...shown.map(([, number]) => number));
  const summary = t("chart.jobs.words", { parts: shown.map(([name, number]) => `${statusName(name)} ${numberOf(number)}`).join(", ") });
  return (
    <figure class="chart">
      <figcaption class="unseen">{t("chart.jobs")}</figcaption>
      <div role="img" aria-label={summary}>
        {shown.map(([name, number]) => (
          <>
            <p>{`${capital(statusName(name))}: ${numberOf(number)}`}</p>
            <svg class="bar" viewBox={`0 0 ${WIDTH} 1`} preserveAspectRatio="none">
              <rect class={name === "completed" ? "up" : name === "going" ? "going" : "down"} width={Math.max((number / most) * WIDTH, 4)} height="1" />
            </svg>
          </>
        ))}
      </div>
      <details>
        <summary>{t("chart.table")}</summary>
        <Table
          caption={t("chart.jobs")}
          rows={rows}
          columns={[
            { title: t("jobs.status"), cell: ([name]) => capital(statusName(name)) },
            { title: t("chart.number"), cell: ([, number]) => numberOf(number), number: true },
          ]}
        />
      </details>
    </figure>
  );
}
