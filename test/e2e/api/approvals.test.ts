import { writeFile } from 'node:fs/promises';
import { addFault, readLedger } from 'microsoft-cloud/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callerTokens } from '../../../src/cli/demo/caller-token.ts';
import { endValidity } from '../../support/ended-approval.ts';
import { tokenOfPerson } from '../../support/person-token.ts';
import { startQuietDemo, tenantOf } from '../../support/running-demo.ts';
import type { WatchedDemo } from '../../support/watched-demo.ts';
import { createVisitor, successesOfApprovals, type Visitor } from './visitor.ts';

/*
 * Approvals in the running product: a caller asks, a second person decides, and only the approved request is served. `stop`
 * of the demo scans logs, answers and records for tokens.
 */

let demo: WatchedDemo;
let visitor: Visitor;
let tenant: string;
let helpdesk: string;
let portal: string;
let console: string;
let operator: string;
let approver: string;

const tokenOf = (name: string): Promise<string> => {
  const caller = demo.cloud.brokerApplication.callers.find((known) => known.name === name);
  return callerTokens(demo.cloud, globalThis.fetch, caller)();
};

const clientOf = (name: string): string =>
  demo.cloud.brokerApplication.callers.find((known) => known.name === name)?.clientId ?? '';

beforeAll(async () => {
  demo = await startQuietDemo(3);
  tenant = tenantOf(demo, 'ok').tenantId;
  const signIn = demo.cloud.brokerApplication.signInClientId;
  const approval = { count: 1, validMinutes: 30 };
  const scopes = ['User.ReadWrite.All', 'User-PasswordProfile.ReadWrite.All'];
  const gateway = { tenants: ['*'], resources: ['graph'], via: ['gateway'], scopes };
  const requests = { methods: ['PATCH'], paths: ['/v1.0/users/*'] };
  const portalCalls = { applications: [clientOf('Portal')] };
  const rules = [
    {
      name: 'tokens need an approval',
      callers: { applications: [clientOf('Helpdesk'), signIn] },
      tenants: ['*'],
      resources: ['graph'],
      approval,
    },
    { ...gateway, name: 'changes need an approval', callers: portalCalls, requests, approval },
    { ...gateway, name: 'emergencies', callers: portalCalls, requests, breakGlass: true },
  ];
  await writeFile(demo.environment['ACCESS_POLICY'] ?? '', JSON.stringify({ version: 1, rules }));
  visitor = await createVisitor(demo.url);
  [helpdesk, portal, console] = (await Promise.all(['Helpdesk', 'Portal', 'Operations console'].map(tokenOf))) as [
    string,
    string,
    string,
  ];
  // The simulated Graph does not change users.
  await addFault(demo.cloud.control, { service: 'graph', tenantId: tenant, method: 'PATCH', status: 204 });
  operator = await tokenOfPerson(demo, 'operator');
  approver = await tokenOfPerson(demo, 'approver');
});
afterAll(() => demo?.stop());

const askToken = (token: string, more: object = {}) =>
  visitor.visit('tokens', { token, body: { tenant, resource: 'graph', ...more } });

const decide = (approvalId: string, decision: string, token = operator) =>
  visitor.visit('approvals-decide', {
    path: { approvalId },
    token,
    body: { decision, reason: 'Agreed with the customer.' },
  });

async function auditOf(approvalId: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { body } = await visitor.visit('audit', { token: operator, query: { approval: approvalId } });
  return body['entries'] as readonly Readonly<Record<string, unknown>>[];
}

/** Waits for steps that the orchestration records in the background. */
async function recorded(approvalId: string, outcome: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  for (;;) {
    const entries = await auditOf(approvalId);
    if (entries.some((entry) => entry['outcome'] === outcome)) return entries;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe('a token', () => {
  it('is issued only after a second person approved it, and no longer once it is revoked', async () => {
    const asked = await askToken(helpdesk, { reason: 'The customer reports an incident.' });
    expect(asked.status).toBe(202);
    const id = String(asked.body['approvalId']);
    expect(asked.headers.get('location')).toBe(`/api/approvals/${id}`);
    expect(asked.headers.get('x-approval-id')).toBe(id);
    // The same request is the same approval, another one is not.
    expect((await askToken(helpdesk)).body['approvalId']).toBe(id);
    const other = await askToken(helpdesk, { scopes: ['User.Read.All'] });
    expect(other.body['approvalId']).not.toBe(id);

    const pending = await visitor.visit('approvals', { token: approver, query: { status: 'pending' } });
    expect((pending.body['approvals'] as { id: string }[]).map((each) => each.id)).toContain(id);
    const shown = await visitor.visit('approvals-show', { path: { approvalId: id }, token: approver });
    expect(shown.body).toMatchObject({
      status: 'pending',
      reason: 'The customer reports an incident.',
      possibleDecisions: ['approve', 'deny', 'revoke'],
    });
    expect((await decide(id, 'approve', approver)).body).toMatchObject({ status: 'approved', approvalsGiven: 1 });

    expect((await askToken(helpdesk)).status).toBe(200);
    expect((await askToken(helpdesk, { scopes: ['User.Read.All'] })).status).toBe(202);
    expect((await decide(id, 'revoke', approver)).body).toMatchObject({ status: 'revoked' });
    const refused = await askToken(helpdesk);
    expect([refused.status, refused.code]).toEqual([403, 'approval_ended']);
    const again = await askToken(helpdesk, { askAgain: true });
    expect([again.status, again.body['approvalId'] === id]).toEqual([202, false]);

    const entries = await recorded(id, 'asked');
    const steps = entries.map(({ outcome, kind }) => [kind, outcome]).toReversed();
    expect(steps).toEqual([
      ['approval', 'asked'],
      ['approval', 'approved'],
      [undefined, 'issued'],
      ['approval', 'revoked'],
    ]);
  });

  it('is approved by nobody who asked for it, and by no application', async () => {
    const asked = await askToken(operator);
    const id = String(asked.body['approvalId']);
    expect(asked.status).toBe(202);
    for (const token of [operator, console]) expect((await decide(id, 'approve', token)).code).toBe('decision_refused');
    expect((await decide(id, 'approve', helpdesk)).code).toBe('approval_not_found');
    expect((await decide(id, 'deny', approver)).body).toMatchObject({ status: 'denied' });
    expect((await decide(id, 'approve', approver)).code).toBe('approval_conflict');
    expect((await decide('20261124t050000-00000000', 'approve', approver)).code).toBe('approval_not_found');
  });
});

describe('a request through the gateway', () => {
  const change = (userId: string, body: object, headers: Readonly<Record<string, string>> = {}) =>
    fetch(`${demo.url}/api/gateway/${tenant}/graph/v1.0/users/${userId}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${portal}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });

  const user = 'alice@contoso.example';

  it('is served with the approved body only, once', async () => {
    const body = { accountEnabled: false, passwordProfile: { password: 'A-new-password-1' } };
    const asked = await change(user, body, { 'x-reason': 'The%20account%20sends%20spam.' });
    const id = asked.headers.get('x-approval-id') ?? '';
    expect([asked.status, asked.headers.get('location')]).toEqual([202, `/api/approvals/${id}`]);
    const shown = await visitor.visit('approvals-show', { path: { approvalId: id }, token: approver });
    expect(shown.body['reason']).toBe('The account sends spam.');
    expect(shown.text).toContain('accountEnabled');
    expect(shown.text).not.toContain('A-new-password-1');
    await decide(id, 'approve', approver);
    expect((await change(user, { accountEnabled: true })).headers.get('x-approval-id')).not.toBe(id);
    expect((await change(user, body)).status).toBe(204);
    expect(await sentChanges()).toBe(1);

    const repeated = await change(user, body);
    expect([repeated.status, ((await repeated.json()) as { code: string }).code]).toEqual([403, 'approval_ended']);
    expect(await sentChanges()).toBe(1);
    const closed = await visitor.visit('approvals-show', { path: { approvalId: id }, token: approver });
    expect(closed.body).toMatchObject({ status: 'used', servedOnce: true, use: { answered: true }, details: [] });
    expect(closed.text).not.toContain('accountEnabled');
    const steps = (await recorded(id, 'used')).map(({ outcome }) => outcome);
    expect(steps).toEqual(expect.arrayContaining(['asked', 'approved', 'sent', 'answered', 'used']));
  });

  it('is refused when the validity is over', async () => {
    const asked = await change(user, { department: 'late' });
    const id = asked.headers.get('x-approval-id') ?? '';
    await decide(id, 'approve', approver);
    await endValidity(demo, id);
    const late = await change(user, { department: 'late' });
    expect([late.status, ((await late.json()) as { code: string }).code]).toEqual([403, 'approval_ended']);
  });

  it('is served at once by a rule for emergencies, with a reason, and stands out in the audit log', async () => {
    const body = { accountEnabled: false, department: 'emergency' };
    const without = await change(user, body, { 'x-break-glass': 'true' });
    expect(((await without.json()) as { code: string }).code).toBe('reason_required');
    const served = await change(user, body, { 'x-break-glass': 'true', 'x-reason': 'An attack is under way.' });
    expect(served.status).toBe(204);
    const { body: audit } = await visitor.visit('audit', { token: operator, query: { breakGlass: 'true' } });
    expect(audit['entries']).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ outcome: 'sent', breakGlass: true, reason: 'An attack is under way.' }),
      ]),
    );
  });

  /** Requests that reached the resource. */
  async function sentChanges(): Promise<number> {
    const { requests } = await readLedger(demo.cloud.control);
    return requests.filter(({ service, method }) => service === 'graph' && method === 'PATCH').length;
  }
});

it('the tests received every success that needs an approval', () => {
  // `change` does not use the visitor, because the gateway returns bodies of the resource.
  const received = successesOfApprovals.filter((kind) => kind !== 'gateway 202');
  expect(received.filter((kind) => !visitor.seen.has(kind))).toEqual([]);
});
