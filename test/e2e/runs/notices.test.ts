import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';
import { changeTenant } from 'microsoft-cloud/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RunningChild, startChild } from '../../../src/cli/demo/child.ts';
import { ptbScript } from '../../paths.ts';
import { skewedClock } from '../../support/skewed-clock.ts';
import { buildChangedApp, type ChangedApp } from '../../support/tuned-app.ts';
import { startWatchedDemo, type WatchedDemo } from '../../support/watched-demo.ts';
import { NoticeReceiver } from './notice-receiver.ts';

const secret = `whsec_${Buffer.alloc(32, 'k').toString('base64')}`;
/** More than the claim of a killed instance lasts, and less than receivers tolerate. */
const aheadMs = 4.5 * 60_000;

/** Lets a job of the app ask for notices. */
const notifying: Plugin = {
  name: 'notifying',
  setup: (plugin) => {
    plugin.onLoad({ filter: /[\\/]src[\\/]jobs[\\/]licence-report\.ts$/ }, async ({ path }) => {
      const [before, after, ...more] = (await readFile(path, 'utf8')).split("name: 'licence-report',");
      if (after === undefined || more.length > 0) throw new Error('The job has no name, or several.');
      return { contents: `${before}name: 'licence-report', notify: true,${after}`, loader: 'ts' };
    });
  },
};

const receiver = new NoticeReceiver(secret);
let app: ChangedApp;
let demo: WatchedDemo;
let host: RunningChild<{ url: string; masterKey: string }>;
let settings: Readonly<Record<string, string>>;
const log: string[] = [];

const startHost = (port: string, environment: Readonly<Record<string, string>>): Promise<typeof host> =>
  startChild(ptbScript, ['host', '--json', '--app', app.folder, '--port', port], {
    environment,
    onLine: (line) => log.push(line),
  });

beforeAll(async () => {
  app = await buildChangedApp(notifying);
  const address = await receiver.start();
  demo = await startWatchedDemo({
    tenants: 12,
    plain: true,
    appFolder: app.folder,
    startApp: async (environment) => {
      settings = {
        ...environment,
        NOTIFICATION_WEBHOOK: `${address}/chat`,
        NOTIFICATION_FORM: 'slack',
        NOTIFICATION_SIGNED_WEBHOOK: `${address}/program`,
        NOTIFICATION_SIGNING_SECRET: secret,
        NOTIFICATION_FILTER: 'chat kind=tenant.lost; webhook kind=run.*,tenant.lost except=group:gold',
      };
      return (host = await startHost('0', settings));
    },
  });
});

afterAll(async () => {
  demo?.note('log of the hosts', log.join('\n'));
  demo?.note('what receivers got', JSON.stringify([receiver.requests, receiver.messages]));
  await host?.stop();
  await demo?.stop();
  await receiver.stop();
  await app?.remove();
});

/** Lets a timer fire now. */
async function fire(timer: string): Promise<void> {
  const { status } = await fetch(`${host.ready.url}/admin/functions/${timer}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-functions-key': host.ready.masterKey },
    body: '{}',
  });
  expect(status).toBe(202);
}

async function call<T>(path: string, more: { readonly method?: string; readonly body?: string } = {}): Promise<T> {
  const headers = { authorization: `Bearer ${await demo.callerToken()}`, 'content-type': 'application/json' };
  return (await (await fetch(`${host.ready.url}/api${path}`, { ...more, headers })).json()) as T;
}

interface Customer {
  readonly tenantId: string;
  readonly relationship: string;
  readonly groups: readonly string[];
}
/** Customers with a relationship, first those of the group `gold`. */
async function customers(): Promise<readonly Customer[]> {
  const { tenants } = await call<{ tenants: Customer[] }>('/tenants');
  return tenants
    .filter(({ relationship }) => relationship === 'gdap')
    .toSorted((one, other) => other.groups.length - one.groups.length);
}

/** Ends the relationships with customers, and lets the broker look. */
async function lose(lost: readonly Customer[]): Promise<void> {
  for (const { tenantId } of lost) await changeTenant(demo.cloud.control, tenantId, { relationshipEndsInMs: 0 });
  await fire('watch-tenants');
}

const looks = () => log.filter((line) => line.includes('"tenant_events.stored"')).length;

it('a finished report reaches a program that failed, after the host was killed, with the same id and body', async () => {
  await fire('watch-tenants');
  await expect.poll(looks).toBe(1);
  const { runId } = await call<{ runId: string }>('/jobs/licence-report/runs', { method: 'POST', body: '{}' });
  await expect.poll(() => receiver.requests.length).toBe(1);
  await host.kill();
  receiver.status = 204;
  // On the same port, because addresses in notices contain it.
  host = await startHost(new URL(host.ready.url).port, { ...settings, ...skewedClock(aheadMs) });
  await fire('watch-runs');
  await expect.poll(() => receiver.requests.length).toBe(2);
  const [failed, delivered] = receiver.requests;
  expect(delivered).toEqual(failed);
  expect(delivered?.event).toMatchObject({ id: delivered?.id, type: 'partner-token-broker.run.finished' });
  expect(delivered?.event.data).toMatchObject({
    kind: 'run.finished',
    severity: 'info',
    link: `${host.ready.url}/api/dashboard#/runs/${encodeURIComponent(runId)}`,
  });
  expect(delivered?.event.data['facts']).toContainEqual({ name: 'Tenants', value: '12, 12 succeeded, 0 failed' });
  expect(receiver.messages).toEqual([]);
});

it('eight customers that are lost at once are one message, and requests about those that the filter lets through', async () => {
  const lost = (await customers()).slice(0, 8);
  expect(lost.filter(({ groups }) => groups.includes('gold'))).toHaveLength(3);
  await lose(lost);
  await expect.poll(() => receiver.messages.length).toBe(1);
  expect(receiver.messages[0]).toMatch(/^:red_circle: \*8 tenants: access is lost\*\n/);
  await expect.poll(() => receiver.requests.length).toBe(2 + 5);
  const told = receiver.requests.slice(2).map(({ event: { subject, data } }) => `${String(subject)} ${data.kind}`);
  const wanted = lost.slice(3).map(({ tenantId }) => `${tenantId} tenant.lost`);
  expect(told.toSorted()).toEqual(wanted.toSorted());
});

it('a program that answers 410 gets nothing more, and health says so', async () => {
  receiver.status = 410;
  const left = (await customers()).slice(8);
  await lose(left.slice(0, 1));
  await expect.poll(() => receiver.requests.length).toBe(8);
  const problem = async (): Promise<unknown> => {
    const { notifications } = await call<{ notifications: { problem?: string } }>('/health');
    return notifications.problem ?? '';
  };
  await expect.poll(problem).toContain('The signed webhook answered 410');
  await lose(left.slice(1, 2));
  await expect.poll(() => receiver.messages.length).toBe(3);
  await fire('watch-runs');
  await lose(left.slice(2, 3));
  await expect.poll(() => receiver.messages.length).toBe(4);
  expect([receiver.requests.length, receiver.refused]).toEqual([8, []]);
});
