import { describe, expect, it } from 'vitest';
import { partnerMap } from 'graph-permissions/partner-table';
import { triedPermissions } from '../../../../src/cli/jobs/tried-requests.ts';

const map = partnerMap();
const graph = ['graph'];

describe('triedPermissions', () => {
  it('counts requests that differ only in ids, and names what opens them', () => {
    const { requests } = triedPermissions(
      map,
      [
        'GET /v1.0/users/11111111-2222-4333-8444-555555555555/licenseDetails?%24select=id%2CskuId',
        'GET /v1.0/users/22222222-2222-4333-8444-555555555555/licenseDetails?%24select=id%2CskuId',
      ],
      { permissions: ['User.Read.All', 'Mail.Read'], resources: graph },
    );
    expect(requests).toEqual([
      {
        request: 'GET /v1.0/users/{id}/licenseDetails?$select=id,skuId',
        count: 2,
        openedBy: ['User.Read.All'],
        required: {
          opened: true,
          anyOf: expect.arrayContaining(['Directory.Read.All', 'LicenseAssignment.Read.All']) as string[],
          together: [],
        },
      },
    ]);
  });

  it('reads queries with blanks and signs as the judge does', () => {
    const { requests } = triedPermissions(map, ['GET /v1.0/users?%24filter=userType+eq+%27Guest%27&%24top=5'], {
      permissions: ['User.Read.All'],
      resources: graph,
    });
    expect(requests).toMatchObject([
      { request: "GET /v1.0/users?$filter=userType eq 'Guest'&$top=5", openedBy: ['User.Read.All'] },
    ]);
  });

  it('names declared permissions that no request needs, but not those of other resources', () => {
    const reads = ['GET /v1.0/users'];
    const permissions = ['User.Read.All', 'Group.Read.All', 'Exchange.Manage'];
    expect(triedPermissions(map, reads, { permissions, resources: graph }).unneeded).toEqual([
      'Group.Read.All',
      'Exchange.Manage',
    ]);
    expect(triedPermissions(map, reads, { permissions, resources: ['graph', 'exchange'] }).unneeded).toEqual([
      'Group.Read.All',
    ]);
  });

  it('says that nothing opens a request', () => {
    const { requests } = triedPermissions(map, ['GET /v1.0/nonsense'], { permissions: [], resources: graph });
    expect(requests).toMatchObject([{ openedBy: [], required: { opened: false } }]);
  });
});
