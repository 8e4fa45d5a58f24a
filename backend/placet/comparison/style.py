"""The page's style sheet and its one script, which only searches and filters what is on the page."""

# ruff: noqa: E501 - rules of a style sheet read best on one line each

CSS = """
:root { color-scheme: light dark;
  --paper: #fbfaf7; --card: #ffffff; --ink: #1d2321; --soft: #66706c; --line: #e2e0d8; --band: #f1efe8;
  --edited: #2f6db3; --moved: #7a62b8; --added: #2c7a57; --removed: #b3372d; --ins: #d8f0e3; --del: #f9dedb; --hit: #ffe58a; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #15181a; --card: #1c2023; --ink: #e8e6df; --soft: #9aa39f; --line: #31373a; --band: #1f2427;
  --edited: #6fa8e6; --moved: #ab98e6; --added: #5fbf93; --removed: #e7796d; --ins: #1d4534; --del: #552a27; --hit: #6b5a16; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1280px; margin: 0 auto; padding: 40px 28px 64px; }
h1, h2 { font-family: ui-serif, Georgia, "Times New Roman", serif; font-weight: 600; letter-spacing: -.01em; }
h1 { font-size: 30px; line-height: 1.22; margin: 0 0 8px; text-wrap: balance; } h2 { font-size: 20px; margin: 40px 0 12px; }
a { color: inherit; text-decoration-color: var(--soft); text-underline-offset: 3px; }
code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .86em; overflow-wrap: anywhere; color: var(--soft); }
.word { color: var(--soft); font-weight: 650; font-size: 13px; letter-spacing: .09em; text-transform: uppercase; }
.files { display: grid; grid-template-columns: 1fr 1fr; gap: 12px; margin: 18px 0 0; } .files div { min-width: 0; overflow-wrap: anywhere; }
.files b, .files small { display: block; } .files small { color: var(--soft); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(120px, 1fr)); gap: 12px; margin: 24px 0 0; }
.card { background: var(--card); border: 1px solid var(--line); border-top: 3px solid var(--tone, var(--line)); border-radius: 8px; padding: 10px 16px; }
.card b { display: block; font-size: 24px; line-height: 1.2; } .card span { color: var(--soft); font-size: 13.5px; }
ul.notes { list-style: none; padding: 0; margin: 20px 0 0; }
ul.notes li { border-left: 3px solid var(--moved); background: var(--card); padding: 8px 14px; margin: 6px 0; overflow-wrap: anywhere; }
.edited { --tone: var(--edited); } .moved { --tone: var(--moved); } .added { --tone: var(--added); } .removed { --tone: var(--removed); }
.group { background: var(--card); border: 1px solid var(--line); border-radius: 10px; margin: 10px 0; overflow: hidden; }
.group h3 { margin: 0; padding: 9px 16px; font-size: 13px; font-weight: 650; background: var(--band); display: flex; justify-content: space-between; }
.group h3 span { color: var(--soft); font-weight: 400; }
table { width: 100%; border-collapse: collapse; table-layout: fixed; } td { padding: 6px 16px; border-top: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
details.low { margin: 10px 0; } details.low summary { color: var(--soft); cursor: pointer; } .around { color: var(--soft); } .hashes p { overflow-wrap: anywhere; margin: 4px 0; }
td:first-child { width: 34%; color: var(--soft); } td:first-child a { color: var(--ink); } td i { color: var(--soft); font-style: normal; padding: 0 6px; }
ins { background: var(--ins); text-decoration: none; border-radius: 3px; box-decoration-break: clone; } del { background: var(--del); text-decoration-thickness: 1px; border-radius: 3px; box-decoration-break: clone; }
form { position: sticky; top: 0; z-index: 1; background: var(--paper); border-bottom: 1px solid var(--line); padding: 10px 0; display: flex; flex-wrap: wrap; gap: 8px 18px; align-items: center; }
input[type=search] { flex: 1; min-width: 200px; max-width: 420px; font: inherit; padding: 7px 12px; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
input:focus-visible { outline: 2px solid var(--edited); outline-offset: 1px; } label { display: inline-flex; gap: 6px; align-items: center; } output { color: var(--soft); }
.row { display: grid; grid-template-columns: 1fr 1fr; border-bottom: 1px solid var(--line); border-left: 3px solid var(--tone, transparent); scroll-margin-top: 60px; }
.row > div { padding: 8px 16px; min-width: 0; overflow-wrap: anywhere; } .row > div + div { border-left: 1px solid var(--line); }
.row:target { background: var(--band); } .row.heading { font-weight: 650; } .row b { font-weight: 650; margin-right: 6px; } .row p { margin: 0 0 6px; } .row p:last-child { margin: 0; }
.tag { display: inline-block; color: var(--tone); font-size: 12px; font-weight: 650; letter-spacing: .03em; margin-right: 8px; }
.ghost { color: var(--soft); font-size: 13.5px; } .none { color: var(--soft); }
.level1 { padding-left: 32px !important; } .level2 { padding-left: 52px !important; } .level3 { padding-left: 72px !important; }
::highlight(found) { background: var(--hit); }
footer { margin-top: 44px; padding-top: 14px; border-top: 1px solid var(--line); color: var(--soft); font-size: 13px; max-width: 90ch; }
[hidden] { display: none !important; }
@media (max-width: 760px) { main { padding: 24px 12px; } .row, .files { grid-template-columns: 1fr; } .row > div + div { border-left: 0; border-top: 1px dashed var(--line); } }
@media print { :root { --paper: #fff; --card: #fff; --ink: #111; --soft: #555; --line: #ccc; --band: #f4f4f4; --ins: #e0f2e8; --del: #fbe5e3; }
  body { font-size: 10.5px; print-color-adjust: exact; -webkit-print-color-adjust: exact; } main { padding: 0; max-width: none; } form { display: none; } .row, .group { break-inside: avoid; } @page { margin: 12mm; } }
"""

SCRIPT = """
const form = document.querySelector('form'), rows = [...document.querySelectorAll('.row')];
const texts = rows.map(row => row.textContent.toLowerCase()), [query, changed, count] = form.elements;
let shown = rows, at = -1;
function mark(words) {
  if (!CSS.highlights) return;
  CSS.highlights.delete('found');
  if (words.length < 2) return;
  const ranges = [];
  for (const row of shown.slice(0, 500)) {
    const walker = document.createTreeWalker(row, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const text = walker.currentNode.data.toLowerCase();
      for (let i = text.indexOf(words); i >= 0; i = text.indexOf(words, i + words.length)) {
        const range = new Range();
        range.setStart(walker.currentNode, i);
        range.setEnd(walker.currentNode, Math.min(i + words.length, walker.currentNode.length));
        ranges.push(range);
      }
    }
  }
  CSS.highlights.set('found', new Highlight(...ranges));
}
function filter() {
  const words = query.value.trim().toLowerCase();
  shown = rows.filter((row, i) => {
    row.hidden = words ? !texts[i].includes(words) : changed.checked && row.classList.contains('same');
    return !row.hidden;
  });
  at = -1;
  count.value = words || changed.checked ? `${shown.length} of ${rows.length}` : '';
  mark(words);
}
form.addEventListener('input', filter);
form.addEventListener('submit', event => {
  event.preventDefault();
  if (shown.length) shown[at = (at + 1) % shown.length].scrollIntoView({ block: 'center' });
});
filter();
"""
