/** What happens to the institution's jobs, as it happens: one stream of the node for all tabs of this browser.
 *
 * A browser opens six connections to a host at the most, and a stream is one of them, so tabs share: the one that holds a
 * lock reads the stream and tells the others. When it closes, the next one goes on after the last number. It reads by
 * `fetch`, not by `EventSource`: that hides whether a session ended or a node is away, and forgets its place at a login.
 */
import { LOGGED_OUT, type Moment } from "./api.ts";

export type Line = "on" | "away" | "out";
type News = { readonly moment: Moment & { readonly job: string } } | { readonly line: Line };

const NAME = "placet.console.events";
const SILENCE = 40_000; // the node says something every 15 s
const RESTS = [500, 1000, 2000, 5000, 10_000] as const;

let last: number | null = null;
let line: Line = "away";
let knock: (() => void) | null = null;
const channel = new BroadcastChannel(NAME);
const listeners = new Set<(news: News) => void>();

/** `heard`: something happened. `changed`: whether the stream is on, the node is away, or nobody is logged in. */
export function follow(heard: (moment: Moment & { readonly job: string }) => void, changed: (line: Line) => void): () => void {
  const listener = (news: News) => ("moment" in news ? heard(news.moment) : changed(news.line));
  listeners.add(listener);
  changed(line);
  return () => void listeners.delete(listener);
}

function tell(news: News): void {
  if ("line" in news) line = news.line;
  if ("line" in news && line === "out") dispatchEvent(new Event(LOGGED_OUT));
  for (const listener of listeners) listener(news);
}

function tellAll(news: News & { readonly number?: number }): void {
  channel.postMessage(news);
  tell(news);
}

/** Somebody logged in, in whichever tab. */
export function retry(): void {
  channel.postMessage("retry");
  knock?.();
}

export function begin(): void {
  channel.onmessage = ({ data }: MessageEvent<(News & { readonly number?: number }) | "retry" | "line?">) => {
    if (data === "retry") return knock?.();
    if (data === "line?") return knock !== null ? channel.postMessage({ line }) : undefined;
    if (data.number !== undefined) last = data.number;
    tell(data);
  };
  channel.postMessage("line?");
  void navigator.locks.request(NAME, lead);
}

/** As long as this tab lives. */
async function lead(): Promise<never> {
  for (let failures = 0; ; ) {
    const rest = new Promise<void>((resolve) => (knock = resolve));
    const status = await read(() => (failures = 0)).catch(() => 0);
    const out = status === 401 || status === 403;
    tellAll({ line: out ? "out" : "away" });
    const pause = RESTS[Math.min(failures++, RESTS.length - 1)] as number;
    await Promise.race(out ? [rest] : [rest, new Promise((resolve) => setTimeout(resolve, pause))]);
  }
}

/** Reads until the stream ends; the answer's status. */
async function read(opened: () => void): Promise<number> {
  const stop = new AbortController();
  let timer = setTimeout(() => stop.abort(), SILENCE);
  try {
    const headers: Record<string, string> = last === null ? {} : { "Last-Event-ID": String(last) };
    const answer = await fetch("/v1/events", { headers, credentials: "same-origin", cache: "no-store", signal: stop.signal });
    if (!answer.ok || answer.body === null) return answer.status;
    opened();
    tellAll({ line: "on" });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return answer.status;
      clearTimeout(timer);
      timer = setTimeout(() => stop.abort(), SILENCE);
      const events = (rest + value).split("\n\n");
      rest = events.pop() as string;
      for (const event of events) take(event);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** One event of the stream (HTML, 9.2.6): its number, and the moment as one line of JSON, if it has one. */
function take(event: string): void {
  let number: number | null = null;
  let data = "";
  for (const one of event.split("\n")) {
    if (one.startsWith("id:")) number = Number(one.slice(3));
    if (one.startsWith("data:")) data += one.slice(5);
  }
  if (number === null || (last !== null && number <= last && data !== "")) return;
  last = Math.max(number, last ?? 0);
  tellAll(data === "" ? { line, number } : { moment: JSON.parse(data), number });
}
