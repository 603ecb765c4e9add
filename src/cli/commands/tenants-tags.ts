import type { Command } from 'commander';
import type { ChangedTagsAnswer, TenantDetailsAnswer, TenantsAnswer } from '../../lib/api/answers/tenants.ts';
import { addConnectionOptions, connect, type ConnectionFlags } from '../remote/connection.ts';
import { withTenant } from '../remote/named-tenants.ts';
import { UsageError } from '../run-program.ts';
import { print, say } from '../sign-in/output.ts';
import { table } from '../table.ts';

interface TagFlags extends ConnectionFlags {
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
  readonly set?: readonly string[];
  readonly clear?: true;
  readonly json?: true;
}

/** `ptb tenants tag` and `ptb tenants groups`. */
export function registerTenantTags(tenants: Command): void {
  const tag = tenants
    .command('tag')
    .argument('<tenant>', 'name, domain or id of the tenant')
    .description('Show or change the tags of a tenant, written as NAME or NAME=VALUE.')
    .option('--add <tag...>', 'add these tags; one with the same name is replaced')
    .option('--remove <tag...>', 'remove these tags, by name or with the value')
    .option('--set <tag...>', 'replace all tags by these')
    .option('--clear', 'remove all tags')
    .option('--json', 'one JSON document');
  addConnectionOptions(tag).action(tagTenant);
  const groups = tenants
    .command('groups')
    .description('Show the tenant groups of the policy and the tags, each with its number of tenants.')
    .option('--json', 'one JSON document');
  addConnectionOptions(groups).action(showGroups);
}

async function tagTenant(tenant: string, { add, remove, set, clear, ...flags }: TagFlags): Promise<void> {
  if (clear && set !== undefined) throw new UsageError('--clear removes all tags, so --set has no effect.');
  const all = clear ? [] : set;
  if (all !== undefined && (add !== undefined || remove !== undefined))
    throw new UsageError(`--${clear ? 'clear' : 'set'} replaces all tags, so it excludes --add and --remove.`);
  const client = await connect(flags);
  if (all === undefined && add === undefined && remove === undefined) {
    const { tenantId, name, tags, groups, warnings } = (await withTenant(client, tenant, (one) =>
      client.get(pathOf(one)),
    )) as TenantDetailsAnswer;
    for (const warning of warnings) say(warning);
    const shown = tags === undefined ? 'not known' : listed(tags);
    print(flags.json, { tenantId, name, tags, groups }, [`Tags of ${name}: ${shown}`]);
    return;
  }
  const order = all === undefined ? { add, remove } : { tags: all };
  const answer = (await withTenant(client, tenant, (one) =>
    client.put(`${pathOf(one)}/tags`, order),
  )) as ChangedTagsAnswer;
  const { added, removed, tags } = answer;
  const changes = [...added.map((each) => `added ${each}`), ...removed.map((each) => `removed ${each}`)];
  print(flags.json, answer, [
    changes.length === 0 ? 'Nothing changed.' : `Changed: ${changes.join(', ')}.`,
    `Tags of ${tenant}: ${listed(tags)}`,
  ]);
}

const pathOf = (tenant: string): string => `/tenants/${encodeURIComponent(tenant)}`;

const listed = (tags: readonly string[]): string => (tags.length === 0 ? 'none' : tags.join(', '));

async function showGroups(flags: ConnectionFlags & { readonly json?: true }): Promise<void> {
  const { tenants, groups, warnings } = (await (await connect(flags)).get('/tenants')) as TenantsAnswer;
  for (const warning of warnings) say(warning);
  const counts = (names: readonly string[], of: (tenant: TenantsAnswer['tenants'][number]) => readonly string[]) =>
    names.map((name) => ({ name, tenants: tenants.filter((tenant) => of(tenant).includes(name)).length }));
  const tags = [...new Set(tenants.flatMap(({ tags = [] }) => tags))].toSorted();
  const report = {
    groups: counts(groups, ({ groups: own = [] }) => own),
    tags: counts(tags, ({ tags: own = [] }) => own),
  };
  const rows = [
    ...report.groups.map(({ name, tenants: count }) => [`group:${name}`, String(count)]),
    ...report.tags.map(({ name, tenants: count }) => [`tag:${name}`, String(count)]),
  ];
  print(
    flags.json,
    report,
    rows.length === 0 ? ['There are no groups and no tags.'] : table(['name', 'tenants'], rows),
  );
}
