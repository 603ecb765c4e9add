import { account, adminToken } from 'microsoft-cloud/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readClaims } from '../../../src/lib/entra/token-claims.ts';
import { callerRoles } from '../../../src/lib/model/caller.ts';
import { signInClients } from '../../../src/lib/setup/api-application.ts';
import { planSetupApi, runSetupApi, type SetupApiRequest } from '../../../src/lib/setup/setup-api.ts';
import { signIn } from '../../../src/lib/setup/sign-in.ts';
import { browser, startOperator, type TestOperator } from './operator.ts';

let operator: TestOperator;
let admin: string;
beforeAll(async () => {
  operator = await startOperator();
  admin = readClaims(await adminToken(operator.cloud)).objectId ?? '';
});
afterEach(() => operator.cloud.faults.clear());
afterAll(() => operator.close());

const depsOf = async (name: 'admin' | 'broker' = 'admin') => {
  const { client, writer } = operator.graphOf(await adminToken(operator.cloud, account(operator.cloud, name)));
  return { graph: client, writer, clock: operator.clock };
};
const requestOf = (more: Partial<SetupApiRequest> = {}): SetupApiRequest => ({
  tenantId: operator.partnerTenantId,
  name: 'partner-token-broker-prod',
  displayName: 'Partner Token Broker API (prod)',
  principal: admin,
  roles: callerRoles,
  ...more,
});
const setUp = async (more: Partial<SetupApiRequest> = {}) => runSetupApi(await depsOf(), requestOf(more));
const registered = (clientId: string) => {
  const { directory } = operator.cloud.world.partner;
  const application = [...directory.applications.values()].find(({ appId }) => appId === clientId);
  const principal = directory.servicePrincipalOf(clientId);
  if (application === undefined || principal === undefined) throw new Error('the application does not exist');
  const rolesOf = (id: string) =>
    [...directory.roleAssignments.values()]
      .filter(({ principalId, resourceId }) => principalId === id && resourceId === principal.id)
      .map(({ appRoleId }) => application.appRoles.find((role) => role.id === appRoleId)?.value);
  return { application, principal, rolesOf };
};

describe('runSetupApi', () => {
  it('creates the application, requires a role, and gives the operator every role', async () => {
    expect((await planSetupApi(await depsOf(), requestOf())).audiences).toBeUndefined();
    const outcome = await setUp();
    expect(outcome.steps).toHaveLength(3);
    const identifier = `api://${operator.partnerTenantId}/partner-token-broker-prod`;
    expect(outcome.audiences).toEqual([outcome.clientId, identifier]);
    const { application, principal, rolesOf } = registered(outcome.clientId);
    expect(application).toMatchObject({
      identifierUris: [identifier],
      signInAudience: 'AzureADMyOrg',
      requestedAccessTokenVersion: 2,
    });
    expect(principal.appRoleAssignmentRequired).toBe(true);
    expect(rolesOf(admin)).toEqual(callerRoles);
  });

  const signInAs = (name: 'admin' | 'broker', scope: string) =>
    signIn(operator.signInDeps, browser(operator.cloud, name), {
      tenantId: operator.partnerTenantId,
      clientId: signInClients['Azure CLI and azd'],
      clientCredential: undefined,
      scopes: [`${scope}/.default`],
    });

  it('lets the operator get a token with every role through the Azure CLI, without consent', async () => {
    const { clientId, audiences } = await setUp();
    const token = await signInAs('admin', audiences[1]);
    const [, payload = ''] = token.accessToken.reveal().split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as Record<string, unknown>;
    expect(claims).toMatchObject({ aud: clientId, oid: admin, scp: 'access_as_user', ver: '2.0' });
    expect(claims['roles']).toEqual(expect.arrayContaining([...callerRoles]));
  });

  it('lets nobody without an app role sign in', async () => {
    const { audiences } = await setUp();
    await expect(signInAs('broker', audiences[1])).rejects.toThrow(/AADSTS50105/);
  });

  it('changes nothing in a second run, also after the application was renamed', async () => {
    const { clientId } = await setUp();
    registered(clientId).application.displayName = 'renamed';
    operator.cloud.ledger.reset();
    expect(await setUp()).toMatchObject({ clientId, steps: [] });
    const writes = operator.cloud.ledger.read().requests.filter(({ method }) => method !== 'GET');
    expect(writes.filter(({ service }) => service === 'graph')).toEqual([]);
  });

  it('repairs what differs and keeps a redirect, a client and an assignment of others', async () => {
    const { clientId } = await setUp();
    const { application, principal, rolesOf } = registered(clientId);
    application.redirectUris = { ...application.redirectUris, spa: ['https://broker.example/api/dashboard'] };
    application.preAuthorized = [{ appId: 'dashboard', delegatedPermissionIds: [application.scopes[0]?.id ?? ''] }];
    principal.appRoleAssignmentRequired = false;
    const { steps } = await setUp({ principal: operator.cloud.world.partner.adminAgents.id, roles: ['Runs.Read'] });
    expect(steps).toEqual([
      'Change the application: sign-in with Azure CLI and azd, sign-in with Azure PowerShell',
      'Require an app role of every caller',
      `Assign to ${operator.cloud.world.partner.adminAgents.id}: Runs.Read`,
    ]);
    expect(application.preAuthorized.map(({ appId }) => appId)).toEqual(['dashboard', ...Object.values(signInClients)]);
    expect(application.redirectUris.spa).toEqual(['https://broker.example/api/dashboard']);
    expect(rolesOf(admin)).toEqual(callerRoles);
    expect(rolesOf(operator.cloud.world.partner.adminAgents.id)).toEqual(['Runs.Read']);
  });

  it('throws operator_forbidden and creates nothing for an account without permissions', async () => {
    const failing = runSetupApi(await depsOf('broker'), requestOf({ name: 'forbidden' }));
    await expect(failing).rejects.toMatchObject({ code: 'operator_forbidden' });
    const { directory } = operator.cloud.world.partner;
    const names = [...directory.applications.values()].flatMap(({ identifierUris }) => identifierUris);
    expect(names.filter((name) => name.endsWith('/forbidden'))).toEqual([]);
  });

  it('continues after an interrupted run, whichever request failed', async () => {
    operator.cloud.ledger.reset();
    await setUp({ name: 'whole' });
    const graph = operator.cloud.ledger
      .read()
      .requests.filter(({ service, method }) => service === 'graph' && method !== 'GET');
    expect(graph.length).toBeGreaterThan(7);
    for (const kind of ['POST', 'PATCH'] as const) {
      const count = graph.filter(({ method }) => method === kind).length;
      for (let nth = 1; nth <= count; nth += 1) {
        const name = `cut-${kind.toLowerCase()}-${nth}`;
        operator.cloud.faults.add({ service: 'graph', method: kind, from: nth, count: 1, kind: 'lost_reply' });
        await setUp({ name }).catch(() => undefined);
        operator.cloud.faults.clear();
        const { clientId } = await setUp({ name });
        expect(new Set(registered(clientId).rolesOf(admin))).toEqual(new Set(callerRoles));
        expect(await setUp({ name })).toMatchObject({ clientId, steps: [] });
        const { directory } = operator.cloud.world.partner;
        const made = [...directory.applications.values()].filter(({ identifierUris }) =>
          identifierUris.some((uri) => uri.endsWith(`/${name}`)),
        );
        expect(made).toHaveLength(1);
      }
    }
  });
});
