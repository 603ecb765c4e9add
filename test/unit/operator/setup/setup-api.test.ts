import { beforeEach, describe, expect, it } from 'vitest';
import type { GraphClient, GraphWriter } from '../../../../src/lib/microsoft/graph.ts';
import type { JsonObject } from '../../../../src/lib/core/objects.ts';
import { callerRoles } from '../../../../src/lib/core/caller.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import { planSetupApi, runSetupApi, type SetupApiRequest } from '../../../../src/operator/setup/setup-api.ts';
import { guid, tenant } from '../../../support/audit-entries.ts';

// test/e2e/credential/setup-api.test.ts runs against the simulated cloud. This file checks each request, and what is left
// alone in a directory that is set up in part.

const tenantId: TenantId = tenant(9);
const identifier = `api://${tenantId}/broker`;
const signInIdentifier = `${identifier}-sign-in`;
const dashboard = 'https://broker.example/api/dashboard';
const graphAppId = '00000003-0000-0000-c000-000000000000';
const operator = guid(1);
const request: SetupApiRequest = {
  tenantId,
  name: 'broker',
  displayName: 'Broker API',
  principal: operator,
  roles: callerRoles,
  pageRedirects: [dashboard],
};

type Item = Record<string, unknown>;

/** The objects of a directory that the setup reads and writes, with the requests that change them. */
class Directory {
  readonly lists = new Map<string, Item[]>([
    ['/applications', []],
    ['/servicePrincipals', [{ id: 'graph', appId: graphAppId }]],
    ['/oauth2PermissionGrants', []],
  ]);
  readonly written: { method: string; path: string; body: JsonObject }[] = [];
  /** Answers a write with this error, once for each entry. */
  failures: BrokerError[] = [];
  /** Waits between attempts, milliseconds. */
  readonly slept: number[] = [];
  #ids = 0;

  readonly clock = { sleep: async (ms: number) => void this.slept.push(ms) };

  readonly graph = { list: (path: string) => this.#list(path) } as unknown as GraphClient;

  readonly writer: GraphWriter = {
    post: async (path, body) => {
      this.#write('POST', path, body);
      this.#ids += 1;
      const created = {
        id: `id-${this.#ids}`,
        ...(path === '/applications' ? { appId: `app-${this.#ids}` } : {}),
        ...body,
      };
      this.lists.set(path, [...(this.lists.get(path) ?? []), created]);
      return created;
    },
    patch: async (path, body) => {
      this.#write('PATCH', path, body);
      const [, list = '', id] = path.split('/');
      const found = this.lists.get(`/${list}`)?.find((item) => item['id'] === id);
      if (found === undefined) throw new Error(`There is no ${path}.`);
      Object.assign(found, body);
    },
    remove: () => Promise.reject(new Error('The setup removes nothing.')),
  };

  async *#list(path: string): AsyncGenerator<JsonObject> {
    const [list = '', query = ''] = path.split('?');
    const filter = new URLSearchParams(query).get('$filter') ?? '';
    const wanted = /'(.*)'/.exec(filter)?.[1];
    for (const item of this.lists.get(list) ?? []) {
      const values = [item['appId'], item['clientId'], ...((item['identifierUris'] as unknown[]) ?? [])];
      if (filter === '' || values.includes(wanted)) yield item;
    }
  }

  #write(method: string, path: string, body: JsonObject): void {
    this.written.push({ method, path, body });
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
  }

  find(list: string, where: (item: Item) => boolean): Item {
    const found = this.lists.get(list)?.find(where);
    if (found === undefined) throw new Error(`There is no such object in ${list}.`);
    return found;
  }
}

const refusal = (status: number, resourceMessage = '') =>
  new BrokerError('job_failed', `Graph answered ${status}.`, { logFields: { status, resourceMessage } });

let directory: Directory;
beforeEach(() => {
  directory = new Directory();
});
const run = (more: Partial<SetupApiRequest> = {}, confirm?: Parameters<typeof runSetupApi>[2]) =>
  runSetupApi(directory, { ...request, ...more }, confirm);
const plan = (more: Partial<SetupApiRequest> = {}) => planSetupApi(directory, { ...request, ...more });
const application = () => directory.find('/applications', (item) => String(item['identifierUris']) === identifier);
const signInApplication = () =>
  directory.find('/applications', (item) => String(item['identifierUris']) === signInIdentifier);
const principalOf = (item: Item) => directory.find('/servicePrincipals', ({ appId }) => appId === item['appId']);
const steps = [
  'Create the application "Partner Token Broker sign-in (broker)", through which people sign in',
  'Create the service principal of the application for sign-in',
  'Consent to openid, profile, offline_access of the sign-in, for everybody in the tenant',
  `Create the application "Broker API" with the App ID URI ${identifier} and its app roles`,
  'Create its service principal, which requires an app role of every caller',
  `Assign to ${operator}: ${callerRoles.join(', ')}`,
];

describe('in an empty directory', () => {
  it('plans six steps and changes nothing', async () => {
    expect(await plan()).toEqual({ steps });
    expect(directory.written).toEqual([]);
  });

  it('creates both applications, their principals, the consent and the roles', async () => {
    const outcome = await run();
    expect(outcome).toEqual({
      clientId: application()['appId'],
      signInClientId: signInApplication()['appId'],
      audiences: [application()['appId'], identifier],
      steps,
    });
    expect(signInApplication()).toMatchObject({
      displayName: 'Partner Token Broker sign-in (broker)',
      signInAudience: 'AzureADMyOrg',
      publicClient: { redirectUris: ['http://localhost'] },
      spa: { redirectUris: [dashboard] },
    });
    expect(signInApplication()).not.toHaveProperty('isFallbackPublicClient');
    expect(application()).toMatchObject({ displayName: 'Broker API', signInAudience: 'AzureADMyOrg' });
    const { preAuthorizedApplications } = application()['api'] as { preAuthorizedApplications: Item[] };
    expect(preAuthorizedApplications.map(({ appId }) => appId)).toContain(outcome.signInClientId);
    expect(principalOf(application())).toMatchObject({ appRoleAssignmentRequired: true });
    expect(principalOf(signInApplication())).not.toHaveProperty('appRoleAssignmentRequired');
    expect(directory.lists.get('/oauth2PermissionGrants')).toMatchObject([
      {
        clientId: principalOf(signInApplication())['id'],
        consentType: 'AllPrincipals',
        resourceId: 'graph',
        scope: 'openid profile offline_access',
      },
    ]);
    const assigned = directory.lists.get(
      `/servicePrincipals/${String(principalOf(application())['id'])}/appRoleAssignedTo`,
    );
    expect(assigned?.map(({ principalId }) => principalId)).toEqual(callerRoles.map(() => operator));
    const roles = application()['appRoles'] as Item[];
    expect(assigned?.map(({ appRoleId }) => roles.find(({ id }) => id === appRoleId)?.['value'])).toEqual(callerRoles);
    expect(new Set(assigned?.map(({ resourceId }) => resourceId))).toEqual(new Set([principalOf(application())['id']]));
  });

  it('sends the scope before the clients that refer to it', async () => {
    await run();
    const bodies = directory.written.filter(({ path }) => path === `/applications/${String(application()['id'])}`);
    expect(bodies.map(({ body }) => 'preAuthorizedApplications' in (body['api'] as object))).toEqual([false, true]);
  });

  it('assigns only the roles that are asked for, and none without a principal', async () => {
    expect((await plan({ roles: ['Audit.Read', 'Runs.Read'] })).steps.at(-1)).toBe(
      `Assign to ${operator}: Runs.Read, Audit.Read`,
    );
    expect((await plan({ principal: undefined })).steps).toEqual(steps.slice(0, -1));
    expect((await plan({ roles: [] })).steps).toEqual(steps.slice(0, -1));
  });

  it('changes nothing if the operator does not confirm', async () => {
    const shown: unknown[] = [];
    const refuse = (found: unknown) => {
      shown.push(found);
      return Promise.reject(new Error('no'));
    };
    await expect(run({}, refuse)).rejects.toThrow('no');
    expect(shown).toEqual([{ steps }]);
    expect(directory.written).toEqual([]);
  });
});

describe('in a directory that is set up', () => {
  beforeEach(async () => {
    await run();
    directory.written.length = 0;
  });

  it('finds nothing to do, and asks nobody', async () => {
    const confirm = () => Promise.reject(new Error('There is nothing to confirm.'));
    const outcome = await run({}, confirm);
    expect(outcome).toMatchObject({ clientId: application()['appId'], steps: [] });
    expect(await plan()).toEqual({ audiences: [application()['appId'], identifier], steps: [] });
    expect(directory.written).toEqual([]);
  });

  it('adds another dashboard and the device code, and keeps what is there', async () => {
    const other = 'https://other.example/api/dashboard';
    Object.assign(signInApplication(), { publicClient: { redirectUris: ['http://127.0.0.1'] } });
    expect((await run({ pageRedirects: [other, dashboard], allowDeviceCode: true })).steps).toEqual([
      `Change the application for sign-in: device code, ptb login, the dashboard at ${other}`,
    ]);
    expect(signInApplication()).toMatchObject({
      isFallbackPublicClient: true,
      publicClient: { redirectUris: ['http://127.0.0.1', 'http://localhost'] },
      spa: { redirectUris: [dashboard, other] },
    });
    // It stays allowed without the option.
    expect((await run({ pageRedirects: [] })).steps).toEqual([]);
  });

  it('lets only accounts of the tenant sign in again', async () => {
    Object.assign(signInApplication(), { signInAudience: 'AzureADMultipleOrgs' });
    Object.assign(application(), { signInAudience: 'AzureADMultipleOrgs' });
    expect((await run()).steps).toEqual([
      'Change the application for sign-in: only accounts of this tenant may sign in',
      'Change the application: only accounts of this tenant may sign in',
    ]);
    expect([signInApplication(), application()].map(({ signInAudience }) => signInAudience)).toEqual([
      'AzureADMyOrg',
      'AzureADMyOrg',
    ]);
  });

  it('requires a role again', async () => {
    Object.assign(principalOf(application()), { appRoleAssignmentRequired: false });
    expect((await run()).steps).toEqual(['Require an app role of every caller']);
    expect(principalOf(application())['appRoleAssignmentRequired']).toBe(true);
  });

  it('assigns the roles that the principal lacks, whatever others have', async () => {
    const path = `/servicePrincipals/${String(principalOf(application())['id'])}/appRoleAssignedTo`;
    const [first, second, ...rest] = directory.lists.get(path) ?? [];
    directory.lists.set(path, [{ ...first, principalId: guid(2) }, { ...second }, ...rest]);
    expect((await run()).steps).toEqual([`Assign to ${operator}: ${callerRoles[0]}`]);
    expect(directory.lists.get(path)?.at(-1)).toMatchObject({ principalId: operator, appRoleId: first?.['appRoleId'] });
  });

  it('adds what the consent lacks, and keeps the rest', async () => {
    const [grant] = directory.lists.get('/oauth2PermissionGrants') ?? [];
    Object.assign(grant ?? {}, { scope: 'User.Read profile' });
    expect((await run()).steps).toEqual([
      'Consent to openid, offline_access of the sign-in, for everybody in the tenant',
    ]);
    expect(grant).toMatchObject({ scope: 'User.Read profile openid offline_access' });
    // A consent of one person, or for another API, is none for everybody.
    for (const other of [{ consentType: 'Principal' }, { resourceId: 'other' }]) {
      directory.lists.set('/oauth2PermissionGrants', [{ ...grant, ...other }]);
      expect((await plan()).steps).toEqual([steps[2]]);
    }
    directory.lists.set('/oauth2PermissionGrants', [{ ...grant, scope: undefined }]);
    expect((await plan()).steps).toEqual([steps[2]]);
  });

  it('creates the principals that somebody deleted', async () => {
    const left = directory.lists.get('/servicePrincipals')?.filter(({ appId }) => appId === graphAppId) ?? [];
    directory.lists.set('/servicePrincipals', left);
    expect((await plan()).steps).toEqual([steps[1], steps[2], steps[4], steps[5]]);
    const { steps: done } = await run();
    expect(done).toHaveLength(4);
    expect(principalOf(application())).toMatchObject({ appRoleAssignmentRequired: true });
  });

  it('names a missing property of an object that exists', async () => {
    delete application()['appId'];
    await expect(plan()).rejects.toMatchObject({ code: 'resource_error' });
  });
});

describe('while Graph', () => {
  it('does not know a new object yet, waits longer each time', async () => {
    // The sign-in application is created; its principal is refused twice.
    directory.failures = [undefined, refusal(400), refusal(404)] as BrokerError[];
    await run();
    expect(directory.slept).toEqual([1_000, 2_000]);
  });

  it('refuses a step, says what it said', async () => {
    directory.failures = [refusal(409, 'Quota exceeded.')];
    await expect(run()).rejects.toMatchObject({
      code: 'setup_refused',
      detail: 'Graph answered 409. Quota exceeded.',
    });
    directory.failures = [new BrokerError('access_denied', 'You may not.')];
    await expect(run()).rejects.toMatchObject({ code: 'operator_forbidden', detail: 'You may not.' });
  });

  it('says that a role is assigned already, goes on', async () => {
    const path = () => `/servicePrincipals/${String(principalOf(application())['id'])}/appRoleAssignedTo`;
    await run({ principal: undefined });
    directory.failures = [refusal(400, 'Permission being assigned already exists on the object.')];
    await run();
    expect(directory.lists.get(path())).toHaveLength(callerRoles.length - 1);
    expect(directory.slept).toEqual([]);
  });

  it('refuses an assignment for another reason, stops', async () => {
    await run({ principal: undefined });
    directory.failures = [refusal(403, 'Insufficient privileges.')];
    await expect(run()).rejects.toMatchObject({ code: 'setup_refused' });
  });
});
