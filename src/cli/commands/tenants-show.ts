import type { Command } from 'commander';
import type { EventsAnswer, TenantDetailsAnswer } from '../../lib/api/answers/tenants.ts';
import { stepFor } from '../../lib/api/next-step.ts';
import { adviceOf, hasEnded, titleOf, troublesOf } from '../../lib/api/trouble.ts';
import { type Line, styled } from '../line.ts';
import { resultPiece } from '../outcome-piece.ts';
import { addConnectionOptions, connect, type ConnectionFlags } from '../remote/connection.ts';
import { withTenant } from '../remote/named-tenants.ts';
import { shownRunId } from '../remote/run-reference.ts';
import { print, say } from '../sign-in/output.ts';
import { table } from '../table.ts';
import { longTime, shortTime } from '../times.ts';
import { eventLine } from './tenants-events.ts';

const shownEvents = '10';

/** `ptb tenants show`: one customer, as the dashboard shows it. */
export function registerTenantShow(tenants: Command): void {
  const show = tenants
    .command('show')
    .argument('<tenant>', 'name, domain or id of the tenant')
    .description('Show a tenant: whether it is reachable and why, what failed there and what to do, and what happened.')
    .option('--json', 'one JSON document');
  addConnectionOptions(show).action(showTenant);
}

async function showTenant(reference: string, flags: ConnectionFlags & { readonly json?: true }): Promise<void> {
  const client = await connect(flags);
  const tenant = (await withTenant(client, reference, (one) =>
    client.get(`/tenants/${encodeURIComponent(one)}`),
  )) as TenantDetailsAnswer;
  const { events } = (await client.get(`/tenants/${tenant.tenantId}/events`, { limit: shownEvents })) as EventsAnswer;
  for (const warning of tenant.warnings) say(warning);
  print(flags.json, { ...tenant, events }, [
    ...tenantLines(tenant),
    ...(events.length === 0
      ? []
      : // What was to be done then is not what is to be done now.
        ['', 'What happened, newest first:', ...events.map((event) => eventLine({ ...event, advice: undefined }, []))]),
  ]);
}

function tenantLines(tenant: TenantDetailsAnswer): Line[] {
  const { name, tenantId, defaultDomain, reachable, explanation, relationshipEndsAt, lastResults, history } = tenant;
  const listed = (words: readonly string[] | undefined): string =>
    words === undefined ? 'not known' : words.join(', ') || 'none';
  const rowsOf = (runId: string, job: string): string => {
    const rows = history?.find((each) => each.runId === runId && each.job === job)?.rows;
    return rows === undefined ? '' : String(rows);
  };
  const results = (lastResults ?? []).map(({ job, outcome, code, finishedAt, runId }) => [
    job,
    resultPiece({ outcome, code }),
    rowsOf(runId, job),
    shortTime(finishedAt),
    shownRunId(runId),
  ]);
  const columns = [
    { head: 'job', min: 26 },
    { head: 'last result', min: 20, wrap: true },
    'rows',
    { head: 'finished', min: 11 },
    { head: 'run', min: 44, optional: true },
  ];
  return [
    [styled('strong', name), defaultDomain === undefined ? ` (${tenantId})` : ` (${defaultDomain}, ${tenantId})`],
    ['Reachable: ', styled(reachable ? 'good' : 'bad', reachable ? 'yes' : 'no'), `. ${explanation}`],
    ...(relationshipEndsAt === undefined
      ? []
      : [`The relationship ${hasEnded(tenant) ? 'ended' : 'ends'} ${longTime(relationshipEndsAt)}.`]),
    ...(tenant.roles === undefined ? [] : [`Roles of the relationship: ${listed(tenant.roles)}`]),
    `Groups: ${listed(tenant.groups)}`,
    `Tags: ${listed(tenant.tags)}`,
    ...troublesOf(tenant).flatMap(({ cause, tone, results: failed }): Line[] => {
      const step = stepFor({ cause, tenants: [{ tenant, results: failed }] });
      const advice = adviceOf(cause) || tenant.codes.find(({ code }) => code === cause)?.advice;
      return [
        '',
        [styled(tone, titleOf(cause)), failed.length === 0 ? '' : `: ${failed.map(({ job }) => job).join(', ')}`],
        ...(advice === undefined ? [] : [`  What to do: ${advice}`]),
        ...(step === undefined ? [] : [`  Next: ${step.command}`]),
      ];
    }),
    '',
    ...(lastResults === undefined
      ? ['The last results of jobs are not known.']
      : results.length === 0
        ? ['No job has visited this tenant yet.']
        : table(columns, results)),
  ];
}
