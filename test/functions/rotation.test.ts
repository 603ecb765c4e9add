import { beforeEach, expect, it, vi } from 'vitest';
import type { Services } from '../../src/composition.ts';
import { rotateCredentials } from '../../src/functions/rotation.ts';
import type { ClaimedMaintenanceDeps, KeepAliveResult } from '../../src/lib/tokens/credential/keep-alive.ts';
import { clouds } from '../../src/lib/core/resources.ts';
import { BrokerError } from '../../src/lib/core/errors.ts';
import { recordingLogger } from '../fakes/recording-logger.ts';

const cared = vi.hoisted(() => ({
  deps: [] as ClaimedMaintenanceDeps[],
  outcome: (_application: string): KeepAliveResult | undefined => undefined,
}));
vi.mock('../../src/lib/tokens/credential/keep-alive.ts', () => ({
  claimedMaintenance: async (deps: ClaimedMaintenanceDeps, application: string) => {
    cared.deps.push(deps);
    return cared.outcome(application);
  },
}));

const rotated = { rotation: { outcome: 'rotated' } } as unknown as KeepAliveResult;
let done: string[];
let recorder: ReturnType<typeof recordingLogger>;

const services = (settings: Partial<Services['settings']> = {}): Services =>
  ({
    log: recorder.log,
    settings: { cloud: clouds.public, CLIENT_SECRET_RENEWAL: 'on', ...settings },
    credentials: {
      store: { listApplications: async () => ['one', 'two'] },
      cached: { reload: async (application: string) => void done.push(`reload ${application}`) },
    },
    broker: { recover: async (application: string) => void done.push(`recover ${application}`) },
    health: {
      report: async () => {
        done.push('report');
        return { status: 'ok' };
      },
    },
  }) as unknown as Services;

beforeEach(() => {
  done = [];
  recorder = recordingLogger();
  cared.deps = [];
  cared.outcome = () => rotated;
});

it('uses the new credential of each application from then on, and reports health last', async () => {
  expect(await rotateCredentials(services())).toEqual([rotated, rotated]);
  expect(done).toEqual(['reload one', 'recover one', 'reload two', 'recover two', 'report']);
  expect(recorder.lines.map(({ line }) => JSON.parse(line) as unknown)).toMatchObject([
    { event: 'credential.cared_for', applications: 2, status: 'ok' },
  ]);
});

it('leaves an application alone that another instance rotates', async () => {
  cared.outcome = (application) => (application === 'one' ? undefined : rotated);
  expect(await rotateCredentials(services())).toEqual([rotated]);
  expect(done).toEqual(['reload two', 'recover two', 'report']);
});

it('fails after it has cared for all applications and has reported, when a rotation failed', async () => {
  const failure = new BrokerError('key_vault_unavailable', 'Away.');
  cared.outcome = (application) => (application === 'one' ? ({ rotation: failure } as KeepAliveResult) : rotated);
  await expect(rotateCredentials(services())).rejects.toBe(failure);
  expect(done).toEqual(['reload one', 'recover one', 'reload two', 'recover two', 'report']);
});

it('renews client credentials, unless CLIENT_SECRET_RENEWAL is off', async () => {
  await rotateCredentials(services({ CLIENT_SECRET_RENEWAL: 'on' }));
  await rotateCredentials(services({ CLIENT_SECRET_RENEWAL: 'off' }));
  const renewals = cared.deps.map(({ renewal }) => renewal?.graphIdentifier);
  const graph = 'https://graph.microsoft.com';
  expect(renewals).toEqual([graph, graph, undefined, undefined]);
});
