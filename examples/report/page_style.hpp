#pragma once

namespace report {

/// The page's style: narrow for reading, for phones, for print, and for the dark.
inline constexpr const char* page_style = R"css(
:root { color-scheme: light dark; --text: #1c1c1c; --back: #ffffff; --soft: #f3f4f6; --line: #d0d4da; --link: #0b5394;
  --good: #0a6b3d; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e6e6; --back: #15181c; --soft: #22262c; --line: #434a54; --link: #8ab8ff; --good: #6fd49a;
    --bad: #ff9a91; }
  figure svg { filter: invert(0.92) hue-rotate(180deg); }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text);
  font: 17px/1.6 system-ui, "Noto Sans", "Noto Sans KR", "Noto Sans CJK KR", sans-serif; overflow-wrap: break-word; }
main { max-width: 60rem; margin: 0 auto; padding: 1rem 1.2rem 4rem; }
h1 { line-height: 1.25; }
h2 { line-height: 1.3; margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1.2rem; }
nav h2 { margin-top: 1.5rem; }
nav ol { list-style: none; padding: 0; columns: 22rem; }
nav li { padding: 0.15rem 0; break-inside: avoid; }
a { color: var(--link); }
.formula { background: var(--soft); border-left: 4px solid var(--link); padding: 0.7rem 1rem; margin: 1rem 0;
  font-family: "STIX Two Text", "Noto Serif", "Noto Serif CJK KR", Georgia, serif; overflow-x: auto; }
pre { background: var(--soft); padding: 0.8rem 1rem; overflow-x: auto; font-size: 0.8rem; line-height: 1.45;
  border-radius: 4px; }
summary { cursor: pointer; font-size: 0.9rem; }
figure { margin: 1.2rem 0; }
figure div { overflow-x: auto; }
figure svg { display: block; max-width: 100%; height: auto; margin: 0 auto; }
figcaption { font-size: 0.9rem; text-align: center; }
.table { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: 0.88rem; font-variant-numeric: tabular-nums; }
th, td { border: 1px solid var(--line); padding: 0.3rem 0.6rem; text-align: right; vertical-align: top; }
thead th { background: var(--soft); text-align: center; }
tbody th { text-align: left; font-weight: 600; }
td { white-space: nowrap; }
td small { opacity: 0.75; }
.inside { color: var(--good); font-weight: 700; }
.not-run { opacity: 0.75; }
.outside { color: var(--bad); font-weight: 700; }
.verdict { font-size: 1.1rem; font-weight: 600; }
.failure { border: 2px solid var(--bad); padding: 0.6rem 1rem; border-radius: 4px; }
.notes, .run { font-size: 0.88rem; }
.run { opacity: 0.8; }
@media (max-width: 45rem) { figure.wide svg { max-width: none; width: 56rem; } body { font-size: 16px; } }
@media print {
  :root { --text: #000; --back: #fff; --soft: #fff; --line: #999; --link: #000; --good: #000; --bad: #000; }
  @page { margin: 16mm; }
  body { font-size: 10.5pt; }
  main { max-width: none; padding: 0; }
  figure, tr, .formula { break-inside: avoid; }
  figure svg { filter: none; max-height: 23cm; }
  figure div, .table, pre { overflow: visible; }
  table { font-size: 8pt; }
  th, td { padding: 0.15rem 0.4rem; white-space: normal; overflow-wrap: normal; }
  pre { font-size: 7.2pt; white-space: pre-wrap; border: 1px solid var(--line); }
  h2, summary, thead { break-after: avoid; }
}
)css";

}  // namespace report
