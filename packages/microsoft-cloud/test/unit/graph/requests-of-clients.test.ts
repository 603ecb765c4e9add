import { publishedPermissions } from 'graph-permissions/permission-ids';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Cloud } from '../../../src/assemble-cloud.ts';
import { GraphError } from '../../../src/graph/graph-error.ts';
import { loadTypes } from '../../../src/graph/schema/schema.ts';
import type { Row } from '../../../src/graph/declaration.ts';
import type { CloudRequest } from '../../../src/web/http.ts';
import { cloudInMemory } from '../cloud-in-memory.ts';

/** It has Microsoft 365 E5, so that nothing is refused for want of a licence. */
const tenantIndex = 4;
let cloud: Cloud;
beforeAll(async () => {
  await loadTypes();
  cloud = await cloudInMemory({ tenants: 6, plain: true });
  cloud.setAddresses(new Proxy({} as never, { get: (_target, name) => `https://${String(name)}.test` }));
});

const every: ReadonlySet<string> = new Set(publishedPermissions().keys());

interface Answer {
  readonly status: number;
  readonly body: Row & { readonly value?: readonly Row[] };
  readonly unmatched: boolean;
}

/** Sends a request as an application with every permission. */
function send(method: string, address: string, body?: Row): Answer {
  const customer = cloud.world.customers[tenantIndex];
  const url = new URL(address, 'https://graph.test');
  const request: CloudRequest = {
    method,
    path: decodeURIComponent(url.pathname),
    query: url.searchParams,
    headers: { 'content-type': 'application/json', consistencylevel: 'eventual' },
    body: body === undefined ? '' : JSON.stringify(body),
    facts: {},
  };
  const caller = {
    tenantId: customer?.tenantId ?? '',
    customer,
    clientId: 'client',
    objectId: 'object',
    isApplication: true,
    isAdmin: false,
    permissions: every,
    hasMfa: false,
  };
  try {
    const { status, body: text = '' } = cloud.engine.answer(request, caller);
    return { status, body: JSON.parse(text || '{}') as Answer['body'], unmatched: request.facts.unmatched === true };
  } catch (error) {
    if (!(error instanceof GraphError)) throw error;
    return { status: error.status, body: { message: error.message }, unmatched: request.facts.unmatched === true };
  }
}

const get = (address: string): Answer => send('GET', address);
const rowsAt = (address: string): readonly Row[] => get(address).body.value ?? [];

describe('a type in the path', () => {
  it('may lack the name of its vendor, as the SDK for .NET writes it', () => {
    const [group] = rowsAt("/v1.0/groups?$filter=groupTypes/any(g:g eq 'Unified')");
    const members = `/v1.0/groups/${String(group?.['id'])}/members`;
    const found = get(`${members}/graph.user`);
    expect(found.status).toBe(200);
    expect(found.body.value?.length).toBeGreaterThan(0);
    expect(found.body.value).toEqual(get(`${members}/microsoft.graph.user`).body.value);
    expect(get(`${members}/graph.user/$count`).status).toBe(200);
  });

  it('is not an address that begins with the same word', () => {
    expect(get('/v1.0/users/graph.smith@contoso.example')).toMatchObject({ status: 404, unmatched: false });
  });
});
