"""How the page looks: light, dark, narrow and on paper. No outside font, image or script."""

CSS = """
:root {
  --paper: #fbfaf7; --card: #ffffff; --ink: #1c242e; --soft: #5a6472; --rule: #e2ded4; --code: #f5f2ea;
  --link: #0b5d66;
  --good: #17663a; --good-paper: #e7f3ea; --good-rule: #a9d3b6;
  --bad: #a3201a; --bad-paper: #fdeceb; --bad-rule: #f0b4af;
  --open: #7a4b00; --open-paper: #fff2d0; --open-rule: #e0aa3e;
  --any: #3b3f8f; --any-paper: #eceefb; --any-rule: #8f97dc;
  --serif: "Iowan Old Style", Charter, "Bitstream Charter", "Palatino Linotype", Palatino, Georgia, serif;
  --sans: ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #12161b; --card: #191f26; --ink: #e3e7ec; --soft: #97a2af; --rule: #2d353f; --code: #151a20;
    --link: #7cc7d0;
    --good: #86d3a0; --good-paper: #14281c; --good-rule: #2d5c3e;
    --bad: #ff9d95; --bad-paper: #331817; --bad-rule: #7a322d;
    --open: #ffd27a; --open-paper: #33270c; --open-rule: #a87b1f;
    --any: #b9c0ff; --any-paper: #20233f; --any-rule: #5c64b0;
  }
}
* { box-sizing: border-box; }
html { color-scheme: light dark; -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 3.5rem 1.5rem 5rem; max-width: 74rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.6 var(--sans); overflow-wrap: break-word;
}
h1, h2, h3 { font-family: var(--serif); font-weight: 600; line-height: 1.2; text-wrap: balance; }
h1 { font-size: 2.6rem; margin: 0 0 1.5rem; letter-spacing: -0.01em; }
h1 small { font-size: 1.3rem; font-weight: 400; color: var(--soft); letter-spacing: 0; }
h2 { font-size: 1.75rem; margin: 4.5rem 0 0.75rem; padding-top: 1.5rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1.3rem; margin: 2.75rem 0 0.5rem; }
h4 { font-size: 0.95rem; font-weight: 650; margin: 1.4rem 0 0.3rem; }
h4 small { font-size: 0.85rem; font-weight: 400; color: var(--soft); margin-left: 0.4rem; }
p, ul, ol, dl { margin: 0 0 1rem; }
p, .prose li { max-width: 44rem; }
ul, ol { padding-left: 1.25rem; }
li { margin: 0.2rem 0; }
a { color: var(--link); text-decoration-thickness: 1px; text-underline-offset: 0.2em; }
.soft, .kicker { color: var(--soft); }
.kicker { font-size: 0.8rem; letter-spacing: 0.12em; text-transform: uppercase; margin: 0 0 0.35rem; }
code, pre, .source { font-family: var(--mono); font-size: 0.84rem; }
pre {
  margin: 0 0 1rem; padding: 0.8rem 1rem; background: var(--code); border: 1px solid var(--rule); border-radius: 6px;
  white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.5; unicode-bidi: isolate;
}
.num { font-variant-numeric: tabular-nums; white-space: nowrap; }

.verdict { max-width: none; padding: 1.1rem 1.4rem; font-size: 1.15rem; }
.verdict { border: 1px solid; border-left-width: 6px; border-radius: 8px; }
.verdict strong { display: block; font-family: var(--serif); font-size: 1.5rem; line-height: 1.3; }
.verdict.good { background: var(--good-paper); border-color: var(--good-rule); }
.verdict.good strong { color: var(--good); }
.verdict.bad { background: var(--bad-paper); border-color: var(--bad-rule); }
.verdict.bad strong { color: var(--bad); }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr)); gap: 1rem 1.5rem; }
.facts { margin: 1.75rem 0; }
.facts dt { color: var(--soft); font-size: 0.8rem; }
.facts dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; }
.facts .wide { grid-column: 1 / -1; }
.facts .wide dd { font: 0.78rem/1.5 var(--mono); overflow-wrap: anywhere; }
nav ol { display: flex; flex-wrap: wrap; gap: 0.3rem 1.4rem; padding: 0; margin: 1.5rem 0 0; list-style: none; }
nav li { margin: 0; }

.two { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 1.5rem 2rem; align-items: start; }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 1.1rem 1.4rem; }
.card > :last-child { margin-bottom: 0; }
.card > :first-child { margin-top: 0; }
.card h3 { font-size: 1.15rem; }
.card.open { border-top: 4px solid var(--open-rule); }
.card.any { border-top: 4px solid var(--any-rule); }
.card.calm { border-top: 4px solid var(--good-rule); }
ul.marked { list-style: none; padding: 0; }
.marked > li { padding: 0.35rem 0.7rem; margin: 0.35rem 0; border-left: 3px solid transparent; border-radius: 3px; }
.is-open { background: var(--open-paper); border-left-color: var(--open-rule) !important; }
.is-any { background: var(--any-paper); border-left-color: var(--any-rule) !important; }
.is-bad { background: var(--bad-paper); border-left-color: var(--bad-rule) !important; }

.badge {
  display: inline-block; padding: 0 0.5em; border: 1px solid; border-radius: 99px; font-size: 0.74rem;
  line-height: 1.55; font-weight: 600; white-space: nowrap; vertical-align: 0.08em;
}
.badge.open { color: var(--open); border-color: var(--open-rule); background: var(--open-paper); }
.badge.any { color: var(--any); border-color: var(--any-rule); background: var(--any-paper); }
.badge.bad { color: var(--bad); border-color: var(--bad-rule); background: var(--bad-paper); }
.at { font-size: 0.85rem; white-space: nowrap; }

.claims ul { list-style: none; padding: 0; margin: 0; }
.claims li { padding: 0.2rem 0.7rem; margin: 0.2rem 0; border-left: 3px solid var(--rule); }
.claims > ul + p { margin-top: 1.2rem; }
.claims .use { display: block; color: var(--soft); font-size: 0.8rem; }
.source {
  border: 1px solid var(--rule); border-radius: 6px; background: var(--code); padding: 0.5rem 0; line-height: 1.55;
}
.source div { display: grid; grid-template-columns: 3.2rem minmax(0, 1fr); border-left: 3px solid transparent; }
.source + .source { margin-top: 0.5rem; }
.source { margin-bottom: 1rem; }
.source div:target { outline: 2px solid var(--link); outline-offset: -2px; }
.source span { color: var(--soft); text-align: right; padding-right: 0.9rem; user-select: none; }
.source code {
  white-space: pre-wrap; overflow-wrap: anywhere; padding-right: 0.75rem; unicode-bidi: isolate; font-size: inherit;
}
.source b {
  font: 600 0.7rem/1 var(--sans); margin-left: 0.9em; padding: 0.1em 0.5em; border-radius: 99px; border: 1px solid;
}
.is-open b { color: var(--open); } .is-any b { color: var(--any); } .is-bad b { color: var(--bad); }

.scroll { overflow-x: auto; margin: 0 0 1rem; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; line-height: 1.4; background: var(--card); }
caption { text-align: left; color: var(--soft); padding: 0 0 0.4rem; font-size: 0.85rem; }
th, td { padding: 0.5rem 0.7rem; border: 1px solid var(--rule); text-align: left; vertical-align: top; }
thead th { font-size: 0.8rem; font-weight: 600; color: var(--soft); white-space: nowrap; vertical-align: bottom; }
tbody th { font-weight: 600; }
td.n { white-space: nowrap; font-variant-numeric: tabular-nums; font-size: 0.82rem; }
td.n span { display: block; }
td.n .yes { color: var(--good); font-weight: 600; }
td.n .no, td.none { color: var(--soft); }
td.n .leak { color: var(--bad); font-weight: 700; }
td.is-open, td.is-any, td.is-bad { border-left: 3px solid; }
td.is-open .yes { color: var(--open); } td.is-any .yes { color: var(--any); }
td ul { list-style: none; padding: 0; margin: 0; }
td li { display: inline-block; margin: 0 1.1rem 0.2rem 0; }
.did { margin-top: 1.5rem; }
.did tbody th { width: 11rem; }
.did td:nth-child(2) { width: 50%; }
td.right { text-align: right; }
dl.terms { display: grid; grid-template-columns: minmax(8rem, max-content) minmax(0, 1fr); gap: 0.4rem 1.5rem; }
dl.terms dt { font-weight: 600; }
dl.terms dd { margin: 0; max-width: 44rem; }

.finding { border-left: 6px solid var(--bad-rule); margin: 1.5rem 0 2.25rem; }
.finding h3 { margin-top: 0.4rem; }
.finding h4 { margin-bottom: 0.4rem; }
.finding .two { gap: 0 1.5rem; }
footer { margin-top: 4rem; padding-top: 1.25rem; border-top: 1px solid var(--rule); color: var(--soft); }

@media screen and (min-width: 56.01rem) {
  .two > .source { position: sticky; top: 1rem; max-height: calc(100vh - 2rem); overflow-y: auto; }
}
@media (max-width: 56rem) {
  .two { grid-template-columns: minmax(0, 1fr); }
}
@media (max-width: 40rem) {
  body { padding: 1.75rem 1rem 3rem; }
  h1 { font-size: 2rem; }
  h2 { font-size: 1.45rem; margin-top: 3rem; }
  .card { padding: 0.9rem 1rem; }
  .facts { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .did thead { display: none; }
  .did table { background: none; }
  .did tr { background: var(--card); }
  .did table, .did caption, .did tbody, .did tr, .did th, .did td { display: block; width: auto !important; }
  .did tr { border: 1px solid var(--rule); border-bottom: 0; padding: 0.5rem 0.7rem; }
  .did tr:last-child { border-bottom: 1px solid var(--rule); }
  .did th, .did td { border: 0; padding: 0.1rem 0; }
  .did td::before { color: var(--soft); font-size: 0.8rem; }
  .did td:nth-child(2)::before { content: "able to: "; }
  .did td:nth-child(3)::before { content: "refused each time: "; }
  .did td ul { display: inline; }
  dl.terms { grid-template-columns: minmax(0, 1fr); gap: 0; }
  dl.terms dd { margin-bottom: 0.7rem; }
  .source div { grid-template-columns: 2.4rem minmax(0, 1fr); }
  .source span { padding-right: 0.6rem; }
}
@media print {
  @page { margin: 16mm 14mm; }
  body { max-width: none; padding: 0; font-size: 9.5pt; }
  h2 { margin-top: 2rem; break-after: avoid; }
  h3, h4, caption { break-after: avoid; }
  .verdict, .card, .claims li, tr, .source div { break-inside: avoid; }
  .card.finding { break-inside: auto; }
  .scroll { overflow: visible; }
  nav { display: none; }
  a { color: inherit; text-decoration: none; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
