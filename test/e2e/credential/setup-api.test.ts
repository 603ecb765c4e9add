import { decodeJwt } from 'jose';
import { approveDeviceCode } from 'microsoft-cloud/client';
import { account, adminToken } from 'microsoft-cloud/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readClaims } from '../../../src/lib/microsoft/token-reply.ts';
import { callerRoles } from '../../../src/lib/core/caller.ts';
import { signInClients } from '../../../src/operator/setup/api-application.ts';
import {
  planSetupApi,
  runSetupApi,
  type SetupApiOutcome,
  type SetupApiRequest,
} from '../../../src/operator/setup/setup-api.ts';
import { signIn, type SignInMethod } from '../../../src/operator/setup/sign-in.ts';
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
  pageRedirects: ['https://broker.example/api/dashboard'],
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

const deviceOf = (approve: (userCode: string) => Promise<void>): SignInMethod => ({
  kind: 'device-code',
  showDeviceCode: ({ userCode }) => void approve(userCode),
});

describe('runSetupApi', () => {
  it('creates the application, requires a role, and gives the operator every role', async () => {
    expect((await planSetupApi(await depsOf(), requestOf())).audiences).toBeUndefined();
    const outcome = await setUp();
    expect(outcome.steps).toHaveLength(6);
    const identifier = `api://${operator.partnerTenantId}/partner-token-broker-prod`;
    expect(outcome.audiences).toEqual([outcome.clientId, identifier]);
    const { application, principal, rolesOf } = registered(outcome.clientId);
    expect(application).toMatchObject({
      identifierUris: [identifier],
      signInAudience: 'AzureADMyOrg',
      requestedAccessTokenVersion: 2,
    });
    expect(application.optionalClaims?.accessToken.map(({ name }) => name)).toEqual([
      'xms_act_fct',
      'xms_sub_fct',
      'xms_par_app_azp',
    ]);
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

  const grants = () =>
    [...operator.cloud.world.partner.directory.permissionGrants.values()].map(({ clientId, consentType, scope }) => ({
      clientId,
      consentType,
      scope,
    }));

  it('creates the public client through which people sign in, with consent and with the redirects of the dashboard', async () => {
    const { signInClientId, clientId } = await setUp({ name: 'people' });
    const { application, principal } = registered(signInClientId);
    expect(application).toMatchObject({
      signInAudience: 'AzureADMyOrg',
      isFallbackPublicClient: null,
      redirectUris: { web: [], publicClient: ['http://localhost'], spa: ['https://broker.example/api/dashboard'] },
      passwords: [],
    });
    expect(grants().filter((grant) => grant.clientId === principal.id)).toEqual([
      { clientId: principal.id, consentType: 'AllPrincipals', scope: 'openid profile offline_access' },
    ]);
    expect(registered(clientId).application.preAuthorized.map(({ appId }) => appId)).toContain(signInClientId);
  });

  const signInThrough = ({ signInClientId, audiences }: SetupApiOutcome, kind: 'browser' | 'device code') =>
    signIn(
      operator.signInDeps,
      kind === 'browser'
        ? browser(operator.cloud, 'admin')
        : deviceOf((userCode) => approveDeviceCode(operator.cloud.control, userCode, account(operator.cloud, 'admin'))),
      {
        tenantId: operator.partnerTenantId,
        clientId: signInClientId,
        clientCredential: undefined,
        scopes: [`${audiences[1]}/access_as_user`, 'offline_access'],
      },
    );

  it.each([
    ['browser', {}],
    ['device code', { allowDeviceCode: true }],
  ] as const)('lets people sign in through that client: %s', async (kind, more) => {
    const outcome = await setUp({ name: `people-${kind.replace(' ', '-')}`, ...more });
    const { signInClientId, clientId } = outcome;
    const token = await signInThrough(outcome, kind);
    const claims = readClaims(token.accessToken.reveal());
    expect(claims).toMatchObject({ audience: clientId, objectId: admin, clientId: signInClientId });
    expect(claims.scopes).toEqual(expect.arrayContaining(['access_as_user', ...callerRoles]));
    expect(token.refreshToken).toBeDefined();
  });

  it('allows device codes only if asked, and leaves what an administrator chose', async () => {
    const outcome = await setUp({ name: 'codes' });
    await expect(signInThrough(outcome, 'device code')).rejects.toThrow(/AADSTS7000218/);
    const allow = { name: 'codes', allowDeviceCode: true };
    expect((await setUp(allow)).steps).toEqual(['Change the application for sign-in: device code']);
    expect((await setUp(allow)).steps).toEqual([]);
    const { application } = registered(outcome.signInClientId);
    expect([(await setUp({ name: 'codes' })).steps, application.isFallbackPublicClient]).toEqual([[], true]);
    application.isFallbackPublicClient = false;
    const pageRedirects = ['https://other.example/api/dashboard'];
    expect((await setUp({ name: 'codes', pageRedirects })).steps).toHaveLength(1);
    expect(application.isFallbackPublicClient).toBe(false);
  });

  it('assigns no role without a principal', async () => {
    const { clientId, steps } = await setUp({ name: 'nobody', principal: undefined });
    expect(steps.filter((step) => step.startsWith('Assign'))).toEqual([]);
    expect(registered(clientId).rolesOf(admin)).toEqual([]);
  });

  it('adds a redirect and repairs the client without removing redirects and scopes of others', async () => {
    const { signInClientId } = await setUp({ name: 'people' });
    const { application, principal } = registered(signInClientId);
    const { directory } = operator.cloud.world.partner;
    const grant = [...directory.permissionGrants.values()].find((each) => each.clientId === principal.id);
    if (grant !== undefined) grant.scope = 'openid User.Read';
    application.redirectUris = { ...application.redirectUris, publicClient: ['myapp://auth'] };
    const { steps } = await setUp({ name: 'people', pageRedirects: ['https://second.example/api/dashboard'] });
    expect(steps).toEqual([
      'Change the application for sign-in: ptb login, the dashboard at https://second.example/api/dashboard',
      'Consent to profile, offline_access of the sign-in, for everybody in the tenant',
    ]);
    expect(application.redirectUris).toMatchObject({
      publicClient: ['myapp://auth', 'http://localhost'],
      spa: ['https://broker.example/api/dashboard', 'https://second.example/api/dashboard'],
    });
    expect(grant?.scope).toBe('openid User.Read profile offline_access');
    expect((await setUp({ name: 'people', pageRedirects: [] })).steps).toEqual([]);
  });

  it('repairs what differs and keeps a redirect, a client and an assignment of others', async () => {
    const { clientId, signInClientId } = await setUp();
    const { application, principal, rolesOf } = registered(clientId);
    application.redirectUris = { ...application.redirectUris, spa: ['https://broker.example/api/dashboard'] };
    application.preAuthorized = [{ appId: 'dashboard', delegatedPermissionIds: [application.scopes[0]?.id ?? ''] }];
    principal.appRoleAssignmentRequired = false;
    const { steps } = await setUp({ principal: operator.cloud.world.partner.adminAgents.id, roles: ['Runs.Read'] });
    expect(steps).toEqual([
      'Change the application: sign-in with Azure CLI and azd, sign-in with Azure PowerShell, sign-in with the dashboard and ptb login',
      'Require an app role of every caller',
      `Assign to ${operator.cloud.world.partner.adminAgents.id}: Runs.Read`,
    ]);
    expect(application.preAuthorized.map(({ appId }) => appId)).toEqual([
      'dashboard',
      ...Object.values(signInClients),
      signInClientId,
    ]);
    expect(application.redirectUris.spa).toEqual(['https://broker.example/api/dashboard']);
    expect(rolesOf(admin)).toEqual(callerRoles);
    expect(rolesOf(operator.cloud.world.partner.adminAgents.id)).toEqual(['Runs.Read']);
  });

  it('gives a role to a caller that has no secret, but trusts the tokens of another issuer', async () => {
    // The steps of docs/call.md for pipelines. The other issuer is the managed identity's, whose tokens this cloud can verify.
    const { writer } = operator.graphOf(await adminToken(operator.cloud));
    const made = await writer.post('/applications', { displayName: 'a pipeline', signInAudience: 'AzureADMyOrg' });
    const { id, appId } = made as { id: string; appId: string };
    const { id: principal } = (await writer.post('/servicePrincipals', { appId })) as { id: string };
    const { audiences } = await setUp({ name: 'for-pipelines', principal, roles: ['Runs.Read'] });
    const { token } = await operator.identity.getToken('api://AzureADTokenExchange/.default');
    const request = {
      client_id: appId,
      grant_type: 'client_credentials',
      scope: `${audiences[0]}/.default`,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: token,
    };
    const { entra } = operator.cloud.document;
    const ask = async (): Promise<Record<string, unknown>> => {
      const options = { method: 'POST', body: new URLSearchParams(request) };
      const reply = await fetch(`${entra}/${operator.partnerTenantId}/oauth2/v2.0/token`, options);
      return (await reply.json()) as Record<string, unknown>;
    };
    // Nothing trusts the token yet.
    expect(await ask()).toMatchObject({ error_codes: [70021] });
    const { iss: issuer, sub: subject, aud: audience } = decodeJwt(token) as Record<'iss' | 'sub' | 'aud', string>;
    const trust = { name: 'pipeline', issuer, subject, audiences: [audience] };
    await writer.post(`/applications/${id}/federatedIdentityCredentials`, trust);
    const claims = decodeJwt(String((await ask())['access_token']));
    expect(claims).toMatchObject({ roles: ['Runs.Read'], tid: operator.partnerTenantId, oid: principal });
    expect(audiences).toContain(claims.aud);
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
    expect(graph.length).toBeGreaterThan(10);
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
