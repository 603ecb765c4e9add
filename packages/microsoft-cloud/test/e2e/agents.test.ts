import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registerAgent, signIn } from '../../src/client.ts';
import { graphAppId } from '../../src/directory/microsoft-resources.ts';
import type { RegisteredAgent, RunningCloud } from '../../src/index.ts';
import { account, adminToken, call, type JsonReply, postForm, startTrustedCloud } from '../../src/testing.ts';

/** The requests are those of Microsoft's pages on the flows of agents. */
let cloud: RunningCloud;
let agent: RegisteredAgent;
beforeAll(async () => {
  cloud = await startTrustedCloud({ tenants: 1, plain: true });
  agent = await registerAgent(cloud.control, { displayName: 'Help desk' });
});
afterAll(() => cloud.stop());

const jwtBearer = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const graphScope = 'https://graph.microsoft.com/.default';
const tokenOf = ({ body }: JsonReply): string => String(body['access_token']);
const token = (form: Readonly<Record<string, string>>, tenant = cloud.document.partnerTenantId): Promise<JsonReply> =>
  postForm(`${cloud.document.entra}/${tenant}/oauth2/v2.0/token`, form);

/** The token with which a blueprint lets its agent authenticate. */
const exchange = (of: RegisteredAgent, agentId = of.agentId): Promise<JsonReply> =>
  token({
    client_id: of.blueprintId,
    client_secret: of.blueprintSecret ?? '',
    grant_type: 'client_credentials',
    scope: 'api://AzureADTokenExchange/.default',
    fmi_path: agentId,
  });

const onItsOwn = async (
  of: RegisteredAgent,
  assertion?: string,
  tenant?: string,
  scope = graphScope,
): Promise<JsonReply> =>
  token(
    {
      client_id: of.agentId,
      client_assertion_type: jwtBearer,
      client_assertion: assertion ?? tokenOf(await exchange(of)),
      grant_type: 'client_credentials',
      scope,
    },
    tenant,
  );

/** A token of a person for the blueprint, from one of Microsoft's clients. */
async function tokenForBlueprint(username: string): Promise<string> {
  const oauth = `${cloud.document.entra}/${cloud.document.partnerTenantId}/oauth2/v2.0`;
  const request = {
    client_id: '04b07795-8ddb-461a-bbee-02f9e1bf7b46',
    redirect_uri: 'http://localhost:51000',
    scope: `api://${agent.blueprintId}/.default`,
  };
  const query = new URLSearchParams({ ...request, response_type: 'code' });
  const redirect = new URL(await signIn(cloud.control, `${oauth}/authorize?${query.toString()}`, username));
  const code = redirect.searchParams.get('code') ?? '';
  return tokenOf(await postForm(`${oauth}/token`, { ...request, grant_type: 'authorization_code', code }));
}

const onBehalf = async (assertion: string, more: Readonly<Record<string, string>> = {}): Promise<JsonReply> =>
  token({
    client_id: agent.agentId,
    client_assertion_type: jwtBearer,
    client_assertion: tokenOf(await exchange(agent)),
    grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    assertion,
    requested_token_use: 'on_behalf_of',
    scope: graphScope,
    ...more,
  });

/** A claim with several values, which have no order. */
const valuesOf = (claim: unknown): ReadonlySet<string> => new Set(String(claim).split(' '));

describe('an agent on its own', () => {
  it('gets a token that names it as subject and actor, and its blueprint', async () => {
    const claims = decodeJwt(tokenOf(await onItsOwn(agent)));
    expect(claims).toMatchObject({
      appid: agent.agentId,
      appidacr: '2',
      oid: agent.objectId,
      idtyp: 'app',
      xms_par_app_azp: agent.blueprintId,
    });
    expect(valuesOf(claims['xms_act_fct']).has('11')).toBe(true);
    expect(valuesOf(claims['xms_sub_fct']).has('11')).toBe(true);
    expect(claims['scp']).toBeUndefined();
  });

  it('has the application permissions that its principal was given', async () => {
    const admin = await adminToken(cloud);
    const { graph } = cloud.document;
    const { body } = await call(`${graph}/v1.0/servicePrincipals(appId='${graphAppId}')?$select=id,appRoles`, admin);
    const roles = body['appRoles'] as readonly { readonly id: string; readonly value: string }[];
    const assignment = {
      principalId: agent.objectId,
      resourceId: body['id'],
      appRoleId: roles.find(({ value }) => value === 'User.Read.All')?.id,
    };
    const path = `${graph}/v1.0/servicePrincipals/${agent.objectId}`;
    const granted = await call(`${path}/appRoleAssignments`, admin, {
      method: 'POST',
      body: JSON.stringify(assignment),
    });
    expect(granted.status).toBe(201);
    const own = tokenOf(await onItsOwn(agent));
    expect(decodeJwt(own)['roles']).toEqual(['User.Read.All']);
    expect((await call(`${graph}/v1.0/users`, own)).status).toBe(200);
    expect((await call(path, admin)).body).toMatchObject({ servicePrincipalType: 'ServiceIdentity' });
  });

  it('can be one of several of a blueprint, and lack the claims that a resource has not asked for', async () => {
    const { blueprintId, blueprintSecret } = agent;
    const second = { ...(await registerAgent(cloud.control, { blueprintId, optionalClaims: false })), blueprintSecret };
    const claims = decodeJwt(tokenOf(await onItsOwn(second)));
    expect(claims).toMatchObject({ appid: second.agentId, idtyp: 'app' });
    expect(Object.keys(claims).filter((name) => name.startsWith('xms_'))).toEqual([]);
    expect((await onItsOwn(second, tokenOf(await exchange(agent)))).body['error_codes']).toEqual([700213]);
  });

  it('has those claims at an application of the partner only if that asks for them', async () => {
    const { graph, brokerApplication } = cloud.document;
    const path = `${graph}/v1.0/applications(appId='${brokerApplication.clientId}')`;
    const admin = await adminToken(cloud);
    const patch = (optionalClaims: unknown) =>
      call(path, admin, { method: 'PATCH', body: JSON.stringify({ optionalClaims }) });
    const claimsAtApi = async () => {
      const reply = await onItsOwn(agent, undefined, undefined, `${brokerApplication.clientId}/.default`);
      return Object.keys(decodeJwt(tokenOf(reply)))
        .filter((name) => name.startsWith('xms_'))
        .toSorted();
    };
    expect(await claimsAtApi()).toEqual(['xms_act_fct', 'xms_par_app_azp', 'xms_sub_fct']);
    expect((await patch({ accessToken: [{ name: 'xms_act_fct' }] })).status).toBe(204);
    expect((await call(`${path}?$select=optionalClaims`, admin)).body['optionalClaims']).toMatchObject({
      accessToken: [{ name: 'xms_act_fct', essential: false, source: null, additionalProperties: [] }],
      idToken: [],
    });
    expect(await claimsAtApi()).toEqual(['xms_act_fct']);
    for (const wrong of ['xms_act_fct', { accessToken: [{}] }, { accessToken: 'xms_act_fct' }])
      expect((await patch(wrong)).status).toBe(400);
    expect((await patch(null)).status).toBe(204);
    expect(await claimsAtApi()).toEqual([]);
  });

  it('needs a token of its own blueprint, in the tenant where it was registered', async () => {
    const other = await registerAgent(cloud.control);
    expect((await exchange(other, agent.agentId)).body['error_codes']).toEqual([700016]);
    expect((await onItsOwn(agent, tokenOf(await exchange(other)))).body['error_codes']).toEqual([700213]);
    expect((await onItsOwn(agent, tokenOf(await onItsOwn(agent)))).body['error_codes']).toEqual([700212]);
    const { body } = await token({ client_id: agent.agentId, grant_type: 'client_credentials', scope: graphScope });
    expect(body['error_codes']).toEqual([7000218]);
    const customer = cloud.document.tenants[0]?.tenantId;
    expect((await onItsOwn(agent, undefined, customer)).body['error_codes']).toEqual([700016]);
    await expect(registerAgent(cloud.control, { blueprintId: 'nobody' })).rejects.toThrow('no blueprint');
    await expect(registerAgent(cloud.control, { displayName: 1 } as never)).rejects.toThrow('displayName');
  });
});

describe('an agent acting for a person', () => {
  it('gets a token of the person that names it as actor, with the scopes that were consented to it', async () => {
    const assertion = await tokenForBlueprint(account(cloud, 'operator'));
    expect((await onBehalf(assertion)).body['error_codes']).toEqual([65001]);
    const admin = await adminToken(cloud);
    const { graph } = cloud.document;
    const { body } = await call(`${graph}/v1.0/servicePrincipals(appId='${graphAppId}')?$select=id`, admin);
    const grant = {
      clientId: agent.objectId,
      consentType: 'AllPrincipals',
      resourceId: body['id'],
      scope: 'User.Read',
    };
    await call(`${graph}/v1.0/oauth2PermissionGrants`, admin, { method: 'POST', body: JSON.stringify(grant) });
    const own = tokenOf(await onBehalf(assertion));
    const claims = decodeJwt(own);
    expect(claims).toMatchObject({
      appid: agent.agentId,
      idtyp: 'user',
      scp: 'User.Read',
      upn: account(cloud, 'operator'),
      xms_par_app_azp: agent.blueprintId,
    });
    expect(valuesOf(claims['xms_act_fct']).has('11')).toBe(true);
    expect(claims['xms_sub_fct']).toBeUndefined();
    expect((await call(`${graph}/v1.0/me`, own)).body['userPrincipalName']).toBe(account(cloud, 'operator'));
  });

  it('needs a token of a person for its blueprint', async () => {
    const assertion = await tokenForBlueprint(account(cloud, 'operator'));
    expect((await onBehalf(await adminToken(cloud))).body['error_codes']).toEqual([700023]);
    expect((await onBehalf('')).body['error_codes']).toEqual([900144]);
    expect((await onBehalf(assertion, { requested_token_use: '' })).body['error_codes']).toEqual([900144]);
    expect((await onBehalf('x.y.z')).body['error_codes']).toEqual([700027]);
  });
});
