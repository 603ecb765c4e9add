import type { Command } from 'commander';
import type { TenantsAnswer } from '../../lib/api/answers/tenants.ts';
import { isWell, rankOf, type Tenant, titleOf, troublesOf } from '../../lib/api/trouble.ts';
import { outcomeWord } from '../../lib/core/outcomes.ts';
import { counted } from '../counted.ts';
import { type Piece, styled } from '../line.ts';
import { registerTenantEvents } from './tenants-events.ts';
import { registerTenantShow } from './tenants-show.ts';
import { registerTenantTags } from './tenants-tags.ts';
import { tenantQuery } from '../remote/chosen-tenants.ts';
import { addConnectionOptions, connect, type ConnectionFlags } from '../remote/connection.ts';
import { tenantForms } from '../remote/named-tenants.ts';
import { print, say } from '../sign-in/output.ts';
import { table } from '../table.ts';

interface TenantsFlags extends ConnectionFlags {
  readonly tenant?: readonly string[];
  readonly except?: readonly string[];
  readonly unreachable?: true;
  readonly json?: true;
}

/** `ptb tenants`: the customer tenants of a running broker. */
export function registerTenants(program: Command): void {
  const tenants =
    program.commands.find((command) => command.name() === 'tenants') ??
    program.command('tenants').description('List the customer tenants and consent in them.');
  const list = tenants
    .command('list', { isDefault: true })
    .description(
      'List the customer tenants, those with trouble first, with the reason why each is reachable or not, and the last results of jobs.',
    )
    .option('--tenant <tenant...>', `only these tenants: ${tenantForms}`)
    .option('--except <tenant...>', 'without these tenants')
    .option('--unreachable', 'only unreachable tenants')
    .option('--json', 'one JSON document');
  registerTenantShow(tenants);
  registerTenantTags(tenants);
  registerTenantEvents(tenants);
  addConnectionOptions(list).action(async (flags: TenantsFlags) => {
    const client = await connect(flags);
    const answer = (await client.get('/tenants', await tenantQuery(client, flags))) as TenantsAnswer;
    const shown = flags.unreachable ? answer.tenants.filter(({ reachable }) => !reachable) : answer.tenants;
    for (const warning of answer.warnings) say(warning);
    print(flags.json, { ...answer, tenants: shown }, tenantLines(shown));
  });
}

/** Those with trouble come first. The broker has sorted them by name. */
function tenantLines(tenants: readonly Tenant[]) {
  const rows = tenants
    .toSorted((one, other) => rankOf(one) - rankOf(other))
    .map((tenant) => [
      tenant.name,
      reachOf(tenant),
      lastResultsOf(tenant),
      tenant.defaultDomain ?? tenant.tenantId,
      (tenant.tags ?? []).join(' '),
    ]);
  const columns = [
    { head: 'tenant', min: 20 },
    { head: 'reachable', min: 20, wrap: true },
    { head: 'last results', min: 30, wrap: true },
    { head: 'domain', min: 16, optional: true },
    ...(tenants.some(({ tags = [] }) => tags.length > 0) ? [{ head: 'tags', min: 12, optional: true }] : []),
  ];
  const [away, troubled] = [
    tenants.filter(({ reachable }) => !reachable).length,
    tenants.filter((tenant) => tenant.reachable && !isWell(tenant)).length,
  ];
  const sums = [
    ...(away === 0 ? [] : [`${away} not reachable`]),
    ...(troubled === 0 ? [] : [`${troubled} with failed jobs`]),
  ];
  const next = sums.length === 0 ? [] : ['What is wrong with one, and what to do: ptb tenants show NAME'];
  return [...table(columns, rows), '', [counted(tenants.length, 'tenant'), ...sums].join(', '), ...next];
}

function reachOf({ reachable, reason }: Tenant): Piece {
  if (!reachable) return styled('bad', `no: ${titleOf(reason)}`);
  return reason === 'gdap_active'
    ? 'yes'
    : styled(reason === 'gdap_expiring' ? 'warn' : 'idle', `yes: ${titleOf(reason)}`);
}

/** Jobs that are named. Of more, the number says it. */
const namedJobs = 2;

/** What failed, by cause, then in how many jobs the tenant succeeded or had nothing to do. */
function lastResultsOf(tenant: Tenant): Piece {
  const { lastResults } = tenant;
  if (lastResults === undefined) return 'not known';
  const troubles = troublesOf({ ...tenant, reachable: true });
  const failed = new Set(troubles.flatMap(({ results }) => results));
  const causes = troubles.map(
    ({ cause, results }) =>
      `${titleOf(cause)}: ${results.length > namedJobs ? `${results.length} jobs` : results.map(({ job }) => job).join(', ')}`,
  );
  const others = Map.groupBy(
    lastResults.filter((result) => !failed.has(result)),
    ({ outcome }) => outcomeWord(outcome),
  );
  const counts = [...others].map(([word, results]) => `${results.length} ${word}`);
  const text = [...causes, ...counts].join(', ');
  const [trouble] = troubles;
  return trouble === undefined ? text : styled(trouble.tone, text);
}
