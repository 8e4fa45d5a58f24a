"""The report's style sheet: light, dark and paper."""

# ruff: noqa: E501 - rules of a style sheet read best on one line each

CSS = """
:root { color-scheme: light dark;
  --paper: #fbfaf7; --card: #ffffff; --ink: #1d2321; --soft: #66706c; --line: #e2e0d8; --band: #f1efe8; --band2: #e9e6dc;
  --intact: #2c7a57; --tampered: #b3372d; --disputed: #a86a12; --incomplete: #4f6690;
  --p0: #2f6db3; --p1: #a0528f; --p2: #b8772a; --p3: #3b8276; --p4: #7a62b8; --p5: #8a8a2e; --p6: #b85c5c; --p7: #5b7f3a; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #15181a; --card: #1c2023; --ink: #e8e6df; --soft: #9aa39f; --line: #31373a; --band: #1f2427; --band2: #262c30;
  --intact: #5fbf93; --tampered: #e7796d; --disputed: #dba651; --incomplete: #8ea8d6;
  --p0: #6fa8e6; --p1: #d28fc3; --p2: #e0a75f; --p3: #6fbfb1; --p4: #ab98e6; --p5: #c4c468; --p6: #e69292; --p7: #98c274; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 40px 28px 64px; }
h1, h2 { font-family: ui-serif, Georgia, "Times New Roman", serif; font-weight: 600; letter-spacing: -.01em; }
h1 { font-size: 30px; line-height: 1.22; margin: 0 0 8px; text-wrap: balance; overflow-wrap: anywhere; }
h2 { font-size: 20px; margin: 44px 0 12px; }
code, .mono { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .88em; overflow-wrap: anywhere; }
.intact, .lawfully-erased { --tone: var(--intact); } .tampered { --tone: var(--tampered); }
.disputed { --tone: var(--disputed); } .incomplete { --tone: var(--incomplete); }
header { display: flex; gap: 28px; align-items: center; padding-bottom: 28px; border-bottom: 1px solid var(--line); }
header .seal { flex: none; width: 116px; height: 116px; color: var(--tone); }
header p { margin: 0; color: var(--soft); font-size: 16px; }
.word { color: var(--tone); font-weight: 650; font-size: 13px; letter-spacing: .09em; text-transform: uppercase; }
dl.facts { display: flex; flex-wrap: wrap; gap: 12px 40px; margin: 20px 0 0; }
dl.facts div { min-width: 0; } dt { color: var(--soft); font-size: 12.5px; } dd { margin: 0; overflow-wrap: anywhere; }
ul.notes { list-style: none; padding: 0; margin: 20px 0 0; }
ul.notes li { border-left: 3px solid var(--disputed); background: var(--card); padding: 8px 14px; margin: 6px 0; overflow-wrap: anywhere; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 18px 16px 10px; }
figure svg { display: block; width: 100%; height: auto; }
figcaption { display: flex; flex-wrap: wrap; gap: 4px 20px; color: var(--soft); font-size: 12.5px; padding: 10px 4px 2px; }
figcaption span { display: inline-flex; align-items: center; gap: 6px; } figcaption svg { width: 14px; height: 14px; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; } svg text.soft { fill: var(--soft); font-size: 11px; }
svg .when, svg text.step { fill: var(--soft); font-size: 10.5px; } svg text.step { font-size: 10px; }
svg text.name { font-weight: 600; font-size: 12.5px; } svg .rule { stroke: var(--line); } svg .mark { stroke: var(--card); stroke-width: 1.5; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(230px, 1fr)); gap: 12px; }
.card { background: var(--card); border: 1px solid var(--line); border-top: 3px solid var(--hue); border-radius: 8px; padding: 12px 16px; }
.card b { display: block; overflow-wrap: anywhere; } .card small { color: var(--soft); }
.card dl { display: grid; grid-template-columns: 1fr auto; margin: 8px 0 0; font-size: 14px; } .card dd { text-align: right; }
.group { background: var(--card); border: 1px solid var(--line); border-radius: 10px; margin: 10px 0; overflow: hidden; }
.group h3 { margin: 0; padding: 10px 16px; font-size: 13px; font-weight: 650; background: var(--band); display: flex; justify-content: space-between; }
.group h3 span { color: var(--soft); font-weight: 400; }
details { border-top: 1px solid var(--line); } summary { cursor: pointer; padding: 8px 16px; display: flex; gap: 10px; list-style: none; }
summary::-webkit-details-marker { display: none; }
summary:focus-visible { outline: 2px solid var(--p0); outline-offset: -2px; }
summary svg { flex: none; width: 17px; height: 17px; margin-top: 3px; color: var(--tone, var(--soft)); }
summary em { margin-left: auto; color: var(--soft); font-style: normal; font-size: 13px; white-space: nowrap; }
summary b { font-weight: 600; color: var(--tone); }
.why { padding: 0 16px 12px 43px; color: var(--soft); font-size: 14px; } .why p { margin: 0 0 6px; max-width: 78ch; overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; margin: 6px 0; font-size: 13.5px; color: var(--ink); table-layout: fixed; }
th { text-align: left; color: var(--soft); font-weight: 500; } th:last-child { width: 20%; }
td, th { padding: 5px 14px 5px 0; border-top: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
.passed { --tone: var(--intact); } .failed { --tone: var(--tampered); } .skipped { --tone: var(--soft); }
.lacking { --tone: var(--incomplete); }
footer { margin-top: 44px; padding-top: 14px; border-top: 1px solid var(--line); color: var(--soft); font-size: 13px; max-width: 90ch; }
@media (max-width: 640px) { main { padding: 24px 14px; } header { flex-direction: column; align-items: flex-start; } summary em { display: none; } }
@media print {
  :root { --paper: #fff; --card: #fff; --ink: #111; --soft: #555; --line: #ccc; --band: #f4f4f4; --band2: #ececec;
    --intact: #1f6344; --tampered: #a02a20; --disputed: #8a5508; --incomplete: #3d5480;
    --p0: #245a97; --p1: #86407a; --p2: #965e1c; --p3: #2c665c; --p4: #5f4a9a; --p5: #6d6d22; --p6: #964646; --p7: #47652c; }
  body { font-size: 11.5px; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { padding: 0; max-width: none; } h2 { margin-top: 22px; } .group, .card, figure, details { break-inside: avoid; }
  header .seal { width: 84px; height: 84px; } h1 { font-size: 22px; } @page { margin: 14mm; }
}
"""
