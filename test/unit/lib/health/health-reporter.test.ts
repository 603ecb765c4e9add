import { beforeEach, describe, expect, it } from 'vitest';
import { selectionOf, createSetCompiler } from '../../../../src/lib/access/tenants/tenant-set.ts';
import type { AccessPolicy, Rule } from '../../../../src/lib/access/policy/policy.ts';
import type { PolicyState } from '../../../../src/lib/access/policy/policy-store.ts';
import { CachedCredentials } from '../../../../src/lib/tokens/credential/cached-credentials.ts';
import {
  applicationsInUse,
  HealthReporter,
  type HealthReporterDeps,
} from '../../../../src/lib/health/health-reporter.ts';
import { StateWatch } from '../../../../src/lib/health/state-watch.ts';
import type { CheckpointState } from '../../../../src/lib/audit/evidence.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { parseTenantId, type TenantId } from '../../../../src/lib/core/identifiers.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { MemoryCredentialJournal } from '../../../fakes/memory-credential-journal.ts';
import { type MemoryCredentialStore, storeWithCredential } from '../../../fakes/memory-credential-store.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';

const partner = parseTenantId('99999999-9999-4999-8999-999999999999') as TenantId;
let clock: FakeClock;
let store: MemoryCredentialStore;
let journal: MemoryCredentialJournal;
let policy: PolicyState;
let dead: BrokerError | undefined;
let noticeProblems: () => readonly string[];
let settingsWarnings: readonly string[];
let unknown: readonly string[];
let checkpoints: () => CheckpointState;
let unused: Awaited<ReturnType<HealthReporterDeps['ruleUse']['unused']>>;
let permissionMap: () => Awaited<ReturnType<HealthReporterDeps['permissionMap']['inForce']>>;
let recorder: ReturnType<typeof recordingLogger>;

beforeEach(async () => {
  clock = new FakeClock();
  store = await storeWithCredential(partner, () => clock.nowMs());
  journal = new MemoryCredentialJournal();
  policy = { policy: { rules: [], groups: new Map() }, state: 'current', loadedAtMs: 0 };
  dead = undefined;
  noticeProblems = () => [];
  settingsWarnings = [];
  unknown = [];
  permissionMap = () => ({ map: { permissions: ['User.Read.All'] }, origin: undefined });
  checkpoints = () => ({ state: 'off' });
  unused = undefined;
  recorder = recordingLogger();
});

const compile = createSetCompiler();
const anywhere = selectionOf(compile([{ kind: 'all' }]), compile([]));

const rule = (application: string, ...grants: ('delegated' | 'application')[]): Rule => ({
  name: application,
  callers: '*',
  objects: '*',
  kinds: '*',
  blueprints: '*',
  tokens: true,
  gateway: false,
  changes: undefined,
  requests: undefined,
  reads: undefined,
  approval: undefined,
  breakGlass: false,
  protect: undefined,
  roles: [],
  grants: new Set(grants),
  resources: '*',
  tenants: anywhere,
  written: { tenants: [{ kind: 'all' }], except: [], reads: [] },
  application,
  scopes: undefined,
  excessScopes: 'refuse',
});

let deletions: string[] = [];

function reporter(): HealthReporter {
  const { log } = recorder;
  return new HealthReporter({
    credentials: new CachedCredentials({ store, clock, log }, 600),
    credentialFailure: () => dead,
    journal,
    policy: { current: async () => policy },
    ruleUse: { unused: async () => unused },
    watch: new StateWatch({ journal, clock, log }),
    notifications: { problems: async () => noticeProblems() },
    directory: { settingsWarnings: () => settingsWarnings },
    permissionMap: { inForce: async () => permissionMap() },
    evidence: { state: async () => checkpoints() },
    unknownSettings: unknown,
    storage: { deletions: () => deletions },
    clock,
  });
}

describe('HealthReporter', () => {
  it('reports an overall status and the status of every part', async () => {
    expect(await reporter().report()).toMatchObject({
      status: 'ok',
      applications: [{ application: 'default' }],
      policy: { status: 'ok', state: 'current', rules: 0 },
      storage: { status: 'ok' },
      keyVault: { status: 'ok' },
      notifications: { status: 'ok' },
    });
  });

  it('counts the rules that nobody used, which are no problem', async () => {
    unused = { rules: ['old', 'older'], sinceMs: 0 };
    expect((await reporter().report()).policy).toEqual({
      status: 'ok',
      state: 'current',
      rules: 0,
      unused: { rules: 2, since: '1970-01-01T00:00:00.000Z' },
    });
  });

  it('caches the report for 15 seconds, so that requests cannot cause reads of the vault', async () => {
    const health = reporter();
    await Promise.all(Array.from({ length: 50 }, () => health.report()));
    await clock.advance(14_000);
    await health.report();
    expect(store.loads).toBe(1);
  });

  it('reports down while storage is unavailable, because no token is issued without a record', async () => {
    journal.down = true;
    expect(await reporter().report()).toMatchObject({ status: 'down', storage: { status: 'down' } });
  });

  it('names a deleted table, which is no reason to refuse tokens', async () => {
    deletions = ['"Runs" was found deleted.'];
    expect(await reporter().report()).toMatchObject({
      status: 'degraded',
      storage: { status: 'degraded', problem: '"Runs" was found deleted.' },
    });
    deletions = [];
  });

  it('reports down without Key Vault at the start, and degraded while the credential is cached', async () => {
    const health = reporter();
    await health.report();
    store.failure = new BrokerError('key_vault_unavailable', 'Key Vault answered HTTP 503.');
    await clock.advance(700_000);
    expect(await health.report()).toMatchObject({ status: 'degraded', keyVault: { status: 'degraded' } });
    expect(await reporter().report()).toMatchObject({ status: 'down' });
  });

  it('does not attribute the failure of one application to another application or to the vault', async () => {
    policy = { ...policy, policy: { rules: [rule('reader', 'application')], groups: new Map() } };
    const load = store.load.bind(store);
    store.load = async (application) => {
      if (application === 'default') return load(application);
      throw new BrokerError('client_credential_rejected', 'The stored certificate has no private key.');
    };
    const health = reporter();
    for (let minute = 0; minute < 40; minute += 1) {
      const { applications, keyVault } = await health.report();
      expect(applications.map(({ state }) => state.status)).toEqual(['ok', 'down']);
      expect(keyVault.status).toBe('ok');
      await clock.advance(60_000);
    }
    expect(recorder.events()).toEqual(['credential.state_changed']);
  });

  it('reports a degraded vault when it refuses the secrets of one application', async () => {
    policy = { ...policy, policy: { rules: [rule('reader', 'application')], groups: new Map() } };
    const load = store.load.bind(store);
    store.load = async (application) => {
      if (application === 'reader') throw new BrokerError('key_vault_unavailable', 'The identity lacks the role.');
      await clock.sleep(0);
      return load(application);
    };
    const report = reporter().report();
    await clock.advance(1);
    expect((await report).keyVault).toEqual({
      status: 'degraded',
      problem: 'The identity lacks the role.',
      lastReadAt: expect.any(String) as string,
    });
  });

  it('says when the vault was last read, for whichever application', async () => {
    const health = reporter();
    await health.report();
    await clock.advance(60_000);
    policy = { ...policy, policy: { rules: [rule('reader', 'application')], groups: new Map() } };
    expect((await health.report()).keyVault.lastReadAt).toBe(new Date(clock.nowMs()).toISOString());
  });

  it('reports degraded, not down, while notices cannot be sent', async () => {
    noticeProblems = () => ['The chat is gone.', 'So is the other.'];
    expect(await reporter().report()).toMatchObject({
      status: 'degraded',
      applications: [{ state: { status: 'ok' } }],
      notifications: {
        status: 'degraded',
        problem: 'The chat is gone. So is the other.',
      },
    });
  });

  it('reports degraded while the outbox cannot be read', async () => {
    noticeProblems = () => {
      throw new BrokerError('storage_unavailable', 'The storage account did not answer.');
    };
    expect((await reporter().report()).notifications).toEqual({
      status: 'degraded',
      problem: 'The storage account did not answer.',
    });
  });

  it('reports degraded while a domain in the settings belongs to no tenant', async () => {
    expect(await reporter().report()).toMatchObject({ status: 'ok', tenants: { status: 'ok' } });
    settingsWarnings = ['TENANTS_EXCLUDE contains the domain typo.example, which no tenant has.', 'Another one.'];
    expect(await reporter().report()).toMatchObject({
      status: 'degraded',
      tenants: { status: 'degraded', problem: settingsWarnings.join(' ') },
    });
  });

  it('reports degraded while a setting is misspelt or without effect', async () => {
    expect(await reporter().report()).toMatchObject({ status: 'ok', settings: { status: 'ok' } });
    unknown = ['TENANT_EXCLUDE is not a setting.', 'RUN_ROUNDS has no effect.'];
    expect(await reporter().report()).toMatchObject({
      status: 'degraded',
      settings: { status: 'degraded', problem: unknown.join(' ') },
    });
  });

  it('reports which permission map is in force', async () => {
    expect(await reporter().report()).toMatchObject({
      status: 'ok',
      permissionMap: { status: 'ok', source: 'built-in', permissions: 1 },
    });
    const origin = { source: 'https://example.com/p.json', retrievedAt: '2026-11-24T00:00:00.000Z', sha256: 'a' };
    const problem = 'The stored permission map was changed.';
    permissionMap = () => ({ map: { permissions: [] }, origin, problem });
    expect(await reporter().report()).toMatchObject({
      status: 'degraded',
      permissionMap: { status: 'degraded', problem, ...origin, permissions: 0 },
    });
    permissionMap = () => {
      throw new BrokerError('storage_unavailable', 'The permission map cannot be read.');
    };
    expect(await reporter().report()).toMatchObject({
      status: 'degraded',
      permissionMap: { status: 'degraded', problem: 'The permission map cannot be read.' },
    });
  });

  it('reports the last checkpoint of the audit log, and why there is no newer one', async () => {
    expect(await reporter().report()).toMatchObject({ status: 'ok', auditCheckpoints: { status: 'ok', state: 'off' } });
    const lastAtMs = clock.nowMs() - 43 * 60_000;
    const lastAt = new Date(lastAtMs).toISOString();
    checkpoints = () => ({ state: 'current', lastAtMs, problem: 'Once.' });
    expect((await reporter().report()).auditCheckpoints).toEqual({ status: 'ok', state: 'current', lastAt });
    checkpoints = () => ({ state: 'current', lastAtMs, hasForeign: true });
    expect((await reporter().report()).auditCheckpoints).toMatchObject({
      status: 'degraded',
      state: 'current',
      problem: expect.stringContaining('lines that the app did not write'),
    });
    checkpoints = () => ({ state: 'late', problem: 'Key Vault has no key audit-checkpoints.' });
    expect((await reporter().report()).auditCheckpoints).toMatchObject({
      status: 'degraded',
      problem: expect.stringContaining('No checkpoint of the audit log was written. Key Vault has no key'),
    });
    checkpoints = () => ({ state: 'none' });
    expect((await reporter().report()).auditCheckpoints).toEqual({ status: 'ok', state: 'none' });
    checkpoints = () => ({ state: 'late', lastAtMs, problem: 'The key is disabled.' });
    expect(await reporter().report()).toMatchObject({
      status: 'degraded',
      auditCheckpoints: {
        status: 'degraded',
        state: 'late',
        lastAt,
        problem:
          'The last checkpoint of the audit log is 43 minutes old. The key is disabled. Records since then are not signed; tokens are issued all the same.',
      },
    });
    checkpoints = () => {
      throw new BrokerError('storage_unavailable', 'The checkpoints cannot be read.');
    };
    expect(await reporter().report()).toMatchObject({
      status: 'degraded',
      auditCheckpoints: { status: 'degraded', problem: 'The checkpoints cannot be read.' },
    });
  });

  it('reports degraded when there is no valid policy', async () => {
    policy = { ...policy, state: 'deny-all', problem: 'There is no access policy.' };
    expect(await reporter().report()).toMatchObject({
      status: 'degraded',
      policy: { problem: expect.any(String) },
    });
  });

  it('reports degraded when one of two applications is down', async () => {
    policy = { ...policy, policy: { rules: [rule('reader', 'delegated')], groups: new Map() } };
    const report = await reporter().report();
    expect(report.status).toBe('degraded');
    expect(report.applications.map(({ state }) => state.status)).toEqual(['ok', 'down']);
  });

  it('does not wait for a storage account that hangs', async () => {
    journal.read = () => new Promise(() => undefined);
    const report = reporter().report();
    await clock.advance(5_000);
    expect((await report).storage).toMatchObject({ status: 'down' });
  });

  it('announces a change once across instances and over time', async () => {
    await reporter().report();
    dead = new BrokerError('credential_revoked', 'The grant was revoked.');
    await reporter().report();
    await reporter().report();
    const same = reporter();
    await same.report();
    dead = undefined;
    await clock.advance(16_000);
    await same.report();
    const changes = recorder.lines.map(({ line }) => JSON.parse(line) as Record<string, unknown>);
    expect(changes).toMatchObject([
      { event: 'credential.state_changed', from: 'ok', to: 'down', reason: 'credential_revoked' },
      { event: 'credential.state_changed', from: 'down', to: 'ok' },
    ]);
  });
});

it('applicationsInUse returns the default application and those of the rules', () => {
  const rules = [rule('reader', 'application'), rule('writer', 'application'), rule('writer', 'delegated')];
  const inUse: AccessPolicy = { rules, groups: new Map() };
  expect([...applicationsInUse(inUse)]).toEqual([
    ['default', true],
    ['reader', false],
    ['writer', true],
  ]);
});
