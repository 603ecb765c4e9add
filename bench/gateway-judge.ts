import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { partnerMap } from 'graph-permissions/partner-table';
import { openings, type PermissionMap } from 'graph-permissions/permission-map';
import { judgeRequest } from '../src/lib/judge/judge.ts';
import { parsePublishedFile } from '../src/cli/permissions/published-file.ts';
import { loadPermissionMap, storePermissionMap } from '../src/lib/judge/stored-map.ts';
import { readPath } from '../src/lib/judge/reading/path.ts';
import { resolve } from '../src/lib/judge/resolve.ts';
import type { GatewayRequest, Grant } from '../src/lib/judge/verdict.ts';
import { publishedPermissions } from '../test/support/published-permissions.ts';
import { type Bench, figure, microsecondsPerCall, round } from './measure.ts';

const id = '0a1b2c3d-0000-4000-8000-000000000001';

const grant: Grant = {
  scheme: 'delegated',
  permissions: new Set(
    'User.Read.All User.ReadWrite.All GroupMember.ReadWrite.All Group.Read.All AuditLog.Read.All Directory.Read.All Organization.Read.All'.split(
      ' ',
    ),
  ),
  signedIn: { id: '22222222-2222-4222-8222-222222222222', userPrincipalName: 'svc@partner.example' },
  beta: true,
  me: false,
  host: 'graph.microsoft.com',
};

const get = (url: string): GatewayRequest => ({ method: 'GET', url });

const plain = [
  get('/v1.0/users?$select=id,displayName&$top=999'),
  get(`/v1.0/users('${id}')/memberOf`),
  get('/v1.0/subscribedSkus'),
  get('/v1.0/auditLogs/signIns?$top=50'),
];
const withEveryRule: readonly GatewayRequest[] = [
  get(
    "/v1.0/users?$select=id,signInActivity,manager&$expand=manager($levels=max;$select=id,displayName)&$filter=accountEnabled eq true and memberOf/any(m:m/id eq 'a') and identities/any(c:c/issuer eq 'b')&$orderby=displayName",
  ),
  get(`/beta/groups/${id}/members/microsoft.graph.user?$filter=startswith(displayName,'a')&$count=true`),
  {
    method: 'POST',
    url: `/v1.0/groups/${id}/members/$ref`,
    headers: { 'content-type': 'application/json' },
    body: `{"@odata.id":"https://graph.microsoft.com/v1.0/directoryObjects/${id}"}`,
  },
  {
    method: 'PATCH',
    url: `/v1.0/users/${id}`,
    headers: { 'content-type': 'application/json' },
    body: '{"jobTitle":"a","department":"b","businessPhones":["1"],"employeeOrgData":{"division":"c"}}',
  },
];
const refusedRequests = [
  get('/v1.0/identityProtection/riskyUsers'),
  get('/v1.0/users/%2e%2e/groups'),
  get('/v1.0/users?$expand=messages'),
  get(`/v1.0/users/${id}/authentication/methods`),
];

/** The judge of gateway requests: time of a judgement, and time and memory of loading the permission map. */
export const gatewayJudge: Bench = {
  name: 'gateway-judge',
  run: async () => {
    const json = publishedPermissions();
    const map = json === undefined ? partnerMap() : parsePublishedFile(json).map;
    const stored = storePermissionMap(map);
    const judged = (requests: readonly GatewayRequest[]): Promise<number[]> =>
      microsecondsPerCall(
        async (n) => judgeRequest(map, grant, requests[n % requests.length] as GatewayRequest),
        10_000,
      );
    expectVerdicts(map);
    const figures = [
      figure('look-up of a path in the map', 'µs', await microsecondsPerCall(async (n) => lookUp(map, n), 20_000)),
      figure('judgement, plain requests', 'µs', await judged(plain)),
      figure('judgement, requests that meet every rule', 'µs', await judged(withEveryRule)),
      figure('judgement, refused requests', 'µs', await judged(refusedRequests)),
      figure('loading the stored map', 'ms', loadingMs(stored)),
      figure('memory of the map', 'MB', [heapMegabytes(stored)]),
      figure('size of the stored map', 'KB', [round(stored.length / 1024)]),
    ];
    const median = (name: string): number => figures.find((each) => each.name === name)?.median ?? Number.NaN;
    const goal = (text: string, name: string, limit: number, unit: string) => ({
      goal: text,
      reached: median(name) <= limit,
      value: `${round(median(name))} ${unit}`,
    });
    return {
      title: 'Judgement of a gateway request',
      setting: `In process, ${json === undefined ? "with the product's own permission table" : `with Microsoft's published permission file (${map.permissions.length} permissions)`}. The look-up takes the path apart, finds it in the map and compares the permissions; a judgement reads path, query, headers and body as well. Figures of requests are means over four different ones.`,
      figures,
      goals: [
        goal('at most 8 µs for a look-up', 'look-up of a path in the map', 8, 'µs'),
        goal('at most 100 µs for a judgement with every rule', 'judgement, requests that meet every rule', 100, 'µs'),
        goal('at most 100 µs for a refusal', 'judgement, refused requests', 100, 'µs'),
        goal('loaded in at most 10 ms', 'loading the stored map', 10, 'ms'),
        goal('at most 5 MB of memory', 'memory of the map', 5, 'MB'),
      ],
    };
  },
};

const paths = ['/users', `/users/${id}/memberOf`, '/subscribedSkus', `/identity/conditionalAccess/policies/${id}`];

function lookUp(map: PermissionMap, n: number): number {
  const { parts } = readPath(paths[n % paths.length] ?? '');
  const { nodes } = resolve(map, parts, { method: 'GET', scheme: 'delegated' });
  return nodes.flatMap((node) =>
    openings(map, node, { method: 'GET', scheme: 'delegated', held: grant.permissions }).map(
      ({ permission }) => permission,
    ),
  ).length;
}

/** A request that is judged otherwise than meant would measure something else. */
function expectVerdicts(map: PermissionMap): void {
  for (const [requests, expected] of [
    [plain, true],
    [withEveryRule, true],
    [refusedRequests, false],
  ] as const) {
    for (const request of requests) {
      const verdict = judgeRequest(map, grant, request);
      if (verdict.allowed !== expected)
        throw new Error(`${request.url}: ${verdict.allowed ? 'allowed' : verdict.reason}`);
    }
  }
}

/** Milliseconds of each of 20 loads; the first is a warm-up. */
function loadingMs(stored: string): number[] {
  const samples: number[] = [];
  for (let n = 0; n <= 20; n += 1) {
    const started = performance.now();
    loadPermissionMap(stored);
    if (n > 0) samples.push(performance.now() - started);
  }
  return samples;
}

function heapMegabytes(stored: string): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  const before = process.memoryUsage().heapUsed;
  const loaded = loadPermissionMap(stored);
  collect();
  const used = process.memoryUsage().heapUsed - before;
  if (loaded.format !== 1) throw new Error('The map was not kept.');
  return round(used / 2 ** 20);
}
