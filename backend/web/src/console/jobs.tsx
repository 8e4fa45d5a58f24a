/** All jobs that this institution takes part in. */
import { useState } from "preact/hooks";
import { Link, Title } from "../common/parts.tsx";
import { get, type Job, type JobPage, type Named } from "./api.ts";
import { capital, listOf, recipeName, roleName, statusName, t, timeOf } from "./i18n.ts";
import { Countdown, Loaded, Table, Tag, useLoad } from "./parts.tsx";

const KINDS = ["going", "completed", "closed", "aborted", "cancelled", "expired", "refused"] as const;

export function Jobs({ own, news }: { own: Named; news: number }) {
  const [kind, setKind] = useState("");
  const [pages, setPages] = useState<readonly string[]>([]);
  const cursor = pages.at(-1);
  const query = new URLSearchParams({ ...(kind === "" ? {} : { ended: kind }), ...(cursor === undefined ? {} : { cursor }) }).toString();
  const jobs = useLoad(() => get<JobPage>(`/v1/jobs${query && `?${query}`}`), query, news);
  const choose = (event: { currentTarget: HTMLSelectElement }) => {
    setKind(event.currentTarget.value);
    setPages([]);
  };
  return (
    <>
      <Title>{t("menu/jobs")}</Title>
      <p class="lead">{t("jobs.about")}</p>
      <p>
        <Link to="/console/start" class="button">
          {t("menu/start")}
        </Link>
      </p>
      <label class="show">
        {t("jobs.show")}
        <select value={kind} onChange={choose}>
          <option value="">{t("jobs.all")}</option>
          {KINDS.map((one) => (
            <option value={one}>{capital(statusName(one))}</option>
          ))}
        </select>
      </label>
      <Loaded of={jobs}>
        {(page) => (
          <>
            {page.jobs.length === 0 ? <p>{t(kind === "" ? "jobs.none" : "jobs.none-such")}</p> : <JobTable own={own} jobs={page.jobs} caption={t("menu/jobs")} />}
            <div class="row">
              {pages.length > 0 && (
                <button type="button" class="plain" onClick={() => setPages(pages.slice(0, -1))}>
                  {t("jobs.newer")}
                </button>
              )}
              {page.cursor !== null && (
                <button type="button" class="plain" onClick={() => setPages([...pages, page.cursor as string])}>
                  {t("jobs.older")}
                </button>
              )}
            </div>
          </>
        )}
      </Loaded>
    </>
  );
}

export function JobTable({ own, jobs, caption }: { own: Named; jobs: readonly Job[]; caption: string }) {
  return (
    <Table
      hidden
      caption={caption}
      rows={jobs}
      columns={[
        { title: t("jobs.what"), cell: (one) => <Link to={`/console/jobs/${one.id}`}>{recipeName(one.recipe)}</Link> },
        { title: t("jobs.with"), cell: (one) => withWhom(one, own) },
        { title: t("jobs.role"), cell: (one) => roleName(one.role) },
        { title: t("jobs.status"), cell: (one) => <Tag status={one.ended ?? one.status} /> },
        { title: t("jobs.deadline"), cell: (one) => (one.ended === null ? <Countdown to={one.deadline} /> : "–") },
        { title: t("jobs.created"), cell: (one) => timeOf(one.created) },
      ]}
    />
  );
}

export const withWhom = (job: { parties: readonly Named[] }, own: Named): string =>
  listOf(job.parties.filter((one) => one.address !== own.address).map((one) => one.name));
