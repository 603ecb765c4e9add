import { beforeAll, expect, it } from 'vitest';
import { expectedFunctions } from '../../src/cli/verify/azure/functions.ts';
import { jobs } from '../../src/jobs/index.ts';
import { installCoreModule, Registry } from 'functions-host/testing';

/** Records registrations as the Functions host does. Like the worker, it rejects a name that is registered twice. */
const registry = new Registry(() => undefined);

interface Registration {
  readonly name: string;
  readonly trigger: string;
  readonly details: Readonly<Record<string, unknown>>;
}

beforeAll(async () => {
  // Before the app is loaded: the library looks for the host once, and stays in test mode if there is none.
  installCoreModule(registry);
  await import('../../src/index.ts');
});

const registrations = (): Registration[] =>
  [...registry.functions.values()]
    .map(({ metadata }) => {
      const [trigger] = Object.values(metadata.bindings).filter(({ type }) => /trigger$/i.test(type));
      return { name: metadata.name, trigger: trigger?.type ?? '?', details: { ...trigger } };
    })
    .toSorted((a, b) => `${a.trigger} ${a.name}`.localeCompare(`${b.trigger} ${b.name}`, 'en'));

const http = (): Registration[] => registrations().filter(({ trigger }) => trigger === 'httpTrigger');

const isSchedule = ({ name }: Registration): boolean => name.startsWith('schedule-');

it('registers exactly these functions and a timer for each job with a schedule', () => {
  const fixed = registrations().filter((each) => !isSchedule(each));
  const lines = fixed.map(({ name, trigger, details }) => {
    const { route, methods, authLevel, schedule } = details;
    const more = Array.isArray(methods) ? [methods.join('|'), `/${String(route)}`, authLevel] : [schedule ?? ''];
    return [trigger, name, ...more].join(' ').trim();
  });
  expect(lines).toMatchInlineSnapshot(`
    [
      "activityTrigger announce-approval",
      "activityTrigger announce-run",
      "activityTrigger export-run",
      "activityTrigger finish-run",
      "activityTrigger judge-wave",
      "activityTrigger list-tenants",
      "activityTrigger settle-approval",
      "activityTrigger tenant-run",
      "activityTrigger visit-tenants",
      "httpTrigger approvals GET /approvals anonymous",
      "httpTrigger approvals-decide POST /approvals/{approvalId}/decision anonymous",
      "httpTrigger approvals-show GET /approvals/{approvalId} anonymous",
      "httpTrigger assets GET /assets/{file} anonymous",
      "httpTrigger audit GET /audit anonymous",
      "httpTrigger audit-checkpoints GET /audit/checkpoints anonymous",
      "httpTrigger audit-extract GET /audit/extract anonymous",
      "httpTrigger audit-heads GET /audit/heads anonymous",
      "httpTrigger audit-records GET /audit/records anonymous",
      "httpTrigger dashboard GET /dashboard anonymous",
      "httpTrigger docs GET /docs anonymous",
      "httpTrigger events GET /events anonymous",
      "httpTrigger gateway GET|POST|PATCH|PUT|DELETE /gateway/{tenant}/{resource}/{*path} anonymous",
      "httpTrigger health GET /health anonymous",
      "httpTrigger jobs GET /jobs anonymous",
      "httpTrigger jobs-history GET /jobs/{job}/history anonymous",
      "httpTrigger jobs-start POST /jobs/{job}/runs anonymous",
      "httpTrigger mcp POST|GET|DELETE /mcp anonymous",
      "httpTrigger mcp-metadata GET /.well-known/oauth-protected-resource anonymous",
      "httpTrigger metrics GET /metrics anonymous",
      "httpTrigger openapi GET /openapi.json anonymous",
      "httpTrigger plans GET /plans anonymous",
      "httpTrigger plans-apply POST /plans/{planId}/apply anonymous",
      "httpTrigger plans-end POST /plans/{planId}/end anonymous",
      "httpTrigger plans-go-on POST /plans/{planId}/go-on anonymous",
      "httpTrigger plans-make POST /jobs/{job}/plans anonymous",
      "httpTrigger plans-show GET /plans/{planId} anonymous",
      "httpTrigger plans-undo POST /plans/{planId}/undo anonymous",
      "httpTrigger policy-replays POST /policy/replays anonymous",
      "httpTrigger queries-start POST /queries anonymous",
      "httpTrigger runs GET /runs anonymous",
      "httpTrigger runs-cancel POST /runs/{runId}/cancel anonymous",
      "httpTrigger runs-changes GET /runs/{runId}/changes anonymous",
      "httpTrigger runs-rerun POST /runs/{runId}/rerun anonymous",
      "httpTrigger runs-results GET /runs/{runId}/results anonymous",
      "httpTrigger runs-show GET /runs/{runId} anonymous",
      "httpTrigger runs-tenant GET /runs/{runId}/tenants/{tenantId} anonymous",
      "httpTrigger runs-tenants GET /runs/{runId}/tenants anonymous",
      "httpTrigger sign-in GET /sign-in anonymous",
      "httpTrigger tenants GET /tenants anonymous",
      "httpTrigger tenants-events GET /tenants/{tenant}/events anonymous",
      "httpTrigger tenants-history GET /tenants/{tenant}/history anonymous",
      "httpTrigger tenants-show GET /tenants/{tenant} anonymous",
      "httpTrigger tenants-tag PUT /tenants/{tenant}/tags anonymous",
      "httpTrigger tokens POST /tokens anonymous",
      "orchestrationTrigger apply-waves",
      "orchestrationTrigger approval",
      "orchestrationTrigger fan-out",
      "orchestrationTrigger fan-out-batch",
      "timerTrigger checkpoint-audit 40 */5 * * * *",
      "timerTrigger purge-audit 0 13 3 * * *",
      "timerTrigger purge-runs 0 43 2 * * *",
      "timerTrigger rotate-credential 0 17 3 * * *",
      "timerTrigger watch-runs 20 */5 * * * *",
      "timerTrigger watch-tenants 50 3-59/10 * * * *",
    ]
  `);
  const timers = registrations()
    .filter(isSchedule)
    .map(({ name, trigger, details }) => ({ name, trigger, schedule: details['schedule'] }));
  const scheduled = jobs.flatMap(({ name, schedule }) =>
    schedule === undefined
      ? []
      : [{ name: `schedule-${name}`, trigger: 'timerTrigger', schedule: schedule.expression }],
  );
  expect(scheduled.length).toBeGreaterThan(0);
  expect(timers).toEqual(scheduled.toSorted((a, b) => a.name.localeCompare(b.name, 'en')));
});

it('registers the functions that ptb verify expects', () => {
  const names = registrations()
    .filter((each) => !isSchedule(each))
    .map(({ name }) => name);
  expect([...expectedFunctions].toSorted()).toEqual(names.toSorted());
});

it('requires these roles', async () => {
  const { declaredRoutes } = await import('../../src/functions/route.ts');
  const access = Object.fromEntries(declaredRoutes().map((route) => [route.name, route.access]));
  const readers = ['Approvals.Decide', 'Tokens.Request', 'Requests.Send'];
  const runReaders = ['Runs.Read', 'Requests.Send'];
  const runWriters = ['Runs.Write', 'Requests.Send'];
  expect(access).toEqual({
    approvals: readers,
    'approvals-decide': readers,
    'approvals-show': readers,
    assets: 'anonymous',
    audit: 'Audit.Read',
    'audit-checkpoints': 'Audit.Read',
    'audit-extract': 'Audit.Read',
    'audit-heads': 'optional',
    'audit-records': 'Audit.Read',
    dashboard: 'anonymous',
    docs: 'anonymous',
    events: 'Tenants.Read',
    gateway: 'Requests.Send',
    health: 'optional',
    jobs: 'Runs.Read',
    'jobs-history': 'Runs.Read',
    'jobs-start': 'Runs.Write',
    mcp: ['Requests.Send', 'Tenants.Read', 'Runs.Read', 'Runs.Write', 'Changes.Plan'],
    'mcp-metadata': 'anonymous',
    metrics: 'Metrics.Read',
    openapi: 'anonymous',
    plans: 'Runs.Read',
    'plans-apply': 'Changes.Apply',
    'plans-end': 'Changes.Apply',
    'plans-go-on': 'Changes.Apply',
    'plans-make': 'Changes.Plan',
    'plans-show': 'Runs.Read',
    'plans-undo': 'Changes.Plan',
    'policy-replays': 'Audit.Read',
    'queries-start': 'Requests.Send',
    runs: runReaders,
    'runs-cancel': runWriters,
    'runs-changes': 'Runs.Read',
    'runs-rerun': runWriters,
    'runs-results': runReaders,
    'runs-show': runReaders,
    'runs-tenant': runReaders,
    'runs-tenants': runReaders,
    'sign-in': 'anonymous',
    tenants: 'Tenants.Read',
    'tenants-events': 'Tenants.Read',
    'tenants-history': 'Runs.Read',
    'tenants-show': 'Tenants.Read',
    'tenants-tag': 'Tenants.Write',
    tokens: 'Tokens.Request',
  });
});

it('logs and rethrows the failure of a timer, so that alerts and the platform notice it', async () => {
  const timer = registry.functions.get('purge-audit');
  if (timer === undefined) throw new Error('purge-audit is not registered');
  const lines: string[] = [];
  const context = { functionName: 'purge-audit', error: (line: string) => void lines.push(line) };
  const callback = timer.callback as unknown as (trigger: unknown, context: unknown) => Promise<void>;
  await expect(callback({}, context)).rejects.toMatchObject({ code: 'config_invalid' });
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { event: 'audit.purge_failed', code: 'config_invalid' },
  ]);
});

it('registers each route and method once', () => {
  const taken = http().map(({ details }) => `${String(details['methods'])} ${String(details['route'])}`);
  expect(new Set(taken).size).toBe(taken.length);
});

it('rejects a second function with the same name in another case', async () => {
  const [first] = registry.functions.values();
  if (first === undefined) throw new Error('nothing is registered');
  const again = { ...first.metadata, name: first.metadata.name.toUpperCase() };
  expect(() => registry.registerFunction(again, first.callback)).toThrow(/already been registered/);
});
