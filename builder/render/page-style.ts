/** The style of SETUP.html: a phone's width first, a dark scheme, and A4 paper. */
export const pageStyle = `:root {
  --ink: #1e293b; --soft: #52606f; --paper: #ffffff; --shade: #f3f6fa; --edge: #d5dde7; --link: #1d4ed8; --warn: #fff7e6; --warn-edge: #e8a317;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e2e8f0; --soft: #9fb0c3; --paper: #11161d; --shade: #1b232d; --edge: #334155; --link: #93b4fb; --warn: #2c2410; --warn-edge: #b97f0c;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 1rem; max-width: 54rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; overflow-wrap: break-word;
}
main { display: flow-root; }
h1 { font-size: 1.75rem; line-height: 1.25; margin: .5rem 0 1rem; }
h2 { font-size: 1.35rem; line-height: 1.3; margin: 2.5rem 0 .75rem; padding-top: 1rem; border-top: 1px solid var(--edge); }
h2 label { cursor: pointer; display: flex; gap: .6rem; align-items: center; }
h2 input { width: 1.25rem; height: 1.25rem; flex: none; margin: 0; accent-color: var(--link); }
h2:has(:checked) { color: var(--soft); }
a { color: var(--link); }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; margin: 0; padding: 0; list-style: none; font-size: .9rem; }
.wide { display: block; overflow-x: auto; margin: 1.25rem 0; }
img { display: block; width: 100%; height: auto; border-radius: 10px; }
li { margin: .3rem 0; }
ol, ul { padding-left: 1.5rem; }
code, pre { font-family: ui-monospace, "SF Mono", Consolas, "DejaVu Sans Mono", monospace; font-size: .875em; }
code { background: var(--shade); border-radius: 4px; padding: .1em .3em; overflow-wrap: anywhere; -webkit-box-decoration-break: clone; box-decoration-break: clone; }
pre { background: var(--shade); border: 1px solid var(--edge); border-radius: 8px; padding: .75rem 1rem; overflow-x: auto; line-height: 1.5; }
pre code { background: none; padding: 0; }
blockquote { margin: 1.25rem 0; padding: .1rem 1rem; background: var(--warn); border-left: 4px solid var(--warn-edge); border-radius: 0 8px 8px 0; }
.table { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; line-height: 1.45; }
th, td { border-bottom: 1px solid var(--edge); padding: .45rem .6rem; text-align: left; vertical-align: top; }
th { color: var(--soft); font-weight: 600; }
@media (max-width: 40rem) {
  img { min-width: 46rem; }
  td code { overflow-wrap: normal; }
  .table:has(th:nth-child(3)) table { min-width: 34rem; }
}
@media print {
  :root { --ink: #000; --soft: #333; --paper: #fff; --shade: #f4f4f4; --edge: #bbb; --link: #000; --warn: #fff; --warn-edge: #888; }
  @page { size: A4; margin: 16mm 15mm; }
  body { max-width: none; padding: 0; font-size: 10pt; line-height: 1.45; }
  nav { display: none; }
  h1 { font-size: 18pt; }
  h2 { font-size: 13pt; margin-top: 14pt; break-after: avoid; }
  h2:has(:checked) { color: var(--ink); }
  p:has(+ pre), p:has(+ .table), p:has(+ ul), p:has(+ ol) { break-after: avoid; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; overflow: visible; break-inside: avoid; }
  .table, .wide { overflow: visible; }
  img { min-width: 0 !important; }
  td code { overflow-wrap: anywhere; }
  .table table { min-width: 0 !important; font-size: 9pt; }
  tr, li, img, blockquote, .table:not(:has(tr:nth-child(8))) { break-inside: avoid; }
  thead { display: table-header-group; }
  p, li { orphans: 3; widows: 3; }
  a[href^="http"]::after { content: " (" attr(href) ")"; overflow-wrap: anywhere; }
  a { text-decoration: none; }
  .table, pre, code, blockquote { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
`;
