import * as z from 'zod';
import { parseRunId, queryJob } from '../../runs/store/run.ts';
import type { RunTenantsAnswer } from '../answers/runs.ts';
import type { TenantsAnswer } from '../answers/tenants.ts';
import { type Ask, defineTool, fit, jsonOf, maxDataBytes, shortenedNote, sizeOf } from './tool.ts';

const tenantEntry = z.string().min(1).max(253);

/** Tenants of a tool that works on several, written as in docs/groups.md. */
export const selectedTenants = {
  tenants: z.array(tenantEntry).min(1).max(500).optional().meta({
    description: 'Only these tenants: tenant ids, domains, group:NAME, tag:NAME, tag:NAME=VALUE.',
  }),
  except: z.array(tenantEntry).max(500).optional().meta({ description: 'Tenants to leave out, written like tenants.' }),
};

/** A list as the query of a route has it. Undefined for an empty list. */
const listed = (entries: readonly string[] | undefined): string | undefined =>
  entries === undefined || entries.length === 0 ? undefined : entries.join(',');

const tenant = z.object({
  tenantId: z.string(),
  name: z.string(),
  defaultDomain: z.string().optional(),
  reachable: z.boolean(),
  explanation: z.string(),
  tags: z.array(z.string()).readonly().optional(),
  groups: z.array(z.string()).readonly().optional(),
});

export const listTenants = defineTool({
  name: 'list_tenants',
  title: 'List and find customer tenants',
  description:
    'Lists the customer tenants of the partner that you may see, by name, with id, default domain, tags, groups and whether they can be reached. With search, only those whose name, domain or id contains the text. Use the tenantId in other tools.',
  roles: ['Tenants.Read'],
  onlyReads: true,
  input: z.strictObject({
    search: z.string().min(1).max(100).optional().meta({ description: 'A part of the name, domain or id.' }),
    ...selectedTenants,
    skip: z.int().min(0).default(0).meta({ description: 'nextSkip of the previous answer.' }),
  }),
  output: z.object({
    tenants: z.array(tenant).readonly(),
    total: z.int().meta({ description: 'Number of tenants that match.' }),
    nextSkip: z.int().optional().meta({ description: 'Present if more tenants match.' }),
    groups: z.array(z.string()).readonly().meta({ description: 'Names for group:NAME.' }),
    warnings: z.array(z.string()).readonly(),
  }),
  run: async ({ search, tenants, except, skip }, { ask }) => {
    const query = { tenants: listed(tenants), except: listed(except) };
    const answer = jsonOf(await ask({ route: 'tenants', query })) as TenantsAnswer;
    const wanted = search?.toLowerCase();
    const found = answer.tenants.filter(
      ({ tenantId, name, defaultDomain = '' }) =>
        wanted === undefined || [tenantId, name, defaultDomain].some((text) => text.toLowerCase().includes(wanted)),
    );
    const groups = fit(answer.groups, maxDataBytes / 8);
    const warnings = fit(answer.warnings, maxDataBytes / 8);
    const beside = sizeOf(groups.items) + sizeOf(warnings.items);
    const { items, leftOff, isShortened } = fit(found.slice(skip).map(viewTenant), maxDataBytes - beside);
    const next = skip + items.length;
    return {
      notes: [
        ...(leftOff === 0 ? [] : [`${leftOff} more tenants match: call again with skip ${next}.`]),
        ...(groups.leftOff === 0 ? [] : [`${groups.leftOff} more names of groups are not shown.`]),
        ...(warnings.leftOff === 0 ? [] : [`${warnings.leftOff} more warnings are not shown.`]),
        ...(isShortened || warnings.isShortened ? [shortenedNote] : []),
      ],
      data: {
        tenants: items,
        total: found.length,
        ...(leftOff === 0 ? {} : { nextSkip: next }),
        groups: groups.items,
        warnings: warnings.items,
      },
    };
  },
});

function viewTenant(one: TenantsAnswer['tenants'][number]): z.input<typeof tenant> {
  const { tenantId, name, defaultDomain, reachable, explanation, tags, groups } = one;
  return { tenantId, name, defaultDomain, reachable, explanation, tags, groups };
}

/**
 * The number of tenants in which Microsoft Graph has more rows than a query read, so far. 0 for a run of a job, which returns
 * all its rows.
 * @throws BrokerError as the route does.
 */
export async function countCutTenants(ask: Ask, runId: string): Promise<number> {
  if (parseRunId(runId)?.job !== queryJob) return 0;
  const answer = await ask({ route: 'runs-tenants', path: { runId }, query: { outcome: 'succeeded' } });
  const { tenants } = jsonOf(answer) as RunTenantsAnswer;
  return tenants.filter(({ more }) => more === true).length;
}

/** Of the answers of tools. */
export const cutTenantsShape = {
  cutTenants: z.int().meta({
    description: 'Tenants of a query in which Microsoft Graph has more rows than were read: the rows are not all.',
  }),
};

/** The rows of such tenants must not pass for all. */
export const cutTenantsNotes = (count: number): readonly string[] =>
  count === 0
    ? []
    : [
        `The rows are not all: Microsoft Graph has more in ${count} ${count === 1 ? 'tenant' : 'tenants'}. Ask with allPages; if that was set, ask for less, with $filter, $select or fewer tenants.`,
      ];
