/** How a report looks: one accent, two schemes, paper. Nothing is told by colour alone. */

export const STYLE = `
:root{color-scheme:light dark;--paper:#fcfbf8;--card:#fff;--ink:#1f1e1b;--soft:#6b6860;--line:#e3e0d8;--faint:#f3f1eb;
--accent:#b4420f;--tint:#fbe9df;--cell:#c9c4b8;
--mono:ui-monospace,"SF Mono","Cascadia Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;
--sans:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","DejaVu Sans",sans-serif}
@media (prefers-color-scheme:dark){:root{--paper:#171614;--card:#1f1e1b;--ink:#ebe8e1;--soft:#a09b90;--line:#37342f;
--faint:#26241f;--accent:#f59a62;--tint:#3d281b;--cell:#57524a}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 var(--sans);overflow-wrap:break-word}
main{max-width:76rem;margin:0 auto;padding:3rem 1.5rem 4rem}
header p,section>p,section>ul,section>ol,.prose{max-width:44rem}
.kicker{margin:0 0 .75rem;color:var(--soft);font-size:.875rem}
.kicker b{color:var(--ink);font-weight:600}
h1{margin:0 0 1rem;max-width:54rem;font-size:clamp(1.4rem,1.05rem + 1.6vw,2.1rem);line-height:1.25;font-weight:650;
letter-spacing:-.012em;text-wrap:balance;overflow-wrap:anywhere}
h2{margin:0 0 .75rem;font-size:1.0625rem;font-weight:650;letter-spacing:-.003em}
h3{margin:1.25rem 0 .5rem;font-size:.9375rem;font-weight:600}
section{margin-top:2.75rem}
p{margin:0 0 .75rem}
ul,ol{margin:0 0 .75rem;padding-left:1.25rem}
li{margin:.25rem 0}
code,pre,.mono,td.v{font-family:var(--mono);font-size:.875em;font-variant-numeric:tabular-nums}
.soft{color:var(--soft)}
.tags{display:flex;flex-wrap:wrap;gap:.5rem;margin:0;padding:0;list-style:none;max-width:none}
.tags li{margin:0;padding:.15rem .65rem;border:1px solid var(--line);border-radius:2rem;font-size:.875rem;color:var(--soft)}
.tags .verdict{border-color:var(--ink);color:var(--ink);font-weight:600}
.tags .bad{border-color:var(--accent);background:var(--tint);color:var(--accent);font-weight:600}
.argument{padding:0;list-style:none;border-left:3px solid var(--accent)}
.argument li{margin:0;padding:.2rem 0 .2rem 1rem;overflow-wrap:anywhere}
.ladder{display:grid;grid-template-columns:auto auto 1fr;gap:.1rem .9rem;max-width:44rem;margin:0;font-size:.9375rem}
.ladder>*{margin:0}
.ladder .mark{width:1.2em;text-align:center}
.ladder .no{color:var(--accent);font-weight:600}
.ladder .off{color:var(--soft)}
.orders{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,27rem),1fr));gap:1.5rem}
.orders.stacked{grid-template-columns:minmax(0,1fr)}
.orders>*{min-width:0}
.orders h3{margin-top:0}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:.5rem;background:var(--card)}
table{border-collapse:collapse;width:100%;font-size:.875rem}
th,td{padding:.35rem .7rem;text-align:left;vertical-align:top}
th{font-weight:600;border-bottom:1px solid var(--line);white-space:nowrap}
td.text{min-width:min(14rem,48vw)}
td.name{min-width:8rem}
th small{display:block;font:.8125rem/1.4 var(--mono);color:var(--soft)}
tbody tr+tr>*{border-top:1px solid var(--faint)}
.lanes td,.lanes th{border-left:1px solid var(--line);white-space:nowrap;padding:.35rem .5rem}
.lanes td.v{font-size:.75rem;line-height:1.4rem}
.lanes tr>:first-child{border-left:0;color:var(--soft);font-variant-numeric:tabular-nums;text-align:right;font-weight:400}
.lanes td.c{background:var(--tint)}
.lanes td.c b{color:var(--accent)}
.lanes b{font-weight:600}
.lanes i{font-style:normal;color:var(--soft)}
.lanes tr.parts>*{border-top:2px solid var(--accent)}
.lanes .here{padding:.1rem .7rem;color:var(--accent);font-size:.8125rem;font-weight:600;text-align:left}
.num{font-variant-numeric:tabular-nums;white-space:nowrap}
.bar{display:block;width:9rem;height:1rem;margin-top:.2rem}
.bar .track{fill:var(--faint);stroke:var(--line)}
.bar .range{fill:var(--cell)}
.bar .at{fill:var(--accent)}
.strip{display:block;width:100%;max-width:60rem;height:auto}
.strip .agree{fill:none;stroke:var(--cell);stroke-width:.12}
.strip .diverge{fill:var(--accent)}
.strip .unknown{fill:none;stroke:var(--ink);stroke-width:.16}
.strip .reached{fill:var(--cell)}
.key{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;margin:.6rem 0 0;padding:0;list-style:none;font-size:.875rem;color:var(--soft)}
.key li{margin:0;display:flex;align-items:center;gap:.45rem}
.key svg{width:.9rem;height:.9rem}
.facts{display:grid;grid-template-columns:minmax(6rem,auto) 1fr;gap:.3rem 1.25rem;max-width:54rem;margin:0}
.facts dt{color:var(--soft)}
.facts dd{margin:0;min-width:0;overflow-wrap:anywhere}
.copy{display:flex;align-items:flex-start;gap:.5rem;min-width:0;margin:.15rem 0}
.copy pre,.copy code{flex:1 1 auto;min-width:0;margin:0;padding:.35rem .6rem;border-radius:.35rem;background:var(--faint);
white-space:pre-wrap;overflow-wrap:anywhere}
.copy button{flex:none;padding:.3rem .6rem;border:1px solid var(--line);border-radius:.35rem;background:var(--card);
color:var(--soft);font:.8125rem var(--sans);cursor:pointer}
.copy button:hover,.copy button:focus-visible{color:var(--accent);border-color:var(--accent)}
footer{margin-top:3.5rem;padding-top:1rem;border-top:1px solid var(--line);color:var(--soft);font-size:.8125rem}
@media (max-width:40rem){main{padding:1.75rem 1rem 3rem}section{margin-top:2.25rem}
.facts{grid-template-columns:1fr;gap:0}.facts dd{margin-bottom:.6rem}
.ladder{grid-template-columns:auto 1fr}.ladder .what{grid-column:2;margin-bottom:.4rem;color:var(--soft)}}
@media print{:root{--paper:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb;--faint:#f4f4f4;--accent:#9a3508;
--tint:#fbe9df;--cell:#bbb}body{font-size:10.5pt}main{max-width:none;padding:0}.copy button{display:none}
.scroll{overflow:visible}section{break-inside:avoid-page}h2,h3{break-after:avoid}tr,li{break-inside:avoid}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
`;
