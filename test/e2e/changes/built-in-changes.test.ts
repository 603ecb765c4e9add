import { changeTenant, readRows } from 'microsoft-cloud/client';
import type { RunningCloud } from 'microsoft-cloud';
import { accessToken, call } from 'microsoft-cloud/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { jobs } from '../../../src/jobs/index.ts';
import { startQuietDemo } from '../../support/running-demo.ts';
import type { WatchedDemo } from '../../support/watched-demo.ts';
import { createVisitor, type Visited, type Visitor } from '../api/visitor.ts';

/* Every built-in change, planned, applied and taken back in the running product over three customers. */

const parameters: Readonly<Record<string, object>> = {
  'block-stale-guests': { days: 30 },
  'partner-named-locations': { ranges: ['203.0.113.0/24', '2001:db8::/32'] },
  'sharepoint-sharing-level': { level: 'disabled' },
};
const names = jobs.flatMap(({ name, changes }) => (changes === true ? [name] : []));

let demo: WatchedDemo;
let visitor: Visitor;
let operator: string;
let tenants: readonly string[];

beforeAll(async () => {
  demo = await startQuietDemo(25);
  visitor = await createVisitor(demo.url);
  // An application: plans of people need an approval in the demo.
  operator = await demo.callerToken();
  const found: string[] = [];
  for (const { tenantId, state, trait } of demo.cloud.tenants) {
    if (state !== 'ok' || trait !== undefined || found.length === 3) continue;
    const paths = ['subscribedSkus', 'users', 'contacts'] as const;
    const { subscribedSkus, users, contacts } = await readRows(demo.cloud.control, tenantId, paths);
    const isPremium = JSON.stringify(subscribedSkus).includes('"AAD_PREMIUM');
    const hasGuests = users.some(({ userType, accountEnabled }) => userType === 'Guest' && accountEnabled === true);
    if (isPremium && hasGuests && contacts.length > 0) found.push(tenantId);
  }
  if (found.length < 3) throw new Error('the demo has too few customers with Entra ID P1, guests and contacts');
  tenants = found;
  for (const tenantId of tenants) {
    await changeTenant(demo.cloud.control, tenantId, {
      moreRoles: ['Privileged Role Administrator', 'Conditional Access Administrator', 'SharePoint Administrator'],
    });
    const token = await accessToken({ document: demo.cloud } as RunningCloud, tenantId);
    const { status } = await call(`${demo.cloud.graph}/v1.0/admin/sharepoint/settings`, token, {
      method: 'PATCH',
      body: JSON.stringify({ sharingCapability: 'externalUserSharingOnly' }),
    });
    if (status !== 204) throw new Error(`the settings of SharePoint answer ${status}`);
    await invoke(tenantId, 'Set-OrganizationConfig', { AuditDisabled: true });
    const [, mailbox] = await invoke(tenantId, 'Get-Mailbox');
    const [contact] = await invoke(tenantId, 'Get-Recipient', { RecipientTypeDetails: 'MailContact' });
    await invoke(tenantId, 'Set-Mailbox', {
      Identity: mailbox?.['Guid'],
      ForwardingAddress: contact?.['Name'],
      ForwardingSmtpAddress: 'out@mail.example',
    });
  }
});
afterAll(() => demo?.stop());

type Rows = readonly Readonly<Record<string, unknown>>[];

async function invoke(tenantId: string, name: string, given = {}): Promise<Rows> {
  const cloud = { document: demo.cloud } as RunningCloud;
  const token = await accessToken(cloud, tenantId, 'https://outlook.office365.com');
  const { status, body } = await call(`${demo.cloud.exchange}/adminapi/beta/${tenantId}/InvokeCommand`, token, {
    method: 'POST',
    body: JSON.stringify({ CmdletInput: { CmdletName: name, Parameters: given } }),
  });
  expect([name, status, body['error']]).toEqual([name, 200, undefined]);
  return body['value'] as Rows;
}

/** Where Microsoft keeps for 30 days what an undo has deleted. */
const kept = 'identity/conditionalAccess/deletedItems/namedLocations';

/** Everything that Graph shows of the tenants, by path as a digest, and the settings of Exchange that the jobs change. */
async function stateOf(): Promise<unknown> {
  const state: Record<string, unknown> = {};
  for (const tenantId of tenants) {
    const answer = await fetch(`${demo.cloud.control}/tenants/${tenantId}/digest`);
    const { paths } = (await answer.json()) as { paths: Record<string, unknown> };
    const mailboxes = await invoke(tenantId, 'Get-Mailbox', { ResultSize: 'Unlimited' });
    const config = await invoke(tenantId, 'Get-OrganizationConfig');
    state[tenantId] = { paths: { ...paths, [kept]: undefined }, mailboxes, config };
  }
  return state;
}

async function until(planId: string, isDone: (body: Visited['body']) => boolean): Promise<Visited['body']> {
  for (;;) {
    const { body } = await visitor.visit('plans-show', { path: { planId }, token: operator });
    if (isDone(body)) return body;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

const isUnderWay = (status: unknown): boolean => status === 'pending' || status === 'running';
type Apply = Readonly<Record<string, unknown>> | undefined;

async function applyAll(planId: string): Promise<Visited['body']> {
  const plan = await until(planId, ({ status }) => !isUnderWay(status));
  const body = { waves: ['100%'], pauseMinutes: 0 };
  const started = await visitor.visit('plans-apply', { path: { planId }, token: operator, body });
  expect([planId, started.status, started.text]).toEqual([planId, 202, expect.anything()]);
  const ended = await until(planId, ({ apply }) => !isUnderWay((apply as Apply)?.['status']));
  expect({ planId, ...(ended['apply'] as Apply) }).toMatchObject({
    planId,
    status: 'completed',
    outcomes: { applied: plan['changes'] },
  });
  return plan;
}

it('each built-in change is made in three customers, and taking it back leaves them as they were', async () => {
  const before = await stateOf();
  const changes: Record<string, number> = {};
  const made: Record<string, string> = {};
  await Promise.all(
    names.map(async (job) => {
      const body = { tenants, parameters: parameters[job] ?? {} };
      const started = await visitor.visit('plans-make', { path: { job }, token: operator, body });
      expect([job, started.status, started.text]).toEqual([job, 202, expect.anything()]);
      const planId = String(started.body['runId']);
      const plan = await applyAll(planId);
      expect({ job, ...plan }).toMatchObject({ job, status: 'completed', irreversible: 0 });
      changes[job] = Number(plan['changes']);
      made[job] = planId;
    }),
  );
  expect(Object.entries(changes).filter(([, count]) => count < tenants.length)).toEqual([]);
  expect(await stateOf()).not.toEqual(before);
  const again = await visitor.visit('plans-make', {
    path: { job: 'mailbox-audit' },
    token: operator,
    body: { tenants, parameters: {} },
  });
  const empty = await until(String(again.body['runId']), ({ status }) => !isUnderWay(status));
  expect(empty).toMatchObject({ status: 'completed', changes: 0 });
  await Promise.all(
    names.map(async (job) => {
      const undo = await visitor.visit('plans-undo', { path: { planId: made[job] ?? '' }, token: operator });
      expect([job, undo.status, undo.text]).toEqual([job, 202, expect.anything()]);
      const inverse = await applyAll(String(undo.body['runId']));
      expect([job, inverse['changes']]).toEqual([job, changes[job]]);
    }),
  );
  expect(await stateOf()).toEqual(before);
});
