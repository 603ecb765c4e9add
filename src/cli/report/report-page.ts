import { byTopic, topicTitle } from '../../lib/core/topics.ts';
import { visibleText } from '../../lib/core/text.ts';
import { outcomeWord } from '../../lib/core/outcomes.ts';
import { dayText } from '../../lib/core/day-text.ts';
import type { PartnerWork } from '../../lib/api/report/partner-work.ts';
import type { Gap, Section, TenantReport } from '../../lib/api/report/read-report.ts';
import { type RowTable, rowTable } from '../../lib/api/report/row-table.ts';
import {
  accessText,
  changedCells,
  changedRow,
  changesText,
  checkedText,
  countsText,
  differenceText,
  jobsText,
  numberText,
  periodText,
  permitsText,
  permitsTitle,
  reportDays,
  rowsText,
  summaryText,
  workCells,
  workColumns,
  workGroups,
  workText,
} from '../../lib/api/report/report-words.ts';

/** HTML, of which every text from outside is escaped. */
class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | number | Html | readonly Part[];

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Line breaks stay. What else a browser would obey is shown, as on a terminal. */
const escaped = (text: string): string =>
  text
    .split(/\r?\n/)
    .map((line) => visibleText(line).replaceAll(/[&<>"']/g, (character) => entities[character] ?? character))
    .join('<br>');

const rendered = (part: Part): string =>
  part instanceof Html ? part.text : typeof part === 'object' ? part.map(rendered).join('') : escaped(String(part));

const html = (texts: TemplateStringsArray, ...parts: readonly Part[]): Html =>
  new Html(String.raw({ raw: texts }, ...parts.map(rendered)));

/** No script, no request: the page stays readable wherever it is sent. */
const policy = "default-src 'none'; style-src 'unsafe-inline'";

/** Shows each row of a table that would be too wide as a paragraph: its first cell, and below it the others with their titles. */
const asRecords = (media: string, tables: string): string => `
@media ${media} {
  ${tables}, ${tables} tbody, ${tables} tr, ${tables} td:first-child { display: block; }
  ${tables} thead, ${tables} td:empty { display: none; }
  ${tables} tr { padding: .35rem 0; border-bottom: 1px solid var(--line); }
  ${tables} td { display: inline; padding: 0; border: 0; white-space: normal; }
  ${tables} td:first-child { text-align: start; font-weight: 600; }
  ${tables} td:nth-child(n + 2)::before { content: attr(data-title) ": "; color: var(--quiet); }
  ${tables} td:nth-child(n + 3)::before { content: " · " attr(data-title) ": "; }
}`;

const style = `
:root { color-scheme: light dark; --page: #fff; --text: #1f2328; --quiet: #566069; --line: #d1d9e0; --head: #f0f3f6; --accent: #0b62c4; --warn: #7d5200; }
@media (prefers-color-scheme: dark) { :root { --page: #0d1117; --text: #f0f6fc; --quiet: #9da7b3; --line: #3d444d; --head: #1b222c; --accent: #58a6ff; --warn: #e3b341; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 3rem; max-width: 70rem; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, "Segoe UI", sans-serif; overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 1.6rem; line-height: 1.25; }
h2 { margin: 2.5rem 0 0; padding-bottom: .25rem; border-bottom: 2px solid var(--line); font-size: 1.25rem; }
h3 { margin: 1.5rem 0 0; font-size: 1.05rem; }
h4 { margin: 1rem 0 .25rem; font-size: .95rem; }
p { margin: .25rem 0 0; }
a { color: var(--accent); }
.quiet { color: var(--quiet); }
.warn { color: var(--warn); font-weight: 600; }
table { margin-top: .5rem; width: 100%; border-collapse: collapse; font-size: .87rem; }
th, td { padding: .3rem .5rem; border-bottom: 1px solid var(--line); text-align: start; vertical-align: top; }
th { background: var(--head); font-weight: 600; overflow-wrap: normal; }
.number { text-align: end; font-variant-numeric: tabular-nums; white-space: nowrap; }
.short { white-space: nowrap; }
.figures { width: auto; min-width: 20rem; }
@media (max-width: 40rem) {
  body { padding: 1.25rem .9rem 2rem; }
  .figures { width: 100%; min-width: 0; }
}
${asRecords('(max-width: 40rem)', '.rows')}
${asRecords('print, (max-width: 60rem)', '.many')}
@media print {
  @page { margin: 15mm; }
  :root { color-scheme: light; --page: #fff; --text: #000; --quiet: #444; --line: #bbb; --head: #eee; --accent: #000; --warn: #000; }
  body { padding: 0; max-width: none; font-size: 10pt; }
  h2, h3, h4 { break-after: avoid; }
  tr { break-inside: avoid; }
  thead { display: table-header-group; }
  th { print-color-adjust: exact; }
  a { text-decoration: none; }
}
`;

/**
 * The report as one file: without script and network, for screen and paper.
 * @param partner its name. Default: the report names none.
 */
export function reportPage(report: TenantReport, partner?: string): string {
  const { name, tenantId, defaultDomain, createdAt, work, sections, gaps, warnings } = report;
  const permits = permitsText(work);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${name}: report of ${dayText(createdAt)}</title>
<style>${new Html(style)}</style>
</head>
<body>
<header>
${partner === undefined ? '' : html`<p><b>${partner}</b></p>`}
<h1 dir="auto">${name}</h1>
<p class="quiet">${defaultDomain ?? tenantId} · ${accessText(report)}</p>
<p>Report of administration, ${reportDays(report)}. ${periodText(report)}</p>
${summaryText(report) === '' ? '' : html`<p>${summaryText(report)}</p>`}
${warnings.map((warning) => html`<p class="warn">${warning}</p>`)}
</header>
<main>
${findingsPart(report)}
${workPart(work)}
${sections.length === 0 ? '' : overview(sections)}
${byTopic(sections).map(
  ([topic, group]) => html`<h2>${topicTitle(topic)}</h2>
${group.map(sectionPart)}`,
)}
${gaps.length === 0 ? '' : gapsPart(gaps)}
${permits.length === 0 ? '' : html`<h2>${permitsTitle}</h2>`}
${permits.map((text) => html`<p>${text}</p>`)}
</main>
</body>
</html>
`.text;
}

const findingsPart = (report: TenantReport): Html => html`${
  report.findings.length === 0
    ? ''
    : html`<h2>What needs attention</h2>
<ol>${report.findings.map(
        ({ job, text, consequence }) =>
          html`<li><b>${job === undefined ? text : html`<a href="#${job}">${text}</a>`}</b><br>${consequence}</li>
`,
      )}</ol>`
}
<p>${checkedText(report)}</p>`;

const workPart = (work: PartnerWork | undefined): Html => html`<h2>What we did in your tenant</h2>
<p>${workText(work)}</p>
${(work === undefined ? [] : workGroups(work)).map(
  ({ title, note, deeds }) => html`<h3>${title}</h3>
${note === undefined ? '' : html`<p>${note}</p>`}
${tableOf(workColumns, deeds.map(workCells))}`,
)}`;

const overview = (sections: readonly Section[]): Html => html`<h2>At a glance</h2>
${tableOf(
  ['Report', { title: 'Rows', type: 'number' }, 'What changed', 'As of'],
  byTopic(sections)
    .flatMap(([, group]) => group)
    .map((section) => [
      html`<a href="#${section.job}">${section.title}</a>`,
      numberText(section.rowCount),
      sinceText(section),
      dayText(section.asOf),
    ]),
)}`;

const sinceText = (section: Section): string =>
  section.since === undefined
    ? 'nothing to compare with yet'
    : `since ${dayText(section.since)}: ${changesText(section)}`;

/** A table with more columns is too wide for paper. */
const manyColumns = 6;
/** Characters of a text that is not broken. */
const unbroken = 12;

function cell(title: string, content: string | Html): Html {
  if (content === '') return html`<td data-title="${title}"></td>`;
  const kind = typeof content === 'string' && content.length <= unbroken ? html` class="short"` : '';
  return html`<td${kind} data-title="${title}"><span dir="auto">${content}</span></td>`;
}

const number = (title: string, text: string | Html): Html =>
  html`<td class="number" data-title="${title}">${text}</td>`;

/** @param heads a text alone is that of a column of texts. */
function tableOf(
  heads: readonly (string | Pick<Section['columns'][number], 'title' | 'type'>)[],
  rows: readonly (readonly (string | Html)[])[],
): Html {
  const columns = heads.map((head) => (typeof head === 'string' ? ({ title: head, type: 'text' } as const) : head));
  return html`<table class="${columns.length > manyColumns ? 'rows many' : 'rows'}">
<thead><tr>${columns.map(({ title, type }) => html`<th scope="col"${type === 'number' ? html` class="number"` : ''}>${title}</th>`)}</tr></thead>
<tbody>${rows.map(
    (
      cells,
    ) => html`<tr>${columns.map(({ title, type }, at) => (type === 'number' ? number : cell)(title, cells[at] ?? ''))}</tr>
`,
  )}</tbody>
</table>`;
}

function sectionPart(section: Section): Html {
  const { job, title, description, asOf, rowCount, counts, changed, changes } = section;
  const total = changes === undefined ? 0 : changes.added + changes.changed + changes.removed;
  return html`<section>
<h3 id="${job}">${title}</h3>
${description === undefined ? '' : html`<p class="quiet">${description}</p>`}
<p>${rowsText(rowCount)} as of ${dayText(asOf)}; ${sinceText(section)}.</p>
${counts === undefined || counts.values.length === 0 ? '' : html`<p>${counts.title}: ${countsText(counts)}</p>`}
${figuresPart(section)}
${changed.length === 0 ? '' : changesPart(section, total - changed.length)}
${rowsPart(rowTable(section))}
</section>
`;
}

const rowsPart = ({ title, common, columns, rows }: RowTable): Html | string =>
  rows.length === 0
    ? title === ''
      ? ''
      : html`<p>${title}.</p>`
    : html`<h4>${title === '' ? 'Rows' : title}</h4>
${common === '' ? '' : html`<p class="quiet">In every row: ${common}.</p>`}
${tableOf(
  columns,
  rows.map(({ name, about, cells }) => [
    about.length === 0 ? name : html`${name}${about.map((text) => html`<br><span class="quiet">${text}</span>`)}`,
    ...cells.map(({ text }) => text),
  ]),
)}`;

/** The number of rows alone is in the sentence above. */
function figuresPart({ figures, since }: Section): Html | string {
  if (figures.length < 2) return '';
  const before =
    since === undefined
      ? ''
      : html`<th scope="col" class="number">${dayText(since)}</th><th scope="col" class="number">Change</th>`;
  return html`<table class="figures">
<thead><tr><th scope="col">Figure</th><th scope="col" class="number">Now</th>${before}</tr></thead>
<tbody>${figures.map(
    (figure) => html`<tr><td dir="auto">${figure.title}</td><td class="number">${numberText(figure.now)}</td>${
      since === undefined
        ? ''
        : html`<td class="number">${figure.before === undefined ? '–' : numberText(figure.before)}</td><td class="number">${differenceText(figure)}</td>`
    }</tr>
`,
  )}</tbody>
</table>`;
}

const changesPart = (
  { changed, columns }: Section,
  more: number,
): Html => html`<h4>What changed${more === 0 ? '' : `, the first ${changed.length}`}</h4>
${tableOf(
  ['Change', 'Row', 'What differs'],
  changed.map((change) => [change.change, changedRow(change, columns), changedCells(change, columns)]),
)}`;

const gapsPart = (gaps: readonly Gap[]): Html => html`<h2>What could not be read</h2>
${tableOf(
  ['Reports', 'Last visit', 'Reason', 'Next step'],
  gaps.map((gap) => [
    jobsText(gap),
    gap.outcome === undefined ? '–' : `${outcomeWord(gap.outcome)}, ${dayText(gap.at ?? '')}`,
    gap.reason,
    gap.advice,
  ]),
)}`;
