import { describe, expect, it } from 'vitest';
import { createGraphClient } from '../../../../src/lib/microsoft/graph.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import { Limiter } from '../../../../src/lib/core/limiter.ts';
import { noConsent } from '../../../../src/lib/consent/customer-grants.ts';
import { isConsentAbsent, readCustomerConsent } from '../../../../src/lib/consent/consent-problem.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { problem, scriptedFetch, type SeenRequest } from '../../../fakes/scripted-fetch.ts';
import { graph, tenants, wanted } from './customer-consent-bench.ts';

const [tenantId = '' as never] = tenants(1);
const consentRequired = (aadsts: number): BrokerError =>
  new BrokerError('consent_required', `AADSTS${aadsts}`, { logFields: { aadsts } });

interface Directory {
  /** Application id → object id. */
  readonly principals: Readonly<Record<string, string>>;
  readonly grants: readonly object[];
}

const full: Directory = {
  principals: { client: 'p-client', graph: 'p-graph', exchange: 'p-exchange', teams: 'p-teams' },
  grants: [
    { id: '1', consentType: 'AllPrincipals', resourceId: 'p-graph', scope: ' User.Read.All Group.Read.All' },
    { id: '2', consentType: 'AllPrincipals', resourceId: 'p-teams', scope: 'user_impersonation' },
    { id: '3', consentType: 'Principal', resourceId: 'p-exchange', scope: 'Exchange.Manage' },
  ],
};

function answerOf({ principals, grants }: Directory, { url, body }: SeenRequest): object {
  if (!url.pathname.endsWith('/$batch')) return { value: grants };
  const { requests } = JSON.parse(body ?? '') as { requests: { id: string; url: string }[] };
  const named = ([appId, id]: [string, string]) => ({ id, appId, displayName: `Name of ${appId}` });
  const responses = requests.map((request) => {
    const appId = /appId eq '(\w+)'/.exec(decodeURIComponent(request.url))?.[1];
    const objectId = /^\/servicePrincipals\/([\w-]+)\?/.exec(request.url)?.[1];
    const found = Object.entries(principals).filter(([app, id]) => app === appId || id === objectId);
    const content = objectId === undefined ? { value: found.map(named) } : found.map(named)[0];
    return { id: request.id, status: content === undefined ? 404 : 200, body: content ?? {} };
  });
  return { responses };
}

let scopesOfToken: (appId: string) => Promise<readonly string[]>;

/** @param answers what Graph answers to each application, or why that gets no token. */
function read(answers: Readonly<Record<string, Directory | Response | BrokerError>>, application = 'default') {
  const deps = {
    scopesOfToken: (_reader: string, _tenantId: string, appId: string) => scopesOfToken(appId),
    graph: (reader: string) => {
      const answer = answers[reader];
      const { fetch } = scriptedFetch((request) =>
        answer instanceof Response ? answer.clone() : answerOf(answer as Directory, request),
      );
      return createGraphClient(
        { fetch, clock: new FakeClock(), random: () => 0, limiter: new Limiter(4) },
        {
          baseUrl: 'https://graph.test',
          correlationId: 'id',
          token: () => (answer instanceof BrokerError ? Promise.reject(answer) : Promise.resolve(new Secret('token'))),
        },
      );
    },
  };
  return readCustomerConsent(deps, { application, clientId: 'client' }, wanted, tenantId);
}

describe('readCustomerConsent', () => {
  it('reads the grants for all users, also of resources that the profile does not name', async () => {
    expect(await read({ default: full })).toEqual({
      grants: [graph, { appId: 'teams', name: 'Name of teams', scopes: ['user_impersonation'] }],
      absent: new Set(),
      isComplete: true,
    });
  });

  it('recognizes resources that the customer does not have', async () => {
    const principals = { client: 'p-client', graph: 'p-graph' };
    expect(await read({ default: { principals, grants: full.grants.slice(0, 1) } })).toEqual({
      grants: [graph],
      absent: new Set(['exchange']),
      isComplete: true,
    });
  });

  it('finds no grants without a service principal', async () => {
    expect(await read({ default: { principals: { exchange: 'p-exchange' }, grants: full.grants } })).toEqual({
      grants: [],
      absent: new Set([graph.appId]),
      isComplete: true,
    });
  });

  it.each([65001, 700016])('expects that Entra issues no token before the first consent (AADSTS%i)', async (aadsts) => {
    expect(await read({ default: consentRequired(aadsts) })).toEqual(noConsent);
  });

  it.each([7000112, 50105])(
    'does not take an application that the customer restricts for one without consent (AADSTS%i)',
    async (aadsts) => {
      expect(isConsentAbsent(consentRequired(aadsts))).toBe(false);
      await expect(read({ default: consentRequired(aadsts) })).rejects.toThrow(`AADSTS${aadsts}`);
    },
  );

  it('reads with the default application when another one may not read the directory', async () => {
    const denied = problem(403, 'Authorization_RequestDenied');
    expect((await read({ reader: denied, default: full }, 'reader')).grants).toHaveLength(2);
    expect((await read({ reader: consentRequired(65001), default: full }, 'reader')).grants).toHaveLength(2);
    expect(await read({ reader: consentRequired(65001), default: denied }, 'reader')).toEqual(noConsent);
  });

  it('takes the permissions from tokens where nobody may read the directory', async () => {
    const denied = problem(403, 'Authorization_RequestDenied');
    const answers = { reader: denied, default: denied };
    scopesOfToken = async (appId) => {
      if (appId === 'graph') return ['User.Read.All', 'openid'];
      throw consentRequired(65001);
    };
    expect(await read(answers, 'reader')).toEqual({
      grants: [{ ...graph, scopes: ['User.Read.All', 'openid'] }],
      absent: new Set(),
      isComplete: false,
    });
    scopesOfToken = async (appId) => {
      if (appId === 'graph') return graph.scopes;
      throw new BrokerError('resource_unavailable', 'No Exchange.');
    };
    expect(await read(answers, 'reader')).toMatchObject({ absent: new Set(['exchange']) });
    scopesOfToken = () => Promise.reject(new BrokerError('entra_unavailable', 'Away.'));
    await expect(read(answers, 'reader')).rejects.toMatchObject({ code: 'entra_unavailable' });
  });

  it('fails when a consented resource cannot be named, because it could not be given again', async () => {
    const grants = [{ id: '1', consentType: 'AllPrincipals', resourceId: 'p-unknown', scope: 'x' }];
    await expect(read({ default: { ...full, grants } })).rejects.toMatchObject({ code: 'job_failed' });
  });

  it('fails with what Entra or Graph answers otherwise', async () => {
    const blocked = new BrokerError('blocked_by_policy', 'blocked');
    await expect(read({ default: blocked })).rejects.toBe(blocked);
  });
});
