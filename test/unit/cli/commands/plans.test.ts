import { stripVTControlCharacters } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { registerPlans } from '../../../../src/cli/commands/plans.ts';
import { systemClock } from '../../../../src/lib/core/clock.ts';
import { onTerminal, type Request, runCommand } from './command-stage.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const planId = 'block@manual-1';
const applyId = 'block@apply-1';
const tenantId = 'aaaaaaaa-0000-4000-8000-000000000001';
const counts = { total: 2, succeeded: 2, failed: 0, skipped: 0, notAttempted: 0 };
const plan = {
  planId,
  job: 'block',
  title: 'Users cannot consent',
  status: 'completed',
  tenants: counts,
  madeAt: '2026-11-24T11:00:00Z',
  madeBy: 'ada@partner.example',
  expiresAt: '2999-11-25T11:00:00Z',
  changedTenants: 2,
  changes: 2,
  irreversible: 0,
  groups: [
    {
      action: 'update',
      target: '/policies/authorizationPolicy',
      before: '{"a":1}',
      after: '{"a":2}',
      undo: 'yes',
      tenants: 2,
    },
  ],
  more: false,
};
const apply = {
  runId: applyId,
  status: 'running',
  tenants: counts,
  wave: 1,
  waves: [1, 1],
  waits: false,
  outcomes: { applied: 1 },
};
const started = { runId: planId, status: 'pending', location: '/x' };
const run = {
  runId: planId,
  job: 'block',
  status: 'completed',
  outcome: 'succeeded',
  tenants: counts,
  progress: { done: 2, retrying: 0, total: 2 },
  durationMs: 1,
  warnings: [],
  failures: [],
};
const failures = [
  { tenantId, name: 'One', code: 'consent_required', title: 'Consent is missing', detail: 'No.', advice: 'Consent.' },
];
const partly = { ...run, outcome: 'partly_failed', tenants: { ...counts, succeeded: 1, failed: 1 }, failures };

/** A broker that answers each path with these documents in turn; the last one repeats. */
const broker =
  (answers: Readonly<Record<string, unknown>>) =>
  ({ method, path }: Request): Response => {
    const [place = ''] = path.split('?');
    const known = answers[`${method} ${place}`] ?? [];
    const answer = Array.isArray(known) && known.length > 1 ? known.shift() : [known].flat()[0];
    if (answer === undefined)
      return Response.json({ code: 'run_not_found', detail: `Nothing at ${path}.` }, { status: 404 });
    return answer instanceof Response ? answer.clone() : Response.json(answer);
  };
const ptb = (words: readonly string[], answers: Readonly<Record<string, unknown>>) => {
  vi.spyOn(systemClock, 'sleep').mockResolvedValue(undefined);
  return runCommand(registerPlans, words, broker(answers));
};
const at = `/plans/${encodeURIComponent(planId)}`;
const runAt = (runId: string): string => `/runs/${encodeURIComponent(runId)}`;
const sent = (requests: readonly Request[], method = 'POST') => requests.filter((each) => each.method === method);

describe('ptb plan', () => {
  it('sends tenants and parameters, and says how to see the plan', async () => {
    const jobs = {
      jobs: [{ name: 'block', parameters: { type: 'object', properties: { days: { type: 'integer' } } } }],
    };
    const words = ['plan', 'block', '--tenant', tenantId, 'tag:a', '--except', 'group:x', '--parameter', 'days=3'];
    const { exit, out, requests } = await ptb(words, { 'GET /jobs': jobs, 'POST /jobs/block/plans': started });
    expect(sent(requests)).toEqual([
      {
        method: 'POST',
        path: '/jobs/block/plans',
        body: { tenants: [tenantId, 'tag:a'], except: ['group:x'], parameters: { days: 3 } },
      },
    ]);
    expect([exit, out]).toEqual([0, `Started the plan ${planId}.\nSee it with: ptb plans show ${planId} --wait\n`]);
    const whole = await ptb(['plan', 'block', '--parameters', '{"days":4}'], { 'POST /jobs/block/plans': started });
    expect(whole.requests[0]?.body).toEqual({ parameters: { days: 4 } });
  });

  it.each([
    [run, 0],
    [partly, 3],
  ])('waits for its end, shows the difference, and exits as a run does', async (ended, code) => {
    const words = ['plan', 'block', '--wait'];
    const { exit, out } = await ptb(words, {
      'POST /jobs/block/plans': started,
      [`GET ${runAt(planId)}`]: ended,
      [`GET ${at}`]: plan,
    });
    expect(exit).toBe(code);
    expect(out).toContain('~ /policies/authorizationPolicy (2 tenants)\n    a: 1 -> 2\n');
    expect(out.includes('What to do: Consent.')).toBe(code === 3);
  });
});

describe('ptb plans', () => {
  it('lists plans with their state, or as JSON', async () => {
    const answer = { plans: [plan, { ...plan, planId: 'block@2', apply: { ...apply, waits: true } }] };
    const { out, requests } = await ptb(['plans', '--limit', '7'], { 'GET /plans': answer });
    expect(requests.map(({ path }) => path)).toEqual(['/plans?limit=7']);
    expect(
      out
        .split('\n')
        .slice(2, 4)
        .map((line) => line.split(/ {2,}/).slice(0, 3)),
    ).toEqual([
      [planId, 'ready', '2'],
      ['block@2', 'waits', '2'],
    ]);
    expect(JSON.parse((await ptb(['plans', 'list', '--json'], { 'GET /plans': answer })).out)).toEqual(answer);
  });

  it('shows on a terminal of 80 columns what commands take, and what to do without a plan', async () => {
    const planned = `block-user-consent@manual-${'8842'.repeat(8)}`;
    const answer = { plans: [{ ...plan, planId: planned, madeAt: new Date().toISOString() }] };
    const { out } = await onTerminal(80, () => ptb(['plans'], { 'GET /plans': answer }));
    expect(stripVTControlCharacters(out)).toContain('\nblock-user-consent@manual-88428842  ready  2        now');
    expect((await ptb(['plans'], { 'GET /plans': { plans: [] } })).out).toContain('`ptb plan JOB` makes one.');
  });

  it('shows the plan whose id begins so, and lists the candidates if several do', async () => {
    const others = [plan, { ...plan, planId: 'block@manual-2' }];
    const list = (plans: unknown[]) => ({ 'GET /plans': { plans }, [`GET ${at}`]: plan });
    expect((await ptb(['plans', 'show', 'block@man'], list([plan]))).out).toContain(`${planId}: ready`);
    const { exit, err } = await ptb(['plans', 'show', 'block@man'], list(others));
    expect([exit, err]).toEqual([
      2,
      expect.stringContaining('2 plans have an id that begins with "block@man". Give more of it:'),
    ]);
    expect(err).toContain('block@manual-2  ready, ');
  });

  it('says why tenants failed', async () => {
    const failed = { ...plan, tenants: partly.tenants };
    const { exit, out } = await ptb(['plans', 'show', planId], {
      [`GET ${at}`]: failed,
      [`GET ${runAt(planId)}`]: partly,
    });
    expect([exit, out]).toEqual([0, expect.stringContaining('What to do: Consent.')]);
  });

  const details = { tenantId, name: 'One', outcome: 'succeeded', attempts: 1, rows: 1, log: [], droppedLines: 0 };
  const row = { ...plan.groups[0], tenantId, change: 1 };

  it('shows each change of a tenant as planned, and with its outcome once the apply has begun there', async () => {
    const words = ['plans', 'show', planId, '--tenant', tenantId];
    const planned = {
      [`GET ${at}`]: plan,
      [`GET ${runAt(planId)}/tenants/${tenantId}`]: details,
      [`GET ${runAt(planId)}/results`]: new Response(JSON.stringify(row)),
    };
    expect((await ptb(words, planned)).out).toContain('\n~ /policies/authorizationPolicy\n    a: 1 -> 2\n');
    const begun = {
      ...planned,
      [`GET ${at}`]: { ...plan, apply },
      [`GET ${runAt(applyId)}/results`]: new Response(
        JSON.stringify({ ...row, outcome: 'drifted', detail: 'It changed.' }),
      ),
    };
    expect((await ptb(words, begun)).out).toContain(
      '~ /policies/authorizationPolicy  drifted\n    a: 1 -> 2\n    It changed.\n',
    );
    const { out } = await ptb([...words, '--json'], begun);
    expect(JSON.parse(out)).toMatchObject({ planId, tenant: details, changes: [{ outcome: 'drifted' }] });
  });

  it('follows a plan that is being made, and an apply', async () => {
    const words = ['plans', 'show', planId, '--wait'];
    expect((await ptb(words, { [`GET ${at}`]: plan, [`GET ${runAt(planId)}`]: partly })).exit).toBe(3);
    const ended = { ...plan, apply: { ...apply, status: 'completed' } };
    expect(
      (await ptb(words, { [`GET ${at}`]: ended, [`GET ${runAt(applyId)}`]: { ...run, runId: applyId } })).exit,
    ).toBe(0);
  });

  it('lets an apply go on, ends it, and plans its undo', async () => {
    const decided = { planId, runId: applyId };
    const answers = {
      [`GET ${at}`]: { ...plan, apply: { ...apply, waits: true, waitsFor: 'wave-1' } },
      [`POST ${at}/go-on`]: decided,
      [`POST ${at}/end`]: decided,
      [`POST ${at}/undo`]: { ...started, runId: 'u' },
    };
    const said = async (...words: string[]) => (await ptb(['plans', ...words], answers)).out;
    expect(await said('go-on', planId)).toBe(`It goes on.\nFollow it with: ptb plans show ${planId} --wait\n`);
    const { requests } = await ptb(['plans', 'go-on', planId], answers);
    expect(sent(requests).map(({ body }) => body)).toEqual([{ waitsFor: 'wave-1' }]);
    const reasoned = await ptb(['plans', 'go-on', planId, '--reason', 'No tickets since.'], answers);
    expect(sent(reasoned.requests).map(({ body }) => body)).toEqual([
      { waitsFor: 'wave-1', reason: 'No tickets since.' },
    ]);
    expect(await said('end', planId)).toContain('nothing more is sent');
    expect(await said('undo', planId)).toContain('Started the plan u.');
    expect(JSON.parse(await said('end', planId, '--json'))).toEqual(decided);
    const more = {
      ...answers,
      [`GET ${at}`]: { ...plan, apply: { ...apply, status: 'completed' } },
      [`GET ${runAt(applyId)}`]: run,
    };
    expect((await ptb(['plans', 'go-on', planId, '--wait'], more)).exit).toBe(0);
    const undone = { ...answers, 'GET /runs/u': run, 'GET /plans/u': { ...plan, planId: 'u', undoes: applyId } };
    const { err, out } = await ptb(['plans', 'undo', planId, '--wait'], undone);
    expect([err, out]).toEqual([
      expect.stringContaining(`which takes ${planId} back`),
      expect.stringContaining(`Takes back ${applyId}`),
    ]);
  });
});

describe('ptb apply', () => {
  const posted = { [`POST ${at}/apply`]: { runId: applyId, status: 'pending', location: '/x' } };

  it('sends waves, limits, pause and reason, and nothing that was not given', async () => {
    const tenants = { tenants: [{ tenantId, name: 'One' }] };
    const options = ['--waves', 'One', 'group:pilot', '10%', '100%', '--stop', 'failed=3,unclear=0', '--pause', '5'];
    const words = ['apply', planId, ...options, '--no-confirm', '--reason', 'Ticket 4711, agreed.', '--ask-again'];
    const { exit, out, requests } = await ptb(words, { ...posted, 'GET /tenants': tenants });
    expect(sent(requests).map(({ body }) => body)).toEqual([
      {
        waves: [tenantId, 'group:pilot', '10%', '100%'],
        stop: { failed: 3, unclear: 0 },
        pauseMinutes: 5,
        confirmWaves: false,
        reason: 'Ticket 4711, agreed.',
        askAgain: true,
      },
    ]);
    expect([exit, out]).toEqual([0, expect.stringContaining(`Started ${applyId}.`)]);
    expect(sent((await ptb(['apply', planId], posted)).requests)[0]?.body).toEqual({});
  });

  it.each([
    ['--stop', 'failed'],
    ['--stop', 'failed=-1'],
    ['--stop', 'broken=1'],
    ['--pause', '7201'],
    ['--pause', 'x'],
  ])('refuses %s %s without asking the broker', async (...option) => {
    const { exit, requests } = await ptb(['apply', planId, ...option], posted);
    expect([exit, requests]).toEqual([2, []]);
  });

  it('says that people must approve it, and goes on after that with --wait', async () => {
    const pending = { [`POST ${at}/apply`]: { approvalId: 'a-1', status: 'pending' } };
    const { exit, err } = await ptb(['apply', planId], pending);
    expect([exit, err]).toEqual([1, expect.stringContaining('ptb approvals show a-1')]);
    const answers = {
      [`POST ${at}/apply`]: [{ approvalId: 'a-1', status: 'pending' }, { runId: applyId }],
      'GET /approvals/a-1': [{ status: 'pending' }, { status: 'approved' }],
      [`GET ${runAt(applyId)}`]: run,
      [`GET ${at}`]: { ...plan, apply: { ...apply, status: 'completed' } },
    };
    const waited = await ptb(['apply', planId, '--wait'], answers);
    expect([waited.exit, sent(waited.requests).length]).toEqual([0, 2]);
  });

  const running = { ...run, status: 'running', outcome: 'running' };
  const hold = {
    code: 'apply_held',
    detail: '1 tenant failed: wave 1 stops at 1.',
    at: '2026-11-24T12:00:00Z',
  };
  it.each([
    ['held', { ...apply, waits: true, hold }, running, 1],
    ['waiting after a wave', { ...apply, waits: true }, running, 3],
    ['partly applied', { ...apply, status: 'completed' }, partly, 3],
    ['ended', { ...apply, status: 'cancelled' }, { ...run, outcome: 'cancelled', status: 'cancelled' }, 1],
    ['applied', { ...apply, status: 'completed' }, run, 0],
  ])('with --wait ends when it is %s', async (_, state, ofRun, code) => {
    const answers = { ...posted, [`GET ${at}`]: { ...plan, apply: state }, [`GET ${runAt(applyId)}`]: ofRun };
    const { exit, out } = await ptb(['apply', planId, '--wait'], answers);
    expect(exit).toBe(code);
    expect(out.includes(`ptb plans go-on ${planId}`)).toBe('waits' in state && state.waits);
    expect(out.includes(hold.detail)).toBe('hold' in state);
  });

  it('follows on while an apply pauses', async () => {
    const pausing = { ...plan, apply };
    const answers = {
      ...posted,
      [`GET ${at}`]: [pausing, pausing, { ...plan, apply: { ...apply, waits: true } }],
      [`GET ${runAt(applyId)}`]: running,
    };
    vi.spyOn(Date, 'now').mockReturnValue(0);
    expect((await ptb(['apply', planId, '--wait'], answers)).exit).toBe(3);
  });
});
