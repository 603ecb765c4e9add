/** The style of the control page: light and dark, tables on a wide screen, cards on a narrow one. */
export const pageStyle = `:root {
  color-scheme: light dark;
  --text: #1b1f24; --muted: #57606a; --back: #f6f8fa; --surface: #ffffff; --line: #d0d7de; --accent: #0a58ca; --bad: #b3261e; --good: #116329;
  font: 15px/1.5 system-ui, sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --muted: #9ba6b2; --back: #0d1117; --surface: #161b22; --line: #30363d; --accent: #79b0ff; --bad: #ff8a80; --good: #6fdd8b; }
}
* { box-sizing: border-box; }
body { margin: 0; color: var(--text); background: var(--back); }
header { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem 2rem; padding: .75rem 1.5rem; background: var(--surface); border-bottom: 1px solid var(--line); }
h1 { font-size: 1.15rem; margin: 0; }
h2 { font-size: 1.05rem; margin: 0 0 .5rem; }
h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; }
a { color: var(--accent); }
main { padding: 0 1.5rem 2rem; max-width: 100rem; margin: 0 auto; }
section { background: var(--surface); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; margin-top: 1rem; }
p { margin: .5rem 0; }
#message { min-height: 1.5em; margin: .5rem 0 -.5rem; font-weight: 600; }
.tools { display: flex; flex-wrap: wrap; align-items: end; gap: .5rem 1rem; margin: .25rem 0; }
label { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem .5rem; max-width: 100%; }
input, select, button { font: inherit; color: var(--text); background: var(--surface); border: 1px solid var(--muted); border-radius: .35rem; padding: .25rem .6rem; min-height: 2rem; max-width: 100%; }
button { cursor: pointer; }
button[aria-pressed=true] { background: var(--text); color: var(--surface); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 1px; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
td:is([data-label=Time], [data-label=Status], [data-label=State], [data-label=Id], [data-label=Action]) { white-space: nowrap; }
th { color: var(--muted); font-weight: 600; overflow-wrap: normal; }
code, pre { font: .9em/1.5 ui-monospace, monospace; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; }
.note { color: var(--muted); }
.good { color: var(--good); }
.bad { color: var(--bad); }
.tag { color: var(--bad); border: 1px solid; border-radius: .3rem; padding: 0 .3rem; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 50rem) {
  header, main { padding-left: .75rem; padding-right: .75rem; }
  table, tbody, tr, td { display: block; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tr { border-bottom: 1px solid var(--line); padding: .4rem 0; }
  td { display: grid; grid-template-columns: 8rem minmax(0, 1fr); gap: .5rem; border: 0; padding: .1rem 0; }
  td::before { content: attr(data-label); color: var(--muted); }
  td:has(> span:empty) { display: none; }
}
`;
