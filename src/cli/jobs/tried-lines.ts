import { type Line, styled } from '../line.ts';
import { counted } from '../counted.ts';
import { tenantLines } from '../remote/run-tenant.ts';
import { table } from '../table.ts';
import type { TriedJob } from './try-job.ts';
import type { TriedRequest } from './tried-requests.ts';

/** Rows that are shown; `--json` has all. */
const shownRows = 20;
/** Other permissions that are named beside the declared ones. */
const shownAlternatives = 3;

/** Describes a tried job for people: what each tenant brought, rows, requests, permissions, and time. */
export function triedLines({ run, declared, tenants, rows, requests, unneeded, tokens }: TriedJob): Line[] {
  // Its name says which tenant a row is of.
  const columns = [...new Set(rows.flatMap(Object.keys))].filter(
    (name) => !['tenantId', 'tenantDomain'].includes(name),
  );
  return [
    ...tenants.flatMap((tenant) => [...tenantLines(tenant), `Time: ${secondsOf(tenant)}`, '']),
    ...(rows.length === 0
      ? ['No rows.']
      : table(
          columns,
          rows.slice(0, shownRows).map((row) => columns.map((name) => cell(row[name]))),
        )),
    ...(rows.length > shownRows ? [`and ${counted(rows.length - shownRows, 'more row')}; --json prints all`] : []),
    '',
    ...(requests.length === 0
      ? ['No request to Microsoft Graph was sent.']
      : table([{ head: 'request', min: 30 }, 'sent', 'opened by', 'also by'], requests.map(requestRow))),
    '',
    `Declared permissions: ${declared.length === 0 ? 'none' : declared.join(', ')}`,
    `Tokens for: ${tokens.length === 0 ? 'nothing' : tokens.join(', ')}`,
    `Time: ${(run.durationMs / 1000).toFixed(1)} s for ${counted(run.tenants.total, 'tenant')}`,
    ...(unneeded.length === 0 ? [] : [unneededLine(unneeded)]),
  ];
}

/** Comes last, where its reader looks first. */
const unneededLine = (unneeded: readonly string[]): Line => [
  styled('warn', 'Warning: '),
  `no request needed ${unneeded.join(', ')}. Remove what the job does not need: customers consent to it, and every token carries it.`,
];

const cell = (value: unknown): string =>
  typeof value === 'string' ? value : value === null || value === undefined ? '' : JSON.stringify(value);

function requestRow({ request, count, openedBy, required }: TriedRequest): string[] {
  const others = required.opened ? required.anyOf.filter((name) => !openedBy.includes(name)) : [];
  const more = others.length > shownAlternatives ? ', …' : '';
  return [request, String(count), openedBy.join(', '), others.slice(0, shownAlternatives).join(', ') + more];
}

function secondsOf({ startedAt, finishedAt }: TriedJob['tenants'][number]): string {
  if (startedAt === undefined || finishedAt === undefined) return 'unknown';
  return `${((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000).toFixed(1)} s`;
}
