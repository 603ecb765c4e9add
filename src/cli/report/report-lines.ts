import { byTopic, topicTitle } from '../../lib/core/topics.ts';
import { type Line, styled } from '../line.ts';
import { outcomePiece } from '../outcome-piece.ts';
import { table } from '../table.ts';
import { exactTime } from '../times.ts';
import { dayText } from '../../lib/core/day-text.ts';
import type { Gap, Section, TenantReport } from '../../lib/api/report/read-report.ts';
import { rowTable } from '../../lib/api/report/row-table.ts';
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
  rowsText,
  summaryText,
  workCells,
  workColumns,
  workGroups,
  workText,
} from '../../lib/api/report/report-words.ts';

/** The report for a terminal. */
export function reportLines(report: TenantReport): Line[] {
  const { name, tenantId, defaultDomain, findings, work, sections, gaps } = report;
  const checked = checkedText(report);
  const permits = permitsText(work);
  return [
    [styled('strong', name), ` (${defaultDomain ?? tenantId})`],
    accessText(report),
    periodText(report),
    ...[summaryText(report)].flatMap((text) => (text === '' ? [] : ['', text])),
    ...findings.flatMap(({ text, consequence }): Line[] => [
      '',
      [styled('bad', '! '), styled('strong', text)],
      `  ${consequence}`,
    ]),
    ...(checked === '' ? [] : ['', checked]),
    '',
    styled('strong', 'WHAT WE DID IN YOUR TENANT'),
    '',
    workText(work),
    ...(work === undefined ? [] : workGroups(work)).flatMap(({ title, note, deeds }): Line[] => [
      '',
      [styled('strong', title), note === undefined ? '' : `: ${note}`],
      ...table(headsOf(workColumns), deeds.map(workCells)),
    ]),
    ...byTopic(sections).flatMap(([topic, group]): Line[] => [
      '',
      styled('strong', topicTitle(topic).toUpperCase()),
      ...group.flatMap((section) => sectionLines(section, defaultDomain ?? tenantId)),
    ]),
    ...(gaps.length === 0 ? [] : ['', styled('strong', 'WHAT COULD NOT BE READ'), ...gaps.flatMap(gapLines)]),
    ...(permits.length === 0 ? [] : ['', styled('strong', permitsTitle.toUpperCase()), '', ...permits]),
  ];
}

/** The first column names the row. A narrow terminal keeps the first two. */
const headsOf = (columns: readonly { readonly title: string }[]) =>
  columns.map(({ title }, at) => (at === 0 ? { head: title, min: 24, wrap: true } : { head: title, optional: at > 1 }));

function sectionLines(section: Section, tenant: string): Line[] {
  const { title, asOf, rowCount, rows, columns, counts, since, changed, runId } = section;
  const shown = rowTable(section);
  const cells = shown.rows.map((row) => [[row.name, ...row.about].join(', '), ...row.cells.map(({ text }) => text)]);
  return [
    '',
    [styled('strong', title), `, as of ${exactTime(asOf)}: ${rowsText(rowCount)}`],
    ...(counts === undefined || counts.values.length === 0 ? [] : [`${counts.title}: ${countsText(counts)}`]),
    ...(since === undefined ? [] : [`Since ${dayText(since)}: ${differences(section)}`]),
    ...changed.map((change): Line => {
      const [sign, look] = signs[change.change];
      const cellsText = changedCells(change, columns);
      return [styled(look, sign), ` ${changedRow(change, columns)}${cellsText === '' ? '' : ` (${cellsText})`}`];
    }),
    // Without any, no rows were asked for.
    ...(rows.length === 0 || shown.title === '' ? [] : ['', `${shown.title}.`]),
    ...(shown.common === '' ? [] : ['', `In every row: ${shown.common}.`]),
    ...(cells.length === 0 ? [] : ['', ...table(headsOf(shown.columns), cells)]),
    ...(cells.length === rowCount ? [] : [`All rows: ptb runs export ${runId} --tenant ${tenant}`]),
  ];
}

const signs = {
  added: ['+', 'good'],
  changed: ['~', 'active'],
  removed: ['-', 'bad'],
} as const;

function differences(section: Section): string {
  const parts = section.figures.flatMap((figure) => {
    const difference = differenceText(figure);
    return difference === '' ? [] : [`${figure.title} ${numberText(figure.now)} (${difference})`];
  });
  return [...parts, changesText(section)].join(', ');
}

const gapLines = (gap: Gap): Line[] => [
  '',
  [
    ...(gap.outcome === undefined ? [] : [outcomePiece(gap.outcome), `, ${dayText(gap.at ?? '')}: `]),
    styled('strong', gap.reason),
  ],
  `  ${jobsText(gap)}`,
  `  ${gap.advice}`,
];
