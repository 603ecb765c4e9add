import { publishedPermissions } from 'graph-permissions/permission-ids';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Cloud } from '../../../src/assemble-cloud.ts';
import { GraphError } from '../../../src/graph/graph-error.ts';
import { createEngine, type Engine } from '../../../src/graph/serve/engine.ts';
import { declarations } from '../../../src/population/graph/declarations.ts';
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
function send(method: string, address: string, body?: Row, engine: Engine = cloud.engine): Answer {
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
    const { status, body: text = '' } = engine.answer(request, caller);
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

describe('what outside programs ask for', () => {
  const firstOf = (list: string): string => String(rowsAt(`/v1.0/${list}`)[0]?.['id']);

  it.each([
    'auditLogs/signIns?$select=userPrincipalName,createdDateTime&$top=2',
    'auditLogs/directoryAudits?$select=activityDisplayName&$top=2',
    'groups?$expand=owners($select=id)&$top=999',
    "servicePrincipals?$filter=servicePrincipalType eq 'Application'",
    "servicePrincipals?$filter=(servicePrincipalType eq 'ManagedIdentity')",
  ])('%s is answered', (address) => {
    expect(get(`/v1.0/${address}`)).toMatchObject({ status: 200, unmatched: false });
  });

  it('finds service principals by their type', () => {
    const all = rowsAt("/v1.0/servicePrincipals?$filter=servicePrincipalType eq 'Application'&$top=999");
    expect(all.length).toBeGreaterThan(0);
    expect(new Set(all.map(({ servicePrincipalType: type }) => type))).toEqual(new Set(['Application']));
  });

  /** Over all data, for paths that the permission map of the package does not have. */
  const openEngine = (): Engine =>
    createEngine({
      world: cloud.world,
      declarations,
      access: { check: () => undefined, checkProperty: () => undefined, lists: () => false, readable: () => 'all' },
    });

  it('has MFA per user as an object that can be changed', () => {
    const engine = openEngine();
    const path = `/beta/users/${firstOf('users')}/authentication/requirements`;
    expect(send('GET', path, undefined, engine).body).toMatchObject({
      perUserMfaState: expect.stringMatching(/^(?:disabled|enforced)$/) as string,
    });
    expect(send('PATCH', path, { perUserMfaState: 'enabled' }, engine).status).toBe(204);
    expect(send('GET', path, undefined, engine).body).toMatchObject({ perUserMfaState: 'enabled' });
  });

  it('returns a complex value as an object', () => {
    const read = (path: string): Answer['body'] => send('GET', `/v1.0/${path}`, undefined, openEngine()).body;
    expect(Array.isArray(read(`organization/${firstOf('organization')}/verifiedDomains`).value)).toBe(true);
    const extension = read(`users/${firstOf('users')}/onPremisesExtensionAttributes`);
    expect(extension).toMatchObject({ extensionAttribute1: null });
    expect(extension['value']).toBeUndefined();
  });

  it('dates the password of a user who was created, or whose password was reset', () => {
    cloud.clock.advance(86_400_000);
    const path = `/v1.0/users/${firstOf('users')}`;
    const dateOf = (): number =>
      Date.parse(String(get(`${path}?$select=lastPasswordChangeDateTime`).body['lastPasswordChangeDateTime']));
    const before = dateOf();
    expect(send('PATCH', path, { jobTitle: 'Manager' }).status).toBe(204);
    expect(dateOf()).toBe(before);
    const passwordProfile = { forceChangePasswordNextSignIn: true, password: 'Correct-Horse-Battery-1' };
    expect(send('PATCH', path, { passwordProfile }).status).toBe(204);
    expect(dateOf()).toBeGreaterThan(cloud.clock.nowMs() - 2000);
  });

  it.each([
    ['00000003-0000-0ff1-ce00-000000000000', 'AllSites.FullControl'],
    ['aeb86249-8ea3-49e2-900b-54cc8e308f85', 'LicenseManager.AccessAsUser'],
    ['c5393580-f805-4401-95e8-94b7a6ef2fc2', 'ServiceHealth.Read'],
    ['fc780465-2017-40d4-a0c5-307022471b92', 'Alert.Read'],
  ])('has the service principal %s with the scope %s', (appId, scope) => {
    const { status, body } = get(`/v1.0/servicePrincipals(appId='${appId}')`);
    expect(status).toBe(200);
    expect((body['oauth2PermissionScopes'] as readonly Row[]).map(({ value }) => value)).toContain(scope);
  });
});
