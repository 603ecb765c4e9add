import { hash } from 'node:crypto';
import { toRow } from '../../src/lib/audit/log/audit-row.ts';
import type { AuditEntry } from '../../src/lib/audit/audit-log.ts';
import { type ExtractLine, headType } from '../../src/lib/audit/proof/layout.ts';
import { nilUuid, type TenantId } from '../../src/lib/core/identifiers.ts';
import { calm, ProofWorld, textsOf } from '../campaigns/proof/proof-world.ts';
import { guid } from './audit-entries.ts';

/** When the fleet of {@link ProofWorld} starts. */
export const startMs = Date.UTC(2026, 10, 24, 9, 30);

const helpdesk = guid(0xa1);
const alice = guid(0xb1);
const bob = guid(0xb2);
/** A reason that would be markup, and a direction that would turn what follows around. */
export const hostile = '<img src=x onerror="document.title=\'ran\'"> \u202Egnp.exe';

/** A partner whose customer has a day like any other: people, a job, an approval, an emergency at night and refusals. */
export class Story {
  readonly world = new ProofWorld(7, 3, calm);
  /** The rows of the plan that was applied. */
  readonly planned = new Map<string, string>();
  #ids = 0x1000;

  get names(): ReadonlyMap<string, string> {
    return new Map([
      [this.tenant, 'Customer GmbH'],
      [alice, 'Alice Adams'],
      [bob, 'Bob Brown'],
      [helpdesk, 'Helpdesk portal'],
      [robot.applicationId, '<script>document.title="ran"</script>'],
    ]);
  }

  get tenant(): TenantId {
    return this.world.tenants[1] ?? ('' as TenantId);
  }

  /** Writes a record at the time of the world. */
  write(entry: Partial<AuditEntry>): void {
    const { audit } = this.world;
    const whole: AuditEntry = {
      atMs: audit.nowMs,
      correlationId: guid((this.#ids += 1)),
      tokenId: guid((this.#ids += 1)),
      outcome: 'issued',
      caller: { applicationId: helpdesk, objectId: alice, kind: 'user' },
      rule: 'helpdesk may look after users',
      tenantId: this.tenant,
      resource: 'graph',
      scopes: [],
      grant: 'delegated',
      ...entry,
    };
    const { partitionKey, rowKey, ...columns } = toRow(whole, guid((this.#ids += 1)));
    audit.put({ ...columns, PartitionKey: partitionKey, RowKey: rowKey });
  }

  /** A request through the gateway, with its outcome. */
  request(entry: Partial<AuditEntry>, status = 200): void {
    const common = { ...entry, kind: 'request', tokenId: guid((this.#ids += 1)), scopes: ['User.Read.All'] } as const;
    this.write({ ...common, outcome: 'sent', fromCache: false, uti: `uti-${this.#ids}` });
    this.world.audit.nowMs += 400;
    this.write({ ...common, outcome: 'answered', status });
    this.world.audit.nowMs += 600;
  }

  /** A change of a plan that a person applied. */
  change(target: string, before: object | null, after: object | null, entry: Partial<AuditEntry>): void {
    const [old, aim] = [before, after].map((state) => (state === null ? null : JSON.stringify(state)));
    const row = JSON.stringify({ action: 'update', after: aim, before: old, content: `nonce ${target}`, target });
    const changeSha256 = hash('sha256', row, 'hex');
    // One that is left out here is of a plan that was purged.
    if (before !== null || after !== null) this.planned.set(changeSha256, row);
    this.request({ rule: 'engineers may apply', plan: 'ab'.repeat(32), changeSha256, ...entry }, 204);
  }

  /** @param hour of the day, in UTC. */
  async until(hour: number, minutes = 0): Promise<void> {
    const ms = Date.UTC(2026, 10, 24, hour, minutes) - this.world.audit.nowMs;
    await this.world.run(Math.max(1, Math.round(ms / 1000)));
  }

  /** Another head of the number of this one, signed by the partner: a second history. */
  async fork(jws: string): Promise<string> {
    const head = JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString()) as object;
    const key = await this.world.audit.signer().current();
    return this.world.tree.sign('id' in key ? key.id : '', headType, { ...head, root: 'A'.repeat(43) });
  }

  extract(sinceMs = startMs, untilMs = this.world.audit.nowMs): Promise<ExtractLine[]> {
    return this.world.extract(this.tenant, sinceMs, untilMs, {
      names: async () => this.names,
      changes: async () => this.planned,
    });
  }
}

const job = { applicationId: nilUuid, objectId: nilUuid, kind: 'application' } as const;
const robot = { applicationId: guid(0xa2), objectId: guid(0xb9), kind: 'application' } as const;
const password = {
  method: 'POST',
  path: '/v1.0/users/vera@customer.example/authentication/methods/28c10230-6103-485e-b985-444c60001490/resetPassword',
  template: '/v1.0/users/*/authentication/methods/*/resetPassword',
  bodyNames: ['newPassword'],
  resource: 'graph',
} as const;

/** The day of the customer, until the late evening. */
export async function storyOfADay(): Promise<Story> {
  const story = new Story();
  const read = { method: 'GET', path: '/v1.0/users', template: '/v1.0/users', query: '$select=id' };
  await story.until(9, 40);
  for (const path of ['users', 'subscribedSkus', 'auditLogs/signIns'])
    story.request({
      ...read,
      caller: job,
      rule: 'job:licence-report',
      path: `/v1.0/${path}`,
      template: `/v1.0/${path}`,
    });
  await story.until(10, 5);
  const approval = { kind: 'approval', approvalId: guid(0xaaaa), tokenId: nilUuid, ...password } as const;
  const reason = 'Ticket 4711: Vera called, she is locked out.';
  story.write({ ...approval, outcome: 'asked', reason });
  await story.until(10, 9);
  const decider = { applicationId: helpdesk, objectId: bob, kind: 'user' } as const;
  story.write({ ...approval, outcome: 'approved', caller: decider, reason: 'Called Vera back on the number we have.' });
  await story.until(10, 11);
  story.write({ ...approval, outcome: 'used' });
  story.request({ ...password, approvalId: guid(0xaaaa), reason }, 204);
  await story.until(11);
  story.write({
    caller: robot,
    scopes: ['User.Read.All', 'Group.Read.All'],
    application: 'reader',
    fromCache: false,
    uti: 'uti-token',
  });
  story.write({ outcome: 'denied', code: 'caller_forbidden', scopes: ['Mail.Read'], caller: robot });
  story.write({
    kind: 'request',
    outcome: 'denied',
    code: 'caller_forbidden',
    method: 'GET',
    path: '/v1.0/users/vera@customer.example/messages',
    template: '/v1.0/users/*/messages',
  });
  story.write({
    kind: 'tags',
    outcome: 'changed',
    tagsAdded: ['gold'],
    tagsRemoved: ['silver'],
    rule: 'owners may tag',
  });
  await story.until(13);
  story.request(
    {
      method: 'PATCH',
      path: '/v1.0/users/tom@customer.example',
      template: '/v1.0/users/*',
      bodyNames: ['jobTitle', 'department'],
      reason: hostile,
      rule: `<b>${hostile}</b>`,
    },
    403,
  );
  await story.until(15);
  const kept = 'ManagePermissionGrantsForOwnedResource.microsoft-dynamically-managed-permissions-for-team';
  const policy = {
    method: 'PATCH',
    path: '/v1.0/policies/authorizationPolicy',
    bodyNames: ['defaultUserRolePermissions'],
  };
  story.change(
    '/policies/authorizationPolicy',
    {
      defaultUserRolePermissions: {
        permissionGrantPoliciesAssigned: ['ManagePermissionGrantsForSelf.microsoft-user-default-legacy', kept],
      },
    },
    { defaultUserRolePermissions: { permissionGrantPoliciesAssigned: [kept] } },
    { ...policy, template: policy.path },
  );
  const location = '/identity/conditionalAccess/namedLocations/33333333-0000-4000-8000-000000000003';
  story.change(
    location,
    { displayName: hostile, isTrusted: true },
    { displayName: 'Office', isTrusted: false },
    {
      method: 'PATCH',
      path: `/v1.0${location}`,
      template: '/v1.0/identity/conditionalAccess/namedLocations/*',
      bodyNames: ['displayName', 'isTrusted'],
    },
  );
  story.change('/groups/1', null, null, { method: 'DELETE', path: '/v1.0/groups/1', template: '/v1.0/groups/*' });
  await story.until(21, 40);
  const emergency = {
    breakGlass: true,
    rule: 'break glass',
    reason: 'A leaked account sends spam. Nobody to approve.',
  } as const;
  story.request({
    ...emergency,
    method: 'POST',
    path: '/v1.0/users/tom@customer.example/revokeSignInSessions',
    template: '/v1.0/users/*/revokeSignInSessions',
  });
  story.request(
    {
      ...emergency,
      method: 'PATCH',
      path: '/v1.0/users/tom@customer.example',
      template: '/v1.0/users/*',
      bodyNames: ['accountEnabled'],
    },
    204,
  );
  await story.until(22);
  story.request({ ...read, caller: job, rule: 'job:licence-report' });
  await story.until(22, 10);
  return story;
}

/** The file that a customer gets. */
export const fileOf = (lines: readonly ExtractLine[]): string =>
  textsOf(lines)
    .map((text) => `${text}\n`)
    .join('');
