import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { addFault, changeTenant, clearFaults, moveClock, resetLedger } from '../../src/client.ts';
import type { RunningCloud } from '../../src/index.ts';
import { accessToken, call, type JsonReply, startTrustedCloud } from '../../src/testing.ts';

/** What a tool meets that changes tenants: late and mixed reads, others who change them back, and objects that come back. */

let cloud: RunningCloud;
let tenant: string;
const tokens: Record<string, string> = {};
beforeAll(async () => {
  cloud = await startTrustedCloud({ tenants: 8, plain: true });
  tenant = cloud.document.tenants[7]?.tenantId ?? '';
  await changeTenant(cloud.document.control, tenant, {
    moreRoles: ['Conditional Access Administrator', 'SharePoint Administrator'],
  });
  for (const resource of ['https://graph.microsoft.com', 'https://outlook.office365.com'])
    tokens[resource] = await accessToken(cloud, tenant, resource);
});
afterEach(async () => {
  await clearFaults(cloud.document.control);
  await resetLedger(cloud.document.control);
});
afterAll(() => cloud.stop());

const graph = (method: string, path: string, body?: object): Promise<JsonReply> =>
  call(`${cloud.document.graph}${path}`, tokens['https://graph.microsoft.com'] ?? '', {
    method,
    ...(body && { body: JSON.stringify(body) }),
  });
const invoke = async (name: string, parameters = {}): Promise<Readonly<Record<string, unknown>>> => {
  const { status, body } = await call(
    `${cloud.document.exchange}/adminapi/beta/${tenant}/InvokeCommand`,
    tokens['https://outlook.office365.com'] ?? '',
    { method: 'POST', body: JSON.stringify({ CmdletInput: { CmdletName: name, Parameters: parameters } }) },
  );
  expect([status, body]).toEqual([200, expect.anything()]);
  return (body['value'] as readonly Record<string, unknown>[])[0] ?? {};
};

const settings = '/v1.0/admin/sharepoint/settings';
const sharing = async () => (await graph('GET', settings)).body['sharingCapability'];
const setSharing = (sharingCapability: string) => graph('PATCH', settings, { sharingCapability });
const times = async (count: number, read: () => Promise<unknown>) => {
  const seen = [];
  for (let at = 0; at < count; at += 1) seen.push(await read());
  return seen;
};

describe('a write', () => {
  it('shows in turn with the state before, until its time is over', async () => {
    await setSharing('disabled');
    await addFault(cloud.document.control, { service: 'graph', method: 'PATCH', kind: 'stale_reads', forMs: 5000 });
    await setSharing('externalUserSharingOnly');
    expect(await times(4, sharing)).toEqual([
      'disabled',
      'externalUserSharingOnly',
      'disabled',
      'externalUserSharingOnly',
    ]);
    await moveClock(cloud.document.control, 5000);
    expect(await times(3, sharing)).toEqual(Array.from({ length: 3 }, () => 'externalUserSharingOnly'));
  });

  it('that creates an object shows it in turn, too', async () => {
    await addFault(cloud.document.control, { service: 'graph', method: 'POST', kind: 'stale_reads', forMs: 5000 });
    const location = {
      '@odata.type': '#microsoft.graph.ipNamedLocation',
      displayName: 'Partner',
      ipRanges: [{ '@odata.type': '#microsoft.graph.iPv4CidrRange', cidrAddress: '203.0.113.0/24' }],
    };
    const { body } = await graph('POST', '/v1.0/identity/conditionalAccess/namedLocations', location);
    const path = `/v1.0/identity/conditionalAccess/namedLocations/${String(body['id'])}`;
    expect(await times(4, async () => (await graph('GET', path)).status)).toEqual([404, 200, 404, 200]);
  });

  it('is put back by another tool, and a later write stays', async () => {
    await setSharing('disabled');
    const id = await addFault(cloud.document.control, { service: 'graph', kind: 'put_back', forMs: 5000 });
    await setSharing('externalUserSharingOnly');
    expect(await sharing()).toBe('externalUserSharingOnly');
    await moveClock(cloud.document.control, 5000);
    expect(await times(2, sharing)).toEqual(['disabled', 'disabled']);
    await clearFaults(cloud.document.control, id);
    await setSharing('externalUserAndGuestSharing');
    await moveClock(cloud.document.control, 5000);
    expect(await sharing()).toBe('externalUserAndGuestSharing');
  });

  it('in Exchange shows in turn, and is put back', async () => {
    const isOff = async () => (await invoke('Get-OrganizationConfig'))['AuditDisabled'];
    await invoke('Set-OrganizationConfig', { AuditDisabled: true });
    const id = await addFault(cloud.document.control, { service: 'exchange', kind: 'stale_reads', forMs: 5000 });
    await invoke('Set-OrganizationConfig', { AuditDisabled: false });
    expect(await times(4, isOff)).toEqual([true, false, true, false]);
    await clearFaults(cloud.document.control, id);
    await addFault(cloud.document.control, { service: 'exchange', kind: 'put_back', forMs: 5000 });
    await invoke('Set-OrganizationConfig', { AuditDisabled: true });
    expect(await isOff()).toBe(true);
    await moveClock(cloud.document.control, 5000);
    expect(await isOff()).toBe(false);
  });

  it('is done although the answer is 500', async () => {
    await setSharing('disabled');
    await addFault(cloud.document.control, 'writes-answered-500');
    expect((await setSharing('externalUserSharingOnly')).status).toBe(500);
    expect(await sharing()).toBe('externalUserSharingOnly');
  });

  it('needs a fault with its time', async () => {
    const { control } = cloud.document;
    await expect(addFault(control, { service: 'graph', kind: 'put_back' })).rejects.toThrow('forMs');
    await expect(addFault(control, { service: 'graph', kind: 'drop', forMs: 1 })).rejects.toThrow('forMs');
  });
});

describe('Conditional Access', () => {
  const policies = '/v1.0/identity/conditionalAccess/policies';
  const examples = {
    policies: {
      displayName: 'Example',
      state: 'enabledForReportingButNotEnforced',
      conditions: { users: { includeUsers: ['All'] }, applications: { includeApplications: ['All'] } },
      grantControls: { operator: 'OR', builtInControls: ['mfa'] },
    },
    namedLocations: {
      '@odata.type': '#microsoft.graph.countryNamedLocation',
      displayName: 'Example',
      countriesAndRegions: ['GB'],
    },
  };
  it.each(['policies', 'namedLocations'] as const)('keeps deleted %s for a restore in beta', async (name) => {
    const list = `/v1.0/identity/conditionalAccess/${name}`;
    const deleted = `/beta/identity/conditionalAccess/deletedItems/${name}`;
    const id = String((await graph('POST', list, examples[name])).body['id']);
    const one = (await graph('GET', `${list}/${id}`)).body;
    expect((await graph('DELETE', `${list}/${id}`)).status).toBe(204);
    expect((await graph('GET', `${list}/${id}`)).status).toBe(404);
    expect((await graph('POST', `${deleted}/${id}/restore`)).status).toBe(200);
    expect(one).toMatchObject(examples[name]);
    expect((await graph('GET', `${list}/${id}`)).body).toEqual(one);
    expect((await graph('POST', `${deleted}/${id}/restore`)).status).toBe(404);
  });

  it('takes one request a second, and does not say how long to wait', async () => {
    await addFault(cloud.document.control, 'conditional-access-limit');
    const [first, second] = [await graph('GET', policies), await graph('GET', policies)];
    expect([first?.status, second?.status]).toEqual([200, 429]);
    expect(second?.headers.get('retry-after')).toBeNull();
    await moveClock(cloud.document.control, 1000);
    expect((await graph('GET', policies)).status).toBe(200);
  });
});
