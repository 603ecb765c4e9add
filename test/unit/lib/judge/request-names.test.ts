import { partnerMap } from 'graph-permissions/partner-table';
import type { PermissionMap } from 'graph-permissions/permission-map';
import { describe, expect, it } from 'vitest';
import { parsePublishedFile } from '../../../../src/cli/permissions/published-file.ts';
import { judgeReading } from '../../../../src/lib/judge/judge.ts';
import { namesOf, readNames } from '../../../../src/lib/judge/request-names.ts';
import { readRequest } from '../../../../src/lib/judge/request-reading.ts';
import type { GatewayRequest, Grant, Verdict } from '../../../../src/lib/judge/verdict.ts';
import { noPublishedPermissions, publishedPermissions } from '../../../support/published-permissions.ts';
import { skippedBecause } from '../../../support/skipped.ts';
import { bodyCases } from './cases/body.ts';
import { account, type Case, somebody } from './cases/case.ts';
import { formCases } from './cases/form.ts';
import { listedCases, publishedCases } from './cases/listed-requests.ts';
import { partnerCases } from './cases/partner-requests.ts';
import { permissionCases } from './cases/permissions.ts';
import { queryCases } from './cases/query.ts';

const host = 'graph.microsoft.com';
const map = partnerMap();
const namesIn = (request: GatewayRequest) => namesOf(readRequest(request, host), map);

/** The verdict on a request, and on what a record keeps of it. Undefined if its path cannot be read, so no record has it. */
function both(loaded: PermissionMap, [, request, permissions, body]: Case): [Verdict, Verdict] | undefined {
  const text = request.replace(/^app:/, '').replaceAll('{u}', somebody).replaceAll('{own}', account.id);
  const at = text.indexOf(' ');
  const grant: Grant = {
    scheme: request.startsWith('app:') ? 'application' : 'delegated',
    permissions: new Set(permissions.split(' ')),
    signedIn: account,
    beta: true,
    me: true,
    host,
  };
  const sent: GatewayRequest = {
    method: text.slice(0, at),
    url: text.slice(at + 1),
    body: body === undefined ? undefined : JSON.stringify(body).replaceAll('{own}', account.id),
  };
  const reading = readRequest(sent, host);
  let path: string;
  try {
    path = `/${reading.target().version}${reading.path().slashed}`;
  } catch {
    return undefined;
  }
  const names = namesOf(reading, loaded);
  return [
    judgeReading(loaded, grant, reading),
    judgeReading(loaded, grant, readNames({ method: sent.method, path, ...names }, host)),
  ];
}

const shown = (verdict: Verdict): unknown =>
  verdict.allowed
    ? {
        permissions: verdict.permissions,
        segments: verdict.request.segments,
        answer: verdict.answer,
        changed: verdict.changed,
      }
    : 'refused';

const cases = [formCases, queryCases, permissionCases, bodyCases, partnerCases, listedCases].flat();
const isReadable = (verdict: Verdict): boolean => verdict.allowed || verdict.kind === 'not-permitted';

function expectSame(loaded: PermissionMap, tested: readonly Case[]): number {
  let judged = 0;
  for (const each of tested) {
    const verdicts = both(loaded, each);
    // What could not be read was refused whatever the policy, and is not judged again.
    if (verdicts === undefined || !isReadable(verdicts[0])) continue;
    judged += 1;
    expect({ case: each, verdict: shown(verdicts[1]) }).toEqual({ case: each, verdict: shown(verdicts[0]) });
  }
  return judged;
}

describe('a request that is judged again by what its record names', () => {
  it('gets the same verdict, permissions and segments', () => {
    expect(expectSame(map, cases)).toBeGreaterThan(250);
  });

  const json = publishedPermissions();
  const reason = json === undefined ? noPublishedPermissions : undefined;
  it("gets the same verdict with Microsoft's published file", skippedBecause(reason), () => {
    const published = json === undefined ? map : parsePublishedFile(json).map;
    expect(expectSame(published, [...cases, ...publishedCases])).toBeGreaterThan(250);
  });
});

describe('what a request names', () => {
  it('has no value of the query, the path or the body', () => {
    const url = `/v1.0/users('alice%40contoso.com')/messages?$select=subject&$filter=subject eq 'secret-1' and from/emailAddress/address eq 'secret-2'&$top=17`;
    expect(namesIn({ method: 'GET', url })).toEqual({
      template: '/v1.0/users/*/messages',
      query: '$select=subject&$filter=subject and from/emailAddress/address&$top',
    });
    const body = JSON.stringify({ displayName: 'secret-3', passwordProfile: { password: 'secret-4' }, 'secret 5': 1 });
    expect(namesIn({ method: 'PATCH', url: `/v1.0/users/${somebody}`, body })).toEqual({
      template: '/v1.0/users/*',
      bodyNames: ['displayName', 'passwordProfile', '?', '/password'],
    });
  });

  it('has a function and a named object of the map by their names, and the values of parameters not', () => {
    expect(namesIn({ method: 'GET', url: "/beta/reports/getOffice365ActiveUserDetail(period='D7')" }).template).toBe(
      "/beta/reports/getOffice365ActiveUserDetail(period='*')",
    );
    expect(namesIn({ method: 'GET', url: '/v1.0/users/delta' }).template).toBe('/v1.0/users/delta');
    expect(namesIn({ method: 'GET', url: "/v1.0/users('delta')" }).template).toBe('/v1.0/users/*');
  });

  it('tells what a reference points to, without its key', () => {
    const body = JSON.stringify({ '@odata.id': `https://${host}/v1.0/users/${somebody}` });
    expect(namesIn({ method: 'POST', url: `/v1.0/groups/${somebody}/members/$ref`, body }).bodyNames).toEqual([
      '@odata.id=/v1.0/users/*',
    ]);
  });

  it('is bounded, and a request whose names were cut is not judged', () => {
    const body = JSON.stringify(Object.fromEntries(Array.from({ length: 400 }, (_, index) => [`property${index}`, 1])));
    const names = namesIn({ method: 'PATCH', url: `/v1.0/users/${somebody}`, body });
    expect(names.bodyNames).toEqual(['...']);
    expect(() => readNames({ method: 'PATCH', path: `/v1.0/users/${somebody}`, ...names }, host).body()).toThrow(
      'does not have all names',
    );
  });
});
