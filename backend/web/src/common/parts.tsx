/** Small pieces that every page is made of. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { here, language, LANGUAGES, NAMES, path, withMessages } from "./i18n.ts";

const { t } = withMessages({});

interface FrameProps {
  brand: string;
  children: ComponentChildren;
  bottom: ComponentChildren;
  menu?: ComponentChildren;
  wide?: boolean;
}

/** The frame of a page: who serves it, the languages, the ways within the page, the content, a last line. */
export function Frame({ brand, children, bottom, menu, wide }: FrameProps) {
  return (
    <div class={wide ? "broad" : ""}>
      <a class="skip" href="#content">
        {t("skip")}
      </a>
      <header class="top">
        <p class="brand">{brand}</p>
        <nav aria-label={t("languages")}>
          {LANGUAGES.map((one) => (
            <a href={path(here(), one)} lang={one} hreflang={one} {...(one === language ? { "aria-current": "true" as const } : {})}>
              {NAMES[one]}
            </a>
          ))}
        </nav>
      </header>
      {menu}
      <main class="page" id="content">
        {children}
      </main>
      <footer class="bottom">
        <p>{bottom}</p>
      </footer>
    </div>
  );
}

/** A link within the page: no reload, so that what is unlocked stays so. */
export function Link({ to, children, class: style, current }: { to: string; children: ComponentChildren; class?: string; current?: boolean }) {
  const go = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    visit(to);
  };
  return (
    <a href={path(to)} class={style} onClick={go} {...(current ? { "aria-current": "page" as const } : {})}>
      {children}
    </a>
  );
}

export function visit(to: string): void {
  history.pushState(null, "", path(to));
  dispatchEvent(new PopStateEvent("popstate"));
}

/** The first heading of a view takes the focus, so that a screen reader begins there. */
export function Title({ children }: { children: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    heading.current?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, []);
  return (
    <h1 tabIndex={-1} ref={heading}>
      {children}
    </h1>
  );
}

export const Loading = () => (
  <p class="loading" role="status">
    {t("loading")}
  </p>
);

/** `whole`: it is all that there is to see, and so has the first heading. */
export function Trouble({ words, again, whole }: { words: string; again?: () => void; whole?: boolean }) {
  return (
    <div class="band bad" role="alert">
      {whole ? <Title>{t("error.title")}</Title> : <h2>{t("error.title")}</h2>}
      <p>{words}</p>
      {again && (
        <button type="button" onClick={again}>
          {t("error.again")}
        </button>
      )}
    </div>
  );
}

export function Dialog({ title, children, onClose }: { title: string; children: ComponentChildren; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} aria-labelledby="question" onClose={onClose}>
      <h2 id="question">{title}</h2>
      {children}
    </dialog>
  );
}

/** Files by the button, or dropped anywhere on the page. */
export function Drop({ take, label, hint }: { take: (files: Iterable<File>) => Promise<void>; label: string; hint: string }) {
  const [over, setOver] = useState(false);
  const latest = useRef(take);
  latest.current = take;
  useEffect(() => {
    const hover = (event: DragEvent) => {
      event.preventDefault();
      setOver(event.type === "dragover");
    };
    const dropped = (event: DragEvent) => {
      hover(event);
      void latest.current(event.dataTransfer?.files ?? []);
    };
    addEventListener("dragover", hover);
    addEventListener("dragleave", hover);
    addEventListener("drop", dropped);
    return () => {
      removeEventListener("dragover", hover);
      removeEventListener("dragleave", hover);
      removeEventListener("drop", dropped);
    };
  }, []);
  return (
    <label class={over ? "drop over" : "drop"}>
      {label}
      <span class="hint">{hint}</span>
      <input type="file" multiple onChange={(event) => void take(event.currentTarget.files ?? [])} />
    </label>
  );
}

/** What a page asks for as it opens: `again` after it failed. */
export function useLoaded<T>(load: () => Promise<T>): { value: T | null; failed: boolean; again: () => void } {
  const [value, setValue] = useState<T | null>(null);
  const [failed, setFailed] = useState(false);
  const again = () => {
    setFailed(false);
    load().then(setValue, () => setFailed(true));
  };
  useEffect(again, []);
  return { value, failed, again };
}

export function download(name: string, kind: string, content: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type: kind }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Runs something that may fail, once at a time. `wordsOf`: what is said of a failure, null where something else shows
 * it; it is told what `run` was told. */
export function useTask<About extends readonly unknown[]>(wordsOf: (error: unknown, ...about: About) => string | null) {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<string | null>(null);
  const run = async (work: () => Promise<void>, ...about: About) => {
    if (busy) return;
    setBusy(true);
    setTrouble(null);
    try {
      await work();
    } catch (error) {
      setTrouble(wordsOf(error, ...about));
    } finally {
      setBusy(false);
    }
  };
  return { busy, trouble, run };
}
