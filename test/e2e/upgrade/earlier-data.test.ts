import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readClientCredential, readRefreshToken } from '../../../src/lib/tokens/credential/stored-secret.ts';
import { writeStored } from '../../support/stored-data.ts';
import { startWatchedDemo, type WatchedDemo } from '../../support/watched-demo.ts';
import { ask, type Recorded } from './recorded.ts';

const recordings = readdirSync(import.meta.dirname).filter((name) => /^\d+\.\d+\.\d+\.json$/.test(name));

describe.each(recordings)('what the version of %s stored', (name) => {
  const { stored, answers, secrets } = JSON.parse(readFileSync(join(import.meta.dirname, name), 'utf8')) as Recorded;
  let demo: WatchedDemo;

  beforeAll(async () => {
    demo = await startWatchedDemo({
      tenants: 2,
      plain: true,
      hostSettings: async (connectionString) => {
        await writeStored(connectionString, stored);
        return {};
      },
    });
  });
  afterAll(() => demo.stop());

  it('has rows and blobs of runs, plans, history, tags and the audit log', () => {
    const filled = Object.entries(stored.tables).flatMap(([table, rows]) => (rows.length > 0 ? [table] : []));
    expect(filled).toEqual(expect.arrayContaining(['Audit', 'ResultHistory', 'Runs', 'TenantRuns', 'TenantTags']));
    expect(stored.containers['results']?.length).toBeGreaterThan(3);
  });

  it.each(Object.keys(answers))('is read as it was then: GET %s', async (path) => {
    // Later versions may say more.
    expect(await ask(demo, path)).toMatchObject(answers[path] as object);
  });

  it('has the tags of tenants', async () => {
    const { tenants } = (await ask(demo, '/tenants')) as { tenants: { tenantId: string; tags?: string[] }[] };
    const tagged = tenants.filter(({ tags = [] }) => tags.length > 0).map(({ tenantId }) => tenantId);
    expect(tagged.length).toBeGreaterThan(0);
    for (const tenantId of tagged) expect(JSON.stringify(stored.tables['TenantTags'])).toContain(tenantId);
  });

  it('is what the next run of a job is compared with', async () => {
    const runId = await demo.api.startRun('licence-report');
    await expect.poll(async () => (await demo.api.run(runId)).status).toBe('completed');
    const changes = await ask(demo, `/runs/${encodeURIComponent(runId)}/changes`);
    const { runs } = answers['/runs'] as { runs: { runId: string; job: string }[] };
    const before = runs.find(({ job }) => job === 'licence-report')?.runId;
    expect(changes).toMatchObject({ comparedTenants: 2, comparedWith: before });
  });

  it('has secrets whose tags are read', () => {
    const propertiesOf = ({ contentType, tags, expiresOn }: Recorded['secrets']['refreshToken']) => ({
      name: 'name',
      vaultUrl: 'https://vault.example',
      version: '1',
      contentType,
      tags,
      ...(expiresOn === undefined ? {} : { expiresOn: new Date(expiresOn) }),
    });
    const stored = (secret: Recorded['secrets']['refreshToken']) => ({
      name: 'name',
      value: 'value',
      properties: propertiesOf(secret),
    });
    expect(readRefreshToken(stored(secrets.refreshToken))).toMatchObject({
      clientId: '22222222-2222-4222-8222-222222222222',
      account: 'broker@partner.example',
      accountObjectId: '33333333-3333-4333-8333-333333333333',
      obtainedAtMs: Date.UTC(2026, 10, 24),
      consentedAtMs: Date.UTC(2026, 10, 24),
      expiresAtMs: Date.UTC(2027, 1, 22),
      mfa: true,
    });
    expect(readClientCredential(stored(secrets.clientCredential))).toMatchObject({
      clientId: '22222222-2222-4222-8222-222222222222',
      tenantId: '11111111-2222-4333-8444-555555555555',
      endsAtMs: Date.UTC(2027, 1, 22),
      keyId: '33333333-3333-4333-8333-333333333333',
      credential: { kind: 'secret' },
    });
  });
});
