import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { changeTenant, moveClock } from '../../src/client.ts';
import type { RunningCloud } from '../../src/index.ts';
import { accessToken, call, type JsonReply, redeem, startTrustedCloud } from '../../src/testing.ts';

const day = 24 * 3600 * 1000;
let cloud: RunningCloud;
let tenant: string;
beforeEach(async () => {
  cloud = await startTrustedCloud({ tenants: 5, plain: true });
  // Its relationship is not extended automatically.
  tenant = cloud.document.tenants[1]?.tenantId ?? '';
});
afterEach(() => cloud.stop());

const graph = async (end: string, tenantId = tenant): Promise<JsonReply> =>
  call(`${cloud.document.graph}/v1.0${end}`, await accessToken(cloud, tenantId));
const home = (end: string): Promise<JsonReply> => graph(end, cloud.document.partnerTenantId);
const relationships = '/tenantRelationships/delegatedAdminRelationships';
const listed = async (): Promise<{ id: string; status: string; endDateTime: string }> => {
  const { body } = await home(`${relationships}?$filter=customer/tenantId eq '${tenant}'`);
  return (
    (body['value'] as { id: string; status: string; endDateTime: string }[])[0] ?? {
      id: '',
      status: '',
      endDateTime: '',
    }
  );
};

describe('delegated roles', () => {
  it('come from active assignments to the groups of the account', async () => {
    const { id } = await listed();
    const assignments = await home(`${relationships}/${id}/accessAssignments`);
    const groups = (assignments.body['value'] as { accessContainer: { accessContainerId: string } }[]).map(
      ({ accessContainer }) => accessContainer.accessContainerId,
    );
    const own = await home(`/users/${cloud.world.partner.serviceAccount.id}/transitiveMemberOf`);
    const ids = (own.body['value'] as { id: string }[]).map((each) => each.id);
    expect(groups).toHaveLength(4);
    expect(ids).toEqual(expect.arrayContaining(groups));
  });

  it('get no token for an account without any role', async () => {
    const { gdapGroups, serviceAccount } = cloud.world.partner;
    for (const { members } of gdapGroups.values()) members.delete(serviceAccount.id);
    expect((await redeem(cloud, tenant)).body).toMatchObject({ error_codes: [50020] });
  });

  it('count through a nested group', async () => {
    const { directory, gdapGroups, serviceAccount } = cloud.world.partner;
    const inner = { id: randomUUID(), displayName: 'Inner', description: '', members: new Set([serviceAccount.id]) };
    directory.groups.set(inner.id, inner);
    for (const { members } of gdapGroups.values()) {
      members.delete(serviceAccount.id);
      members.add(inner.id);
    }
    expect((await redeem(cloud, tenant)).status).toBe(200);
    const own = await home(`/users/${serviceAccount.id}/transitiveMemberOf`);
    expect(own.body['value']).toHaveLength(6);
    const direct = await home(`/users/${serviceAccount.id}/memberOf`);
    expect(direct.body['value']).toHaveLength(2);
  });

  it.each([
    ['/reports/authenticationMethods/userRegistrationDetails', 'Authentication_RequestFromUnsupportedUserRole'],
    ['/users?$select=id,signInActivity', 'Authentication_RequestFromUnsupportedUserRole'],
  ])('return 403 for %s without a reader role', async (end, code) => {
    // It has Microsoft Entra ID P1.
    const premium = cloud.document.tenants[4]?.tenantId ?? '';
    expect((await graph(end, premium)).status).toBe(200);
    await changeTenant(cloud.control, premium, { withoutRoles: ['Global Reader'] });
    expect(await graph(end, premium)).toMatchObject({ status: 403, body: { error: { code } } });
    expect((await graph('/organization', premium)).status).toBe(200);
  });

  it('return 403 for applications without a role that reads them', async () => {
    await changeTenant(cloud.control, tenant, {
      unassignedRoles: ['Global Reader', 'Cloud Application Administrator'],
    });
    expect(await graph('/applications')).toMatchObject({
      status: 403,
      body: { error: { code: 'Authorization_RequestDenied' } },
    });
  });

  it('return 403 for Exchange cmdlets without a role in Exchange', async () => {
    const token = await accessToken(cloud, tenant, 'https://outlook.office365.com');
    const invoke = () =>
      call(`${cloud.document.exchange}/adminapi/beta/${tenant}/InvokeCommand`, token, {
        method: 'POST',
        body: '{"CmdletInput":{"CmdletName":"Get-AcceptedDomain","Parameters":{}}}',
      });
    expect((await invoke()).status).toBe(200);
    await changeTenant(cloud.control, tenant, { withoutRoles: ['Exchange Administrator', 'Global Reader'] });
    expect((await invoke()).status).toBe(403);
  });

  it('of a reader do not suffice for inbox rules and rights to send as others', async () => {
    const token = await accessToken(cloud, tenant, 'https://outlook.office365.com');
    const invoke = (CmdletName: string, Parameters: object = {}) =>
      call(`${cloud.document.exchange}/adminapi/beta/${tenant}/InvokeCommand`, token, {
        method: 'POST',
        body: JSON.stringify({ CmdletInput: { CmdletName, Parameters } }),
      });
    const [mailbox] = (await invoke('Get-Mailbox')).body['value'] as { UserPrincipalName: string }[];
    const rules = () => invoke('Get-InboxRule', { Mailbox: mailbox?.UserPrincipalName });
    expect([(await rules()).status, (await invoke('Get-RecipientPermission')).status]).toEqual([200, 200]);
    await changeTenant(cloud.control, tenant, { withoutRoles: ['Exchange Administrator'] });
    const refused = await rules();
    expect(refused.status).toBe(400);
    expect(JSON.stringify(refused.body)).toContain("failed because it's out of the current user's read scope");
    expect((await invoke('Get-RecipientPermission')).status).toBe(401);
    expect((await invoke('Get-MailboxPermission', { Identity: mailbox?.UserPrincipalName })).status).toBe(200);
  });

  it('do not make the account an object of the customer: /me/memberOf returns 404', async () => {
    expect((await home('/me/memberOf')).status).toBe(200);
    expect(await graph('/me/memberOf')).toMatchObject({
      status: 404,
      body: { error: { code: 'Request_ResourceNotFound' } },
    });
  });

  it('end with the relationship, also for tokens that were issued before', async () => {
    const token = await accessToken(cloud, tenant);
    await changeTenant(cloud.control, tenant, { relationshipEndsInMs: 60_000 });
    expect(await listed()).toMatchObject({ status: 'active', autoExtendDuration: 'PT0S' });
    expect((await call(`${cloud.document.graph}/v1.0/organization`, token)).status).toBe(200);
    await moveClock(cloud.control, 60_001);
    expect((await call(`${cloud.document.graph}/v1.0/organization`, token)).status).toBe(403);
    expect((await redeem(cloud, tenant)).body).toMatchObject({ error_codes: [50020] });
    expect((await listed()).status).toBe('expired');
  });

  it('begin when pending assignments become active', async () => {
    await changeTenant(cloud.control, tenant, { assignmentsPendingMs: 60_000 });
    const { id } = await listed();
    const states = async () => {
      const { body } = await home(`${relationships}/${id}/accessAssignments`);
      return [...new Set((body['value'] as { status: string }[]).map(({ status }) => status))];
    };
    expect(await states()).toEqual(['pending']);
    expect((await redeem(cloud, tenant)).body).toMatchObject({ error_codes: [50020] });
    await moveClock(cloud.control, 60_001);
    expect(await states()).toEqual(['active']);
    expect((await redeem(cloud, tenant)).status).toBe(200);
  });

  it('stay through an automatic extension and end without one', async () => {
    const [extended = '', ended = ''] = cloud.document.tenants.map(({ tenantId }) => tenantId);
    await moveClock(cloud.control, 89 * day);
    const { body } = await redeem(cloud, cloud.document.partnerTenantId);
    await moveClock(cloud.control, 80 * day);
    const code = async (tenantId: string) =>
      (await redeem(cloud, tenantId, { refresh_token: String(body['refresh_token']) })).body['error_codes'];
    expect([await code(extended), await code(ended)]).toEqual([undefined, [50020]]);
  });
});
