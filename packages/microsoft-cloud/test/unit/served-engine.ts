import type { Row } from '../../src/graph/declaration.ts';
import { GraphError } from '../../src/graph/graph-error.ts';
import { loadTypes } from '../../src/graph/schema/schema.ts';
import { applicationSets } from '../../src/graph/sets/applications.ts';
import { createEngine } from '../../src/graph/serve/engine.ts';
import { declarations } from '../../src/population/graph/declarations.ts';
import type { CustomerTenant } from '../../src/population/tenant.ts';
import type { Caller } from '../../src/resource/caller.ts';
import type { CloudRequest } from '../../src/web/http.ts';
import { customerCount, dayMs, rowsOrRefusal, startMs, viewOf, worldOf } from './tenant-view.ts';

await loadTypes();

export const world = worldOf(1, customerCount, startMs, 60);
const engine = createEngine({
  world: { ...world, addresses: () => ({ graph: 'https://graph.test' }) as never },
  declarations: [...applicationSets, ...declarations],
  access: {
    check: () => undefined,
    checkProperty: () => undefined,
    lists: () => false,
    readable: () => 'all' as const,
  },
});

/** Customer 1 has no licence of Entra ID or Intune. Customer 7 has both, with P1. */
export const plain = world.customers[1];
export const premium = world.customers[7];
export const withP2 = world.customers.find(
  (each) => rowsOrRefusal(viewOf(world, each), 'identityProtection/riskyUsers') !== undefined,
);

/** What the engine answers, over all data and for callers that may do everything. */
interface Answer {
  readonly status: number;
  readonly code: string | undefined;
  readonly message: string | undefined;
  readonly rows: readonly Row[];
  readonly location: string | undefined;
  readonly body: Row;
  /** Whether the ledger marks the request as one that only the real service can answer. */
  readonly unmatched: boolean;
}

const nothing: Omit<Answer, 'status'> = {
  code: undefined,
  message: undefined,
  rows: [],
  location: undefined,
  body: {},
  unmatched: false,
};

export function ask(customer: CustomerTenant | undefined, address: string, version = 'v1.0'): Answer {
  const url = new URL(`https://graph.test/${version}/${address}`);
  const caller: Caller = {
    tenantId: customer?.tenantId ?? world.partner.tenantId,
    customer,
    clientId: 'client',
    objectId: 'object',
    isApplication: true,
    isAdmin: true,
    permissions: new Set(),
    hasMfa: true,
  };
  const request = {
    method: 'GET',
    path: decodeURIComponent(url.pathname),
    query: url.searchParams,
    headers: { consistencylevel: 'eventual' },
    body: '',
    facts: {} as CloudRequest['facts'],
  };
  try {
    const { status, body = '', headers } = engine.answer(request, caller);
    const content = (body.startsWith('{') ? JSON.parse(body) : {}) as Row & { readonly value?: readonly Row[] };
    const { value = [] } = content;
    const unmatched = request.facts.unmatched === true;
    return { ...nothing, status, rows: value, location: headers?.['location'], body: content, unmatched };
  } catch (error) {
    if (!(error instanceof GraphError)) throw error;
    const { status, code, message } = error;
    return { ...nothing, status, code, message, unmatched: request.facts.unmatched === true };
  }
}

/** The date some days before today, by the cloud's clock. */
export const dateBefore = (days: number): string => new Date(startMs - days * dayMs).toISOString().slice(0, 10);

/** A declared path with the first object of its set in place of the key. */
export function addressOf(customer: CustomerTenant | undefined, path: string): string {
  const [home = '', ...rest] = path.split('/{id}');
  if (rest.length === 0) return path.replace('{period}', 'D30').replace('{date}', dateBefore(4));
  const rows = ask(customer, home).rows;
  // The first user has no manager, and some users no licence. The first group is no team.
  const user = rows.slice(1).find(({ mail, userPrincipalName }) => mail === userPrincipalName);
  const row = home === 'users' ? user : home === 'groups' ? ask(customer, 'teams').rows[0] : rows[0];
  return `${home}/${String(row?.['id'])}${rest.join('')}`;
}
