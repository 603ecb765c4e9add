import { describe, expect, it } from 'vitest';
import { type BudgetDeps, RequestBudgets } from '../../../../../src/lib/microsoft/budgets/request-budgets.ts';
import { type BudgetedRequest, type ShareUser, wholeBudget } from '../../../../../src/lib/core/share.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { requestTo } from './rate-stage.ts';

const job = { id: 'job:a', kind: 'background' } as const;
const users = '/v1.0/users?$select=id';
const tenant = '00000000-0000-4000-8000-000000000001';
const another = '00000000-0000-4000-8000-000000000002';

const unknownUsers: BudgetDeps['usersOf'] = async () => undefined;

/** Budgets of which each is enough, with pauses that a test sets. A wait ends half of its spread later. */
function stage({ rate = 1_000, usersOf = unknownUsers } = {}) {
  const clock = new FakeClock(0);
  const shares: string[] = [];
  const attached = new Map<string, ShareUser>();
  const released: string[] = [];
  const paused: Record<string, number> = {};
  const untilMs = new Map<string, number>();
  const larger = new Set<string>();
  let readies = 0;
  const budgets = {
    share: (name: string) => {
      shares.push(name);
      return { ...wholeBudget(rate), attach: (user: ShareUser) => void attached.set(name, user) };
    },
    release: (name: string) => void released.push(name),
    ready: async (signal?: AbortSignal) => {
      readies += 1;
      signal?.throwIfAborted();
    },
    pause: (name: string, ms: number) => {
      paused[name] = ms;
    },
    get hasPauses() {
      return untilMs.size > 0;
    },
    isLarger: (name: string) => larger.has(name),
    pausedMs: (name: string) => Math.max(0, (untilMs.get(name) ?? 0) - clock.nowMs()),
  };
  const requests = new RequestBudgets({
    budgets,
    clock,
    random: () => 0.5,
    background: (work) => work(),
    usersOf,
  });
  /** Resolves with the time at which the request may leave. */
  const leavesAt = async (request: Parameters<typeof requests.admit>[0], waitMs = 60_000): Promise<number> => {
    const admitted = requests.admit(request).then(() => clock.nowMs());
    await clock.advance(waitMs);
    return admitted;
  };
  const total = (name = `graph-units ${tenant} default`): number | undefined => attached.get(name)?.total?.();
  return { clock, requests, total, shares, released, paused, untilMs, larger, leavesAt, readies: () => readies };
}

describe('a request', () => {
  it.each([
    [requestTo(users, job), [`graph-units ${tenant} default`]],
    [
      requestTo('/v1.0/users/x', job, { method: 'PATCH' }),
      [`graph-units ${tenant} default`, `graph-writes ${tenant} default`],
    ],
    [requestTo('/v1.0/auditLogs/signIns', job, { application: 'second' }), [`graph-reports ${tenant} second`]],
    // Conditional Access counts the requests of all applications.
    [
      requestTo('/v1.0/identity/conditionalAccess/policies', job, { application: 'second' }),
      [`graph-access ${tenant}`],
    ],
    [requestTo('/adminapi/beta/x', job, { resource: 'exchange' }), []],
  ])('takes from the limits that concern it (%#)', async (request, names) => {
    const { requests, shares, leavesAt } = stage();
    await requests.admit(request);
    await leavesAt(request, 5_000);
    expect(shares).toEqual(names);
  });

  it('waits for the shares, and ends with its signal', async () => {
    const { requests, readies, shares } = stage();
    await requests.admit(requestTo(users, job));
    expect(readies()).toBe(1);
    const ended = AbortSignal.abort(new Error('gone'));
    await expect(requests.admit(requestTo(users, job, { tenantId: another }), ended)).rejects.toThrow('gone');
    expect(shares).toHaveLength(1);
  });

  it('ends with its signal while it waits for a pause or for units', async () => {
    for (const pauseMs of [0, 5_000]) {
      const { clock, requests, untilMs } = stage({ rate: 0 });
      await requests.admit(requestTo(users, job));
      untilMs.set(`graph ${tenant}`, pauseMs);
      const end = new AbortController();
      const waiting = requests.admit(requestTo(users, job), end.signal);
      await clock.advance(100);
      end.abort(new Error('gone'));
      await expect(waiting).rejects.toThrow('gone');
    }
  });

  it('spends what its parts cost', async () => {
    const { leavesAt } = stage({ rate: 1 });
    const batch = requestTo(users, job, { paths: ['/v1.0/users', '/v1.0/groups/x/members'] });
    expect(await leavesAt(batch)).toBe(0);
    const { requests, clock } = stage({ rate: 1 });
    await requests.admit(batch);
    let leftMs = 0;
    void requests.admit(requestTo(users, job)).then(() => {
      leftMs = clock.nowMs();
    });
    await clock.advance(60_000);
    // 5 units of the one that was there: 4 of debt, and one for this request.
    expect(leftMs).toBe(5_000);
  });
});

describe('a pause', () => {
  it.each([
    [`graph ${tenant}`, true],
    ['graph default', true],
    [`graph ${tenant} default`, true],
    [`graph ${another}`, false],
    ['graph second', false],
    [`graph-reports ${tenant} default`, false],
    ['exchange default', false],
  ])('of %s delays a request to users: %s', async (name, isDelayed) => {
    const { untilMs, leavesAt } = stage();
    untilMs.set(name, 4_000);
    expect(await leavesAt(requestTo(users, job))).toBe(isDelayed ? 4_250 : 0);
  });

  it('delays a request that concerns it in one of its parts, until the last one ends', async () => {
    const { untilMs, leavesAt } = stage();
    untilMs.set(`graph ${tenant}`, 2_000);
    untilMs.set(`graph-reports ${tenant} default`, 9_000);
    const batch = requestTo(users, job, { paths: [users, '/v1.0/auditLogs/signIns'] });
    expect(await leavesAt(batch)).toBe(9_250);
  });

  it('that has become longer meanwhile is waited for to its end', async () => {
    const { clock, untilMs, leavesAt } = stage();
    untilMs.set(`graph ${tenant}`, 4_000);
    void clock.sleep(3_000).then(() => untilMs.set(`graph ${tenant}`, 8_000));
    expect(await leavesAt(requestTo(users, job))).toBe(8_250);
  });

  it('that begins while a request waits for its units delays it, too', async () => {
    const { clock, requests, untilMs, leavesAt } = stage({ rate: 1 });
    await requests.admit(requestTo(users, job));
    void clock.sleep(500).then(() => untilMs.set(`graph ${tenant}`, 3_000));
    expect(await leavesAt(requestTo(users, job))).toBe(3_250);
  });

  it('of up to 20 seconds is waited for, and a longer one ends the request with the seconds that are left', async () => {
    const { requests, untilMs, leavesAt } = stage();
    untilMs.set(`graph ${tenant}`, 20_001);
    await expect(requests.admit(requestTo(users, job))).rejects.toMatchObject({
      code: 'throttled',
      retryAfterSeconds: 21,
    });
    untilMs.set(`graph ${tenant}`, 20_000);
    expect(await leavesAt(requestTo(users, job))).toBe(20_250);
  });

  it('concerns requests to other resources by their own name', async () => {
    const { untilMs, leavesAt } = stage();
    untilMs.set(`exchange ${tenant}`, 4_000);
    expect(await leavesAt(requestTo('/adminapi/x', job, { resource: 'exchange' }))).toBe(4_250);
  });
});

describe('an answer 429', () => {
  const object = /^graph \S+ default [0-9a-f]{12}$/;
  const pausesOf = (scope: string | null | undefined, request = requestTo(users, job)) => {
    const { requests, paused } = stage();
    requests.throttled(request, 7, scope);
    return paused;
  };

  it.each([
    ['Tenant_Application/ReadWrite/app/tenant', `graph ${tenant} default`],
    ['Tenant/Read/app/tenant', `graph ${tenant}`],
    ['Application/Write/app', 'graph default'],
    ['application', 'graph default'],
  ])('of the scope %s begins a pause of %s', (scope, name) => {
    expect(pausesOf(scope)).toEqual({ [name]: 7_000 });
  });

  it.each([undefined, null, '', 'toString/x', 'User/Read'])('of the scope %s concerns one object', (scope) => {
    const paused = pausesOf(scope);
    expect(Object.values(paused)).toEqual([7_000]);
    expect(Object.keys(paused)).toEqual([expect.stringMatching(object)]);
  });

  it('concerns the object in whatever way it is written, and no other', () => {
    const nameFor = (path: string) => Object.keys(pausesOf(undefined, requestTo(path, job)))[0];
    const name = nameFor('/v1.0/users/Ada/messages?$top=5');
    expect(nameFor('/beta/Users/ada')).toBe(name);
    expect(nameFor('/v1.0/users/ada?x=1')).toBe(name);
    for (const other of ['/v1.0/users/bob/messages', '/v1.0/groups/ada', '/v1.0/users', '/v1.0/us/ersada']) {
      expect(nameFor(other)).not.toBe(name);
    }
    expect(name).not.toContain('ada');
  });

  it('concerns each object and each kind of a batch once', () => {
    const batch = requestTo(users, job, {
      paths: ['/v1.0/users/a', '/v1.0/users/a/messages', '/v1.0/users/b', '/v1.0/auditLogs/signIns'],
    });
    expect(Object.keys(pausesOf(undefined, batch))).toHaveLength(3);
    expect(Object.keys(pausesOf('Tenant_Application/x', batch))).toEqual([
      `graph ${tenant} default`,
      `graph-reports ${tenant} default`,
    ]);
  });
});

const refusal = `larger graph-units ${tenant} default`;

describe('the size of a tenant', () => {
  const request = requestTo(users, job);
  /** What is known of a tenant after the answers, of which each is read ten minutes after the one before. */
  const afterAnswers = async (...answers: readonly (number | undefined | 'failure')[]) => {
    const asked: string[] = [];
    const { clock, requests, total, untilMs } = stage({
      rate: 0.001,
      usersOf: async (tenantId) => {
        const answer = answers[asked.push(tenantId) - 1];
        if (answer === 'failure') throw new Error('away');
        return answer;
      },
    });
    const send = () => void requests.admit(request);
    send();
    for (const _ of answers) {
      send();
      await clock.advance(600_000);
    }
    return { clock, requests, total, asked, untilMs, send };
  };

  it('is asked for when requests wait, and not before', async () => {
    const asked: string[] = [];
    const { clock, requests, total } = stage({ usersOf: async (tenantId) => void asked.push(tenantId) });
    for (let n = 0; n < 20; n += 1) await requests.admit(request);
    await clock.advance(1_000);
    expect([asked, total()]).toEqual([[], undefined]);
    expect((await afterAnswers(800)).asked).toEqual([tenant]);
  });

  it('is asked for once in ten minutes', async () => {
    const { clock, asked, send } = await afterAnswers(800);
    for (let n = 0; n < 5; n += 1) send();
    await clock.advance(599_000);
    send();
    await clock.advance(500);
    expect(asked).toHaveLength(2);
    await clock.advance(500);
    send();
    await clock.advance(0);
    expect(asked).toHaveLength(3);
  });

  it.each([
    [[undefined], undefined],
    [['failure'], undefined],
    [[10], 332.5],
    [[200], 475],
    [[800], 760],
    [[800, 200], 475],
    [[800, 'failure'], 760],
    [[800, undefined], undefined],
  ] as const)('after the answers %j gives the total %s', async (answers, expected) => {
    expect((await afterAnswers(...answers)).total()).toBe(expected);
  });

  it('is asked for no other limit', async () => {
    const asked: string[] = [];
    const { clock, requests, total } = stage({ rate: 0.001, usersOf: async (id) => asked.push(id) });
    for (let n = 0; n < 5; n += 1) void requests.admit(requestTo('/v1.0/auditLogs/signIns', job));
    await clock.advance(1_000);
    expect([asked, total(`graph-reports ${tenant} default`)]).toEqual([[], undefined]);
  });

  it('is asked for once in ten minutes for each tenant, also if it sends in bursts', async () => {
    const asked: string[] = [];
    const { clock, requests, total } = stage({ rate: 1, usersOf: async (id) => asked.push(id) + 799 });
    for (let minute = 0; minute < 20; minute += 1) {
      for (const tenantId of [tenant, another]) {
        for (let n = 0; n < 2; n += 1) void requests.admit({ ...request, tenantId });
        await clock.advance(30_000);
      }
      expect(total()).toBe(760);
    }
    expect(asked).toEqual([tenant, another, tenant, another]);
  });

  it('is forgotten after ten minutes, when another one is asked for', async () => {
    const { requests, total, clock } = await afterAnswers(800);
    expect(total()).toBe(760);
    for (let n = 0; n < 2; n += 1) void requests.admit({ ...request, tenantId: another });
    await clock.advance(0);
    expect(total()).toBeUndefined();
  });

  it('counts for nothing while a refusal of the larger limit is known', async () => {
    const { untilMs, clock, total } = await afterAnswers(800);
    // As another instance reads it.
    untilMs.set(refusal, clock.nowMs() + 5_000);
    expect(total()).toBe(332.5);
    await clock.advance(5_000);
    expect(total()).toBe(760);
  });
});

describe('a 429 while the larger limit of a tenant is in force', () => {
  const refusalsAfter = (refused: BudgetedRequest, scope: string | undefined, isLarger = true) => {
    const { requests, paused, larger } = stage();
    if (isLarger) for (const id of [tenant, another]) larger.add(`graph-units ${id} default`);
    requests.throttled(refused, 7, scope);
    return Object.entries(paused).filter(([name]) => name.startsWith('larger'));
  };

  it.each([
    ['Tenant_Application/ReadWrite/x/y', users],
    ['tenant_application/read', '/v1.0/users/x'],
    ['Tenant_Application', '/v1.0/groups/x/transitiveMembers?$top=5'],
  ])('of the scope %s for %s refuses it for a day, also where nobody here knows the users', (scope, path) => {
    expect(refusalsAfter(requestTo(path, job), scope)).toEqual([[refusal, 86_400_000]]);
  });

  it.each([
    [undefined, users],
    ['Tenant/Read', users],
    ['Application/ReadWrite', users],
    ['User/Read', users],
    ['Tenant_Application/Write/x/y', '/v1.0/users/x'],
    ['Tenant_Application/write', '/v1.0/users/x'],
    ['Tenant_Application/Read', '/v1.0/auditLogs/signIns'],
    ['Tenant_Application/Read', '/v1.0/users?$select=signInActivity'],
    ['Tenant_Application/ReadWrite/17s', '/v1.0/deviceManagement/managedDevices'],
    ['Tenant_Application/Read', '/v1.0/teams/x'],
    ['Tenant_Application/Read', '/v1.0/users/x/messages'],
    ['Tenant_Application/Read', '/v1.0/groups/x/drive/items/y'],
  ])('of the scope %s for %s changes nothing', (scope, path) => {
    expect(refusalsAfter(requestTo(path, job), scope)).toEqual([]);
  });

  it('of Exchange, or where the usual limit is in force, changes nothing', () => {
    const scope = 'Tenant_Application/Read';
    expect(refusalsAfter(requestTo(users, job, { resource: 'exchange' }), scope)).toEqual([]);
    expect(refusalsAfter(requestTo(users, job), scope, false)).toEqual([]);
    expect(refusalsAfter(requestTo(users, job, { tenantId: another }), scope)).not.toContainEqual([
      refusal,
      expect.anything(),
    ]);
  });
});

describe('a rate that nobody uses', () => {
  const name = `graph-units ${tenant} default`;

  it('is released after 30 seconds, when another one begins', async () => {
    const { clock, requests, released, shares } = stage();
    await requests.admit(requestTo(users, job));
    await clock.advance(29_999);
    await requests.admit(requestTo(users, job, { tenantId: another }));
    expect(released).toEqual([]);
    await clock.advance(1);
    await requests.admit(requestTo(users, job, { tenantId: 'third' }));
    expect(released).toEqual([name]);
    await requests.admit(requestTo(users, job));
    expect(shares.filter((each) => each === name)).toHaveLength(2);
  });

  it('is kept while it is used', async () => {
    const { clock, requests, released } = stage();
    await clock.advance(40_000);
    await requests.admit(requestTo(users, job));
    await clock.advance(20_000);
    await requests.admit(requestTo(users, job));
    await clock.advance(20_000);
    await requests.admit(requestTo(users, job, { tenantId: another }));
    expect(released).toEqual([]);
  });

  it('is kept while requests wait for it', async () => {
    const { clock, requests, released } = stage({ rate: 0 });
    await requests.admit(requestTo(users, job));
    void requests.admit(requestTo(users, job));
    await clock.advance(90_000);
    await requests.admit(requestTo(users, job, { tenantId: another }));
    expect(released).toEqual([]);
  });

  it('is found behind one that began earlier and is still used, and behind one that requests wait for', async () => {
    const { clock, requests, released } = stage({ rate: 0 });
    await requests.admit(requestTo(users, job));
    void requests.admit(requestTo(users, job));
    await requests.admit(requestTo(users, job, { tenantId: 'used' }));
    await requests.admit(requestTo(users, job, { tenantId: another }));
    await clock.advance(29_999);
    void requests.admit(requestTo(users, job, { tenantId: 'used' }));
    await clock.advance(1);
    await requests.admit(requestTo(users, job, { tenantId: 'third' }));
    expect(released).toEqual([`graph-units ${another} default`]);
  });
});
