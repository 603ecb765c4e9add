import { buildPermissionMap } from 'graph-permissions/build-map';
import { partnerEntries } from 'graph-permissions/partner-table';
import type { PermissionMap } from 'graph-permissions/permission-map';
import { tableEntries } from 'graph-permissions/table';
import { describe, expect, it } from 'vitest';
import { parsePublishedFile } from '../../../../src/cli/permissions/published-file.ts';
import { judgeRequest } from '../../../../src/lib/judge/judge.ts';
import { publishedPermissions } from '../../../support/published-permissions.ts';

// Microsoft's file lists both forms of such an address, the table of the project only `{id}`.

const applicationWrites = 'Application.ReadWrite.All';
const id = '0a1b0000-0000-4000-8000-000000000001';
const other = '0a1b0000-0000-4000-8000-000000000002';
const json = (body: object) => ({ headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

const both = (line: string): readonly string[] =>
  Object.entries(keys).map(([root, key]) => line.replace('ROOT', `${root}(${key}={value})`));

const keys = {
  applications: 'appId',
  servicePrincipals: 'appId',
  devices: 'deviceId',
  directoryRoles: 'roleTemplateId',
} as const;

const listed = [
  'GET /ROOT',
  'PATCH /ROOT',
  'GET /ROOT/owners',
  'GET /ROOT/members',
  'POST /ROOT/owners',
  'POST /ROOT/owners/$ref',
  'DELETE /ROOT/owners/{id}',
  'DELETE /ROOT/owners/{id}/$ref',
].flatMap((line) => [...both(line), ...Object.keys(keys).map((root) => line.replace('ROOT', `${root}/{id}`))]);

const requests = [
  { method: 'GET', below: '' },
  { method: 'GET', below: '/owners' },
  { method: 'GET', below: '/members' },
  { method: 'GET', below: "/owners?$filter=startswith(displayName,'a')" },
  { method: 'GET', below: '/owners/$count' },
  { method: 'GET', below: '?$expand=owners' },
  { method: 'PATCH', below: '', ...json({ displayName: 'x' }) },
  {
    method: 'PATCH',
    below: '',
    ...json({ 'owners@odata.bind': [`https://graph.microsoft.com/v1.0/users/${other}`] }),
  },
  { method: 'POST', below: '/owners', ...json({ displayName: 'x' }) },
  { method: 'DELETE', below: `/owners/${other}` },
  { method: 'DELETE', below: `/owners/${other}/$ref` },
];

/** Everything that a verdict says but the address. */
function judged(map: PermissionMap, address: string, { below, ...request }: (typeof requests)[number]) {
  const grant = {
    scheme: 'delegated',
    permissions: new Set([applicationWrites, 'Device.ReadWrite.All', 'RoleManagement.ReadWrite.Directory']),
    beta: false,
    me: false,
    host: 'graph.microsoft.com',
  } as const;
  const verdict = judgeRequest(map, grant, { ...request, url: `/v1.0/${address}${below}` });
  if (!verdict.allowed) return verdict;
  const { permissions, answer, changed, lookUps, selected } = verdict;
  return { permissions: permissions.toSorted(), answer, changed, lookUps, selected };
}

function describeMap(map: () => PermissionMap): void {
  const known = map();
  it.each(
    Object.entries(keys).flatMap(([root, key]) =>
      requests.map((each) => [each.method, root, key, each.below, each] as const),
    ),
  )('%s /%s(%s=…)%s is judged as with the id', (_method, root, key, _below, request) => {
    const verdict = judged(known, `${root}(${key}='${id}')`, request);
    expect(verdict).toEqual(judged(known, `${root}/${id}`, request));
  });
}

describe('an alternate key that a map lists', () => {
  describeMap(() =>
    buildPermissionMap([
      ...partnerEntries(),
      ...tableEntries(
        listed
          .map((line) => `${line}: ${applicationWrites} Device.ReadWrite.All RoleManagement.ReadWrite.Directory`)
          .join('\n'),
      ),
    ]),
  );

  const file = publishedPermissions();
  describe.skipIf(file === undefined)("Microsoft's published permission file", () => {
    if (file !== undefined) describeMap(() => parsePublishedFile(file).map);
  });
});
