"""How the page of a report looks: light, one column, the same on paper."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root { color: #1f2933; background: #fff; font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
body { max-width: 860px; margin: 0 auto; padding: 2.2rem 1.4rem 3rem; }
h1 { font-size: 2rem; line-height: 1.15; margin: 0; }
h2 { font-size: 1.1rem; margin: 0 0 .5rem; }
h3 { font-size: 1rem; margin: 1rem 0 .3rem; }
code { font: .92em ui-monospace, "DejaVu Sans Mono", monospace; }
header .kind { margin: 0; color: #52606d; text-transform: uppercase; letter-spacing: .08em; font-size: .78rem; }
header .made { margin: .3rem 0 1.4rem; color: #52606d; }
section, figure { margin: 0 0 2.1rem; }
.verdict { border-left: 6px solid; border-radius: 4px; padding: .8rem 1.1rem; margin-bottom: 1.2rem; }
.verdict strong { font-size: 1.15rem; }
.verdict p { margin: .15rem 0 0; }
.kept { border-color: #2f7f4f; background: #eef7f1; }
.kept strong { color: #236340; }
.open { border-color: #c07a00; background: #fdf6e9; }
.open strong { color: #8a5800; }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: .8rem; }
.tiles div { border: 1px solid #dde3e9; border-radius: 4px; padding: .65rem .8rem; }
.tiles span { display: block; color: #52606d; font-size: .8rem; line-height: 1.35; }
.tiles b { display: block; font-size: 1.55rem; line-height: 1.35; font-weight: 600; white-space: nowrap; }
.tiles small { font-size: .85rem; font-weight: 400; color: #52606d; }
.notes { border: 1px solid #ecd9b4; border-radius: 4px; padding: .8rem 1.1rem; }
.notes ul, .skipped { margin: 0; padding-left: 1.2rem; }
img { width: 100%; height: auto; display: block; }
figcaption { color: #52606d; font-size: .87rem; margin-top: .3rem; max-width: 46rem; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1.4rem; }
.pair figure, .pair p { margin: 0; }
.beside { align-self: center; }
.beside p { margin-bottom: .6rem; }
.missing { border: 1px dashed #c07a00; padding: .8rem 1rem; color: #8a5800; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th { text-align: left; font-weight: 600; border-bottom: 1.5px solid #7b8794; padding: .3rem .7rem .3rem 0; }
td { border-bottom: 1px solid #e3e7eb; padding: .3rem .7rem .3rem 0; vertical-align: top; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; padding-right: 1.2rem; }
.v { white-space: nowrap; font-weight: 600; font-variant-numeric: tabular-nums; }
.name, .skipped { overflow-wrap: anywhere; }
footer { color: #52606d; font-size: .85rem; border-top: 1px solid #dde3e9; padding-top: .8rem; }
@media (max-width: 640px) { .tiles, .pair { grid-template-columns: 1fr 1fr; } .pair { grid-template-columns: 1fr; } }
@media print {
  @page { size: A4; margin: 14mm; }
  :root { font-size: 10.5pt; }
  body { padding: 0; max-width: none; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  figure, .verdict, .tiles, .notes, tr { break-inside: avoid; }
  h2, h3, thead { break-after: avoid; }
}
"""
"""No font, picture or rule comes from elsewhere: the page must read the same on a plant PC without a network."""
