/** Small pieces of the console's views. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Dialog, Loading, Trouble, useTask } from "../common/parts.tsx";
import { left, statusName, t, timeOf, wordsOf } from "./i18n.ts";

/** What a view needs of the node: loaded, again after news, and still shown while it is. */
export function useLoad<T>(load: () => Promise<T>, key: string, news: number) {
  const [content, setContent] = useState<T | null>(null);
  const [trouble, setTrouble] = useState<string | null>(null);
  const again = () => {
    let wanted = true;
    load().then(
      (one) => wanted && (setContent(one), setTrouble(null)),
      (error: unknown) => wanted && setTrouble(wordsOf(error)),
    );
    return () => void (wanted = false);
  };
  useEffect(again, [key, news]);
  return { content, trouble, again: () => void again() };
}

/** Shows what was loaded; before that that it loads, or why it did not. */
export function Loaded<T>({ of, children }: { of: ReturnType<typeof useLoad<T>>; children: (content: T) => ComponentChildren }) {
  return (
    <>
      {of.trouble !== null && <Trouble words={of.trouble} again={of.again} />}
      {of.content === null ? of.trouble === null && <Loading /> : children(of.content)}
    </>
  );
}

export interface Column<R> {
  readonly title: string;
  readonly cell: (row: R) => ComponentChildren;
  readonly number?: boolean;
}

/** A table; on a phone each row stands as a card with its headings beside. The roles keep it a table there. */
export function Table<R>({ caption, columns, rows, hidden }: {
  caption: string;
  columns: readonly Column<R>[];
  rows: readonly R[];
  hidden?: boolean;
}) {
  return (
    <table role="table" class="rows">
      <caption class={hidden ? "unseen" : ""}>{caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map((one) => (
            <th role="columnheader" scope="col" class={one.number ? "number" : ""}>
              {one.title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((row) => (
          <tr role="row">
            {columns.map((one) => (
              <td role="cell" data-title={one.title} class={one.number ? "number" : ""}>
                {one.cell(row)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export const Facts = ({ rows }: { rows: readonly (readonly [string, ComponentChildren])[] }) => (
  <dl class="facts">
    {rows.map(([name, value]) => (
      <div>
        <dt>{name}</dt>
        <dd>{value}</dd>
      </div>
    ))}
  </dl>
);

/** The time, each so many seconds, while somebody looks. */
export function useNow(each = 1): number {
  const [now, setNow] = useState(() => Date.now() / 1000);
  useEffect(() => {
    const timer = setInterval(() => document.hidden || setNow(Date.now() / 1000), each * 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

export function Countdown({ to }: { to: number }) {
  const rest = left(to - useNow());
  return <time dateTime={new Date(to * 1000).toISOString()} title={timeOf(to)}>{rest === null ? t("over") : t("left", { time: rest })}</time>;
}

const GOOD = new Set(["completed", "signed", "ok"]);
const BAD = new Set(["closed", "aborted", "refused", "expired", "stale"]);

export function Tag({ status }: { status: string }) {
  const style = GOOD.has(status) ? "good" : BAD.has(status) ? "bad" : "plain";
  return <strong class={`tag ${style}`}>{statusName(status)}</strong>;
}

export const useWork = () => useTask(wordsOf);

/** Asks before something that can't be taken back: what follows first, then yes and no of one size. */
export function Question({ title, yes, children, danger, work, onClose }: {
  title: string;
  yes: string;
  children: ComponentChildren;
  danger?: boolean;
  work: () => Promise<void>;
  onClose: () => void;
}) {
  const { busy, trouble, run } = useWork();
  const answer = (event: Event) => {
    event.preventDefault();
    void run(work);
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={answer}>
        {children}
        {trouble !== null && (
          <p class="missing" role="alert">
            {trouble}
          </p>
        )}
        <div class="answers">
          <button type="submit" class={danger ? "danger" : ""} disabled={busy}>
            {yes}
          </button>
          <button type="button" class="plain" onClick={onClose}>
            {t("back")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** A hash that nobody reads, cut short; whole for who copies it. */
export const Hash = ({ value }: { value: string }) => <code title={value}>{value.slice(0, 10)}…</code>;
