import { changeTenant } from 'microsoft-cloud/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tokenOfPerson } from '../../support/person-token.ts';
import { startQuietDemo, tokenOfCaller } from '../../support/running-demo.ts';
import type { WatchedDemo } from '../../support/watched-demo.ts';
import { createVisitor, successesOfPlans, type Visited, type Visitor } from '../api/visitor.ts';
import { NoticeReceiver } from '../runs/notice-receiver.ts';

/*
 * Plans in the running product: made, applied in waves, held, and taken back. `stop` of the demo scans logs, answers and
 * records for tokens.
 */

const job = 'block-user-consent';
const receiver = new NoticeReceiver('');
let demo: WatchedDemo;
let visitor: Visitor;
let operator: string;
let reachable: WatchedDemo['cloud']['tenants'];

beforeAll(async () => {
  const chat = await receiver.start();
  demo = await startQuietDemo(4, {
    hostSettings: async () => ({ NOTIFICATION_WEBHOOK: `${chat}/chat`, NOTIFICATION_FORM: 'slack' }),
  });
  visitor = await createVisitor(demo.url);
  operator = await tokenOfPerson(demo, 'operator');
  reachable = demo.cloud.tenants.filter(({ state }) => state === 'ok');
  for (const { tenantId } of reachable)
    await changeTenant(demo.cloud.control, tenantId, { moreRoles: ['Privileged Role Administrator'] });
});
afterAll(async () => {
  await demo?.stop();
  await receiver.stop();
});

async function until<T>(read: () => Promise<T>, isDone: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await read();
    if (isDone(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

const isUnderWay = (status: unknown): boolean => status === 'pending' || status === 'running';
const show = (planId: string): Promise<Visited> => visitor.visit('plans-show', { path: { planId }, token: operator });
/** The notices about the apply of a plan, without what a title shares with all. */
const told = (planId: string): readonly (string | undefined)[] =>
  receiver.messages.flatMap((text) => (text.includes(planId) ? /The (\w+ of \S+ [^*\n]*)/.exec(text)?.[1] : []));

const applyIn = ({ body }: Visited) => (body['apply'] ?? {}) as Readonly<Record<string, unknown>>;

async function makePlan(tenants?: readonly string[]): Promise<Visited> {
  const started = await visitor.visit('plans-make', {
    path: { job },
    token: operator,
    body: tenants === undefined ? {} : { tenants },
  });
  expect(started.status).toBe(202);
  return until(
    () => show(String(started.body['runId'])),
    ({ body }) => !isUnderWay(body['status']),
  );
}

/** As an application: plans of people need an approval in the demo. */
const applyPlan = async (planId: string, body: object = {}): Promise<Visited> =>
  visitor.visit('plans-apply', {
    path: { planId },
    token: await demo.callerToken(),
    body: { pauseMinutes: 0, ...body },
  });

/** Waits until an apply waits for a person, or has ended. */
const settled = (planId: string): Promise<Visited> =>
  until(
    () => show(planId),
    (shown) => applyIn(shown)['waits'] === true || !isUnderWay(applyIn(shown)['status']),
  );

/** The policies by which users may consent, as each tenant has them. */
async function assigned(): Promise<Readonly<Record<string, unknown>>> {
  const found: Record<string, unknown> = {};
  for (const { tenantId } of reachable) {
    const address = `${demo.url}/api/gateway/${tenantId}/graph/v1.0/policies/authorizationPolicy`;
    const answer = await fetch(address, { headers: { authorization: `Bearer ${operator}` } });
    const policy = (await answer.json()) as {
      defaultUserRolePermissions: { permissionGrantPoliciesAssigned: readonly string[] };
    };
    found[tenantId] = policy.defaultUserRolePermissions.permissionGrantPoliciesAssigned;
  }
  return found;
}

async function requestsRecorded(): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { body } = await visitor.visit('audit', { token: operator, query: { kind: 'request', limit: '500' } });
  return (body['entries'] as readonly Readonly<Record<string, unknown>>[]).filter(({ method }) => method === 'PATCH');
}

describe('a plan', () => {
  it('changes nothing until it is applied, goes on when a person says so, and is taken back by another plan', async () => {
    const before = await assigned();
    const plan = await makePlan();
    const planId = String(plan.body['planId']);
    expect(plan.body).toMatchObject({ status: 'completed', changes: reachable.length, irreversible: 0 });
    expect(await assigned()).toEqual(before);

    const started = await applyPlan(planId, { waves: ['1%', '100%'] });
    expect([started.status, started.body['runId']]).toEqual([202, expect.stringMatching(/@apply-[\da-f]{32}$/)]);
    const again = await applyPlan(planId);
    expect([again.status, again.code, again.text]).toEqual([409, 'run_conflict', expect.stringContaining('@apply-')]);
    const waiting = await settled(planId);
    expect(applyIn(waiting)).toMatchObject({ wave: 1, waves: [1, reachable.length - 1], outcomes: { applied: 1 } });
    expect(Object.values(await assigned()).filter((list) => (list as unknown[]).length === 0)).toHaveLength(1);

    expect((await visitor.visit('plans-go-on', { path: { planId }, token: operator })).status).toBe(202);
    const applied = await settled(planId);
    expect(applyIn(applied)).toMatchObject({ status: 'completed', outcomes: { applied: reachable.length } });
    expect(Object.values(await assigned())).toEqual(reachable.map(() => []));
    // Each change has its record before it leaves and one with its outcome, with the plan and the run.
    const records = await requestsRecorded();
    const digest = plan.body['digest'];
    for (const outcome of ['sent', 'answered'])
      expect(records.filter((record) => record['outcome'] === outcome)).toEqual(
        reachable.map(() => expect.objectContaining({ plan: digest, run: started.body['runId'] })),
      );

    const undo = await visitor.visit('plans-undo', { path: { planId }, token: operator });
    const undoId = String(undo.body['runId']);
    const inverse = await until(
      () => show(undoId),
      ({ body }) => !isUnderWay(body['status']),
    );
    expect(inverse.body).toMatchObject({ undoes: started.body['runId'], changes: reachable.length });
    await applyPlan(undoId, { waves: ['100%'] });
    expect(applyIn(await settled(undoId))).toMatchObject({ status: 'completed' });
    expect(await assigned()).toEqual(before);
    const said = [`apply of ${job} waits for a person after wave 1 of 2`, `apply of ${job} is finished`];
    await expect.poll(() => [told(planId), told(undoId)]).toEqual([said, [`undo of ${job} is finished`]]);
  });

  it('is held when the first wave fails, and ends when a person says so', async () => {
    const plan = await makePlan();
    const planId = String(plan.body['planId']);
    const [failing, ...others] = reachable;
    await changeTenant(demo.cloud.control, String(failing?.tenantId), { moreRoles: [] });
    const before = new Set((await requestsRecorded()).map(({ tokenId }) => tokenId));
    const started = await applyPlan(planId, { waves: [String(failing?.tenantId), '100%'] });
    expect(started.status).toBe(202);
    const held = await settled(planId);
    expect(applyIn(held)).toMatchObject({ waits: true, hold: { code: 'apply_held' }, outcomes: { refused: 1 } });
    expect((await visitor.visit('plans-end', { path: { planId }, token: operator })).status).toBe(202);
    const ended = await settled(planId);
    expect(applyIn(ended)).toMatchObject({
      status: 'cancelled',
      tenants: { failed: 1, notAttempted: reachable.length - 1 },
    });
    const sent = (await requestsRecorded()).filter(({ tokenId }) => !before.has(tokenId));
    expect(new Set(sent.map(({ tenantId }) => tenantId))).toEqual(new Set([failing?.tenantId]));
    expect(others.length).toBeGreaterThan(0);
    await expect.poll(() => told(planId)).toEqual([`apply of ${job} is held`, `apply of ${job} was cancelled`]);
  });

  it('is listed, newest first, and gave every documented success', async () => {
    const { body } = await visitor.visit('plans', { token: operator });
    const plans = body['plans'] as readonly Readonly<Record<string, unknown>>[];
    const made = plans.map(({ madeAt }) => String(madeAt));
    expect(made).toEqual(made.toSorted().toReversed());
    expect(plans).toHaveLength(3);
    expect(successesOfPlans.filter((kind) => !visitor.seen.has(kind))).toEqual([]);
  });

  it('is refused to callers without the roles, and by the policy', async () => {
    const scheduler = await tokenOfCaller(demo, ['Runs.Read', 'Runs.Write']);
    const made = await visitor.visit('plans-make', { path: { job }, token: scheduler, body: {} });
    expect([made.status, made.code]).toEqual([403, 'caller_forbidden']);
    const run = await visitor.visit('jobs-start', { path: { job }, token: operator, body: {} });
    expect([run.status, run.text]).toEqual([400, expect.stringContaining(`/api/jobs/${job}/plans`)]);
    const report = await visitor.visit('plans-make', { path: { job: 'access-check' }, token: operator, body: {} });
    expect([report.status, report.text]).toEqual([400, expect.stringContaining('/api/jobs/access-check/runs')]);
  });
});
