"""The style sheet of the page: light and dark, phone and paper. Every pair of colours has a contrast of 4.5 or more."""

STYLE = """
:root{color-scheme:light dark;--back:#fff;--card:#f5f6f8;--text:#1b1f24;--soft:#505862;--edge:#c9ced6;--grid:#dfe3e8;
--link:#0a4f9c;--one:#2563a8;--two:#5f6b79;--three:#8a4b08;--four:#6b3fa0;--bad:#b3261e;--good:#1d6b34;--warn:#7a5200;
--h1:#5b8fc4;--h2:#3f86a0;--h3:#b07c14;--h4:#c25a1f;--h5:#b3261e}
@media(prefers-color-scheme:dark){:root{--back:#14171b;--card:#1d2127;--text:#e8eaed;--soft:#aab2bd;--edge:#454c56;
--grid:#30363e;--link:#8ab8f0;--one:#6fa8e6;--two:#8b97a6;--three:#e0a45c;--four:#c0a0ec;--bad:#f28b82;--good:#81c995;
--warn:#f0c060;--h1:#4a7fb0;--h2:#4f93a8;--h3:#c99a3a;--h4:#dd7f45;--h5:#f28b82}}
*{box-sizing:border-box}
html{scroll-padding-top:1rem}
body{margin:0 auto;padding:1rem;max-width:72rem;background:var(--back);color:var(--text);
font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;overflow-wrap:break-word}
h1{font-size:1.5rem;line-height:1.25;margin:.5rem 0 0}
h2{font-size:1.15rem;margin:2rem 0 .5rem;padding-top:.75rem;border-top:1px solid var(--edge)}
a{color:var(--link);text-decoration-thickness:1px;text-underline-offset:2px}
a:focus-visible,summary:focus-visible,.wide:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.subject,.small,caption,figcaption{color:var(--soft)}
.small{font-size:.85rem}
nav ul{display:flex;flex-wrap:wrap;gap:.15rem 1.1rem;padding:0;margin:.75rem 0;list-style:none}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;background:var(--back);padding:.5rem}
dl{display:grid;grid-template-columns:8.5rem 1fr;gap:.3rem .8rem;margin:1rem 0;padding:1rem;background:var(--card);
border-radius:.5rem}
dt{color:var(--soft)}dd{margin:0}dd span{display:inline-block;margin-right:1.6rem}
.alarm{color:var(--bad);fill:var(--bad)}dd.alarm{font-weight:600}
.notes{padding-left:1.2rem}.notes li{margin:.3rem 0}
.pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));
gap:1rem 2rem;align-items:start}
figure{margin:.5rem 0;max-width:36rem;min-width:0}
figure>svg{width:100%;height:auto;display:block}
figcaption,caption{font-size:.9rem;text-align:left;padding:.3rem 0}
svg text{font:11px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:var(--text)}
svg text.alarm{fill:var(--bad)}svg text.strong{font-weight:600}
table{border-collapse:collapse;width:100%;margin:.5rem 0 1rem;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.2rem .7rem .2rem 0;vertical-align:top;font-weight:400}
thead th{color:var(--soft);font-size:.85rem;border-bottom:1px solid var(--edge)}
.bars{max-width:44rem}.bars th[scope=row]{width:11rem}.bars td:not(.bar){white-space:nowrap;text-align:right;width:1%}
.bars thead th:nth-child(n+3){text-align:right}.bars td.long{white-space:normal;min-width:7rem}
td.bar{min-width:6rem}svg.bar{width:100%;height:1rem;display:block;margin-top:.25rem}
.wide{overflow-x:auto}
.claims td:nth-child(2){min-width:14rem}.claims td:nth-child(n+3){min-width:5.5rem}
.compared{table-layout:fixed;min-width:34rem}.compared th:first-child{width:40%}
.figures td{white-space:nowrap}.figures th[scope=row]{min-width:14rem}
.points :is(td,th[scope=row]){white-space:nowrap}
.one{fill:var(--one)}.two{fill:var(--two)}.three{fill:var(--three)}.four{fill:var(--four)}.bad{fill:var(--bad)}
.sum{fill:var(--soft)}
.curve{fill:none;stroke-width:2}.curve.one{stroke:var(--one)}.curve.two{stroke:var(--two)}.curve.three{stroke:var(--three)}
.curve.four{stroke:var(--four)}
.grid{stroke:var(--grid);stroke-width:1}.axis,.link{stroke:var(--soft);stroke-width:1.5}
.limit{stroke:var(--bad);stroke-width:1.5;stroke-dasharray:5 3;vector-effect:non-scaling-stroke}
.mark{stroke:var(--bad);stroke-width:3;vector-effect:non-scaling-stroke}
.roof{stroke:var(--text);stroke-width:1.5}
.numbers{font-size:.9rem}.numbers th{min-width:8rem}.numbers thead th:nth-child(n+2){min-width:0}
.numbers td{white-space:nowrap;text-align:right}.numbers thead th:nth-child(n+2){text-align:right}
.now{stroke:var(--soft);stroke-dasharray:2 3}
.frame{fill:var(--card);stroke:var(--edge);stroke-width:1.5}
.arrow{stroke:var(--soft);stroke-width:2}.head{fill:var(--soft)}
.heat-1{fill:var(--h1)}.heat-2{fill:var(--h2)}.heat-3{fill:var(--h3)}.heat-4{fill:var(--h4)}.heat-5{fill:var(--h5)}
.heat-unknown{fill:none;stroke:var(--two)}
details{margin:.25rem 0}summary{cursor:pointer}
details details,details ul{margin-left:0}
details ul{padding-left:1.1rem;list-style:none;border-left:2px solid var(--edge)}
details:target>summary,details summary:target{background:var(--card);outline:2px solid var(--link)}
:is(details:target,details:has(:target))::details-content{content-visibility:visible;display:block}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--card);padding:.5rem .7rem;
border-radius:.3rem;font-size:.85rem}
code{font-size:.9em;overflow-wrap:anywhere}
.is-fail{color:var(--bad)}.is-warn{color:var(--warn)}.is-pass{color:var(--good)}
@media(max-width:34rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}
.bars th[scope=row]{width:auto;min-width:4rem;overflow-wrap:anywhere}td.bar{min-width:2rem}
.bars{font-size:.9rem}.bars :is(th,td){padding-right:.4rem}.bars td.long{min-width:0}
:is(.claims,.compared,.listed) thead{display:none}.compared{min-width:0}
:is(.claims,.compared,.listed) tr{display:block;padding:.5rem 0;border-bottom:1px solid var(--grid)}
:is(.claims,.compared,.listed) :is(th,td){display:block;padding:0;width:auto!important}
:is(.claims,.compared,.listed) td:empty{display:none}
.named tr{display:grid;grid-template-columns:1fr auto auto auto}
.named :is(th[scope=row],th:first-child){grid-column:1/-1}
:is(.compared,.listed) td::before,.claims td:nth-child(n+3)::before{content:attr(data-head) ": ";
color:var(--soft);font-size:.85rem}}
@page{margin:14mm}
@media print{:root{color-scheme:light;--back:#fff;--card:#fff;--text:#000;--soft:#444;--link:#000}
body{max-width:none;padding:0;font-size:9.5pt}nav,.skip,.screen{display:none}a{text-decoration:none}
.pictures{grid-template-columns:1fr 1fr;gap:.5rem 1.5rem}h2{margin-top:1rem;padding-top:.4rem}
figure,tr,.bars,dl{break-inside:avoid}h1,h2,h3,caption,thead{break-after:avoid}.wide{overflow:visible}
:is(.claims,.compared,.figures,.points,.bars){min-width:0;font-size:8.5pt}
:is(.claims,.compared,.figures,.points) :is(th,td){min-width:0!important;padding-right:.4rem}
:is(.bars,.figures,.points) :is(th,td:not(.bar)){white-space:normal;overflow-wrap:break-word}
details:not([open]),section.closed:not(:has(>details[open])){display:none}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
"""
