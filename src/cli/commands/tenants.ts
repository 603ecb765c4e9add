import type { Command } from 'commander';
import type { TenantsAnswer } from '../../lib/api/answers/tenants.ts';
import { outcomeWord } from '../../lib/core/outcomes.ts';
import { counted } from '../counted.ts';
import { styled } from '../line.ts';
import { registerTenantEvents } from './tenants-events.ts';
import { registerTenantTags } from './tenants-tags.ts';
import { addConnectionOptions, connect, type ConnectionFlags } from '../remote/connection.ts';
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
      'List the customer tenants, with the reason why each is reachable or not, and the last results of jobs.',
    )
    .option('--tenant <tenant...>', 'only these tenants: ids, domains, group:NAME or tag:NAME')
    .option('--except <tenant...>', 'without these tenants')
    .option('--unreachable', 'only unreachable tenants')
    .option('--json', 'one JSON document');
  registerTenantTags(tenants);
  registerTenantEvents(tenants);
  addConnectionOptions(list).action(async (flags: TenantsFlags) => {
    const { tenant, except } = flags;
    const query = { tenants: tenant?.join(','), except: except?.join(',') };
    const answer = (await (await connect(flags)).get('/tenants', query)) as TenantsAnswer;
    const shown = flags.unreachable ? answer.tenants.filter(({ reachable }) => !reachable) : answer.tenants;
    for (const warning of answer.warnings) say(warning);
    const last = (tenant: TenantsAnswer['tenants'][number]): string =>
      tenant.lastResults === undefined
        ? 'not known'
        : tenant.lastResults.map(({ job, outcome, code }) => `${job}: ${code ?? outcomeWord(outcome)}`).join(', ');
    const hasTags = shown.some(({ tags = [] }) => tags.length > 0);
    const rows = shown.map((tenant) => [
      tenant.name,
      tenant.defaultDomain ?? tenant.tenantId,
      tenant.reachable ? 'yes' : styled('warn', 'no'),
      tenant.reason,
      ...(hasTags ? [(tenant.tags ?? []).join(' ')] : []),
      last(tenant),
    ]);
    const tagColumn = hasTags ? [{ head: 'tags', min: 12, optional: true }] : [];
    const columns = [
      'tenant',
      'domain',
      'reachable',
      'reason',
      ...tagColumn,
      { head: 'last results', min: 30, optional: true },
    ];
    print(flags.json, { ...answer, tenants: shown }, [...table(columns, rows), '', counted(shown.length, 'tenant')]);
  });
}
