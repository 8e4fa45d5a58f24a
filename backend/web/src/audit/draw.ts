/** Builds a report of its nodes, one by one: what a bundle says becomes text and never markup. */
import type { Node as Drawn } from "./verifying.ts";

declare const REPORT_STYLE: string; // the address of the report's style sheet, set by the build

const HTML = new Set(
  "main header div span p h1 h2 h3 dl dt dd code ul li section details summary table tr th td em b small figure figcaption footer".split(" "),
);
const SVG = new Set("svg g path circle rect line text tspan title".split(" "));
const ATTRIBUTES = new Set(
  ("class open role aria-label aria-hidden d cx cy r rx x y x1 x2 y1 y2 width height transform fill stroke stroke-width stroke-linecap " +
    "stroke-linejoin stroke-dasharray opacity viewbox text-anchor").split(" "),
);
const SPELT: Readonly<Record<string, string>> = { viewbox: "viewBox" }; // as SVG, unlike HTML, wants it

function element(name: string): Element {
  if (HTML.has(name)) return document.createElement(name);
  if (SVG.has(name)) return document.createElementNS("http://www.w3.org/2000/svg", name);
  throw new TypeError(`a report has no <${name}>`);
}

function append(parent: Element | ShadowRoot, node: Drawn): void {
  if (typeof node === "string") {
    parent.append(node);
    return;
  }
  const [name, attributes, children] = node;
  const one = element(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (!ATTRIBUTES.has(key)) throw new TypeError(`a report has no ${key}`);
    one.setAttribute(SPELT[key] ?? key, value);
  }
  for (const child of children) append(one, child);
  parent.append(one);
}

/** Into a shadow tree, where the report's style is the only one. */
export function draw(host: HTMLElement, page: Drawn): void {
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  const style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = REPORT_STYLE;
  root.replaceChildren(style);
  append(root, page);
}
