"""The style sheet of a study's report: made for paper first, since committees print; light and dark on a screen."""

# ruff: noqa: E501 - rules of a style sheet read best on one line each

CSS = """
:root { color-scheme: light dark; --sheet: #ffffff; --desk: #eceae4; --text: #1a2024; --dim: #5d676d; --rule: #d9d9d4; --tint: #f5f4f0;
  --joint: #0f5c7d; --alone: #c07a2c; --give: #7d9aa8; --use: #3d7f9c; --meet: #0f4a66; --plus: #0f5c7d; --minus: #b9472f; --chance: #9aa0a4;
  --good: #22704a; --bad: #a93226; --unsure: #8a6410; }
@media (prefers-color-scheme: dark) { :root { --sheet: #1a1e21; --desk: #101315; --text: #e6e5df; --dim: #9ba5ab; --rule: #363c40; --tint: #22272b;
  --joint: #67b7da; --alone: #e3a45c; --give: #4b626e; --use: #4f93b1; --meet: #8fd0ec; --plus: #67b7da; --minus: #e5826d; --chance: #6c7478;
  --good: #62c394; --bad: #e8796b; --unsure: #d9ad4f; } }
* { box-sizing: border-box; }
html { background: var(--desk); }
body { margin: 0 auto; max-width: 1060px; padding: 56px 64px 72px; background: var(--sheet); color: var(--text); font: 15px/1.58 Charter, "Bitstream Charter", "Source Serif 4", Cambria, Georgia, serif; }
h1, h2, h3, table, dl, figure, .kicker, .tiles, footer, nav { font-family: "Source Sans 3", "Segoe UI", system-ui, -apple-system, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 33px; line-height: 1.18; font-weight: 640; letter-spacing: -.014em; margin: 6px 0 10px; text-wrap: balance; overflow-wrap: anywhere; }
h2 { font-size: 21px; font-weight: 640; letter-spacing: -.008em; margin: 52px 0 10px; padding-top: 14px; border-top: 2px solid var(--text); display: flex; gap: 14px; }
h2 span { color: var(--dim); font-weight: 400; } h3 { font-size: 15px; font-weight: 640; margin: 26px 0 4px; }
p { margin: 8px 0; max-width: 76ch; overflow-wrap: anywhere; } .lead { font-size: 18px; line-height: 1.5; } .dim { color: var(--dim); }
.kicker { font-size: 12.5px; letter-spacing: .11em; text-transform: uppercase; color: var(--dim); display: flex; justify-content: space-between; gap: 20px; }
.verdict { display: inline-block; padding: 3px 12px; border: 1.6px solid var(--tone); color: var(--tone); border-radius: 3px; font-weight: 640; letter-spacing: .06em; text-transform: uppercase; font-size: 12.5px; white-space: nowrap; }
.intact { --tone: var(--good); } .tampered { --tone: var(--bad); } .disputed, .breached, .incomplete, .lawfully-erased { --tone: var(--unsure); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(138px, 1fr)); margin: 30px 0 8px; border: solid var(--rule); border-width: 1px 0; }
.tiles div { padding: 14px 18px 12px 0; } .tiles b { display: block; font-size: 29px; line-height: 1.15; font-weight: 600; letter-spacing: -.02em; font-variant-numeric: tabular-nums; }
.tiles small { display: block; color: var(--dim); font-size: 13px; line-height: 1.35; } .tiles div.key b { color: var(--joint); }
dl.facts { display: grid; grid-template-columns: 190px 1fr; gap: 7px 20px; font-size: 14.5px; margin: 14px 0; }
dl.facts dt { color: var(--dim); } dl.facts dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
code { font: .87em ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
pre { background: var(--tint); padding: 12px 16px; overflow-x: auto; font: 12.5px/1.5 ui-monospace, Menlo, Consolas, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; font-size: 14px; margin: 12px 0 6px; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 500; color: var(--dim); border-bottom: 1px solid var(--text); padding: 5px 16px 5px 0; vertical-align: bottom; font-size: 13px; }
td { padding: 6px 16px 6px 0; border-bottom: 1px solid var(--rule); vertical-align: top; overflow-wrap: anywhere; }
td.n, th.n { text-align: right; white-space: nowrap; } td.n:last-child, th.n:last-child { padding-right: 0; } tr.sum td { border-bottom: 0; font-weight: 640; }
caption { text-align: left; color: var(--dim); font-size: 13px; padding-bottom: 4px; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 30px 40px; margin: 18px 0; }
figure { margin: 0; min-width: 0; } figure.wide { margin: 20px 0; } figure svg { display: block; width: 100%; height: auto; overflow: visible; }
figcaption { font-size: 14px; margin-bottom: 10px; display: flex; flex-wrap: wrap; gap: 2px 18px; justify-content: space-between; } figcaption b { font-weight: 640; }
figure p { font-size: 13.2px; line-height: 1.42; color: var(--dim); margin: 4px 0 0; max-width: none; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 14px; color: var(--dim); font-size: 12.5px; } .legend span { display: inline-flex; align-items: center; gap: 5px; } .legend i { width: 13px; height: 9px; display: inline-block; }
svg text { fill: var(--text); font: 12px "Source Sans 3", "Segoe UI", system-ui, sans-serif; } svg .tick, svg .words { fill: var(--dim); font-size: 11.5px; } svg .name { font-size: 13.5px; } svg .figure { font-size: 13px; font-variant-numeric: tabular-nums; }
svg .grid { stroke: var(--rule); stroke-width: .7; } svg .axis { stroke: var(--dim); stroke-width: 1; } svg .whisker { fill: none; stroke: var(--text); stroke-width: 1.5; }
.joint { fill: var(--joint); background: var(--joint); stroke: var(--joint); } .alone { fill: var(--alone); background: var(--alone); stroke: var(--alone); } .chance { fill: var(--chance); background: var(--chance); stroke: var(--chance); }
.give { fill: var(--give); background: var(--give); } .use { fill: var(--use); background: var(--use); } .meet { fill: var(--meet); background: var(--meet); }
.plus { fill: var(--plus); background: var(--plus); } .minus { fill: var(--minus); background: var(--minus); }
svg .line { fill: none; stroke-width: 2.2; stroke-linejoin: round; } svg .chance.line { stroke-width: 1.1; } svg .dashed { stroke-dasharray: 4 4; } svg circle { stroke: var(--sheet) !important; stroke-width: 1; }
ol.limits { padding-left: 22px; } ol.limits li { margin: 7px 0; max-width: 76ch; } ul.warn { padding: 10px 16px 10px 34px; background: var(--tint); border-left: 3px solid var(--unsure); margin: 16px 0; } ul.warn li { overflow-wrap: anywhere; }
.checks { columns: 2; column-gap: 40px; font-size: 14px; } .checks div { display: flex; justify-content: space-between; border-bottom: 1px solid var(--rule); padding: 4px 0; break-inside: avoid; }
footer { margin-top: 56px; padding-top: 12px; border-top: 1px solid var(--rule); color: var(--dim); font-size: 12.8px; }
@media screen and (max-width: 760px) { body { padding: 26px 18px; } .pair { grid-template-columns: 1fr; } dl.facts { grid-template-columns: 1fr; gap: 0; } dl.facts dd { margin-bottom: 8px; } .checks { columns: 1; } }
@media print {
  @page { size: A4; margin: 17mm 16mm 19mm; }
  :root { --sheet: #fff; --desk: #fff; --text: #111; --dim: #4f575b; --rule: #cfcfca; --tint: #f5f4f0; --joint: #0f5c7d; --alone: #b56c1c; --give: #9bb3bf; --use: #3d7f9c; --meet: #0f4a66; --plus: #0f5c7d; --minus: #a93226; --chance: #8d9397; --good: #1d5f3f; --bad: #97281d; --unsure: #7a5a0e; }
  body { padding: 0; max-width: none; font-size: 10.4pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  h1 { font-size: 22pt; } h2 { margin-top: 26px; break-after: avoid; } h3 { break-after: avoid; } table { font-size: 9.3pt; }
  figure, tr, .tiles, dl.facts, ul.warn { break-inside: avoid; } .pair { gap: 18px 26px; } .tiles { grid-template-columns: repeat(3, 1fr); } .tiles div { padding-right: 10px; } thead { display: table-header-group; } .lead { font-size: 12.5pt; } .tiles b { font-size: 19pt; }
}
"""
