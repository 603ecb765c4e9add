import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HttpRequest } from '@azure/functions';
import { TableClient } from '@azure/data-tables';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { Services } from '../../../src/composition.ts';
import { journalTable, TableCredentialJournal } from '../../../src/lib/tokens/credential/credential-journal.ts';
import { environmentOf } from 'microsoft-cloud';
import { type Azurite, startAzurite } from '../../support/azurite.ts';
import { account } from 'microsoft-cloud/testing';
import * as control from 'microsoft-cloud/client';
import { browser, startOperator, type TestOperator } from './operator.ts';

// The timer and the health route of the app, composed as in Azure, with Azurite and the simulated cloud.

let operator: TestOperator;
let azurite: Azurite;
let folder: string;
let services: Services;
let rotateCredentials: (services: Services) => Promise<unknown>;
let journal: TableCredentialJournal;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-timer-'));
  [operator, azurite] = await Promise.all([startOperator(), startAzurite({ persistence: 'disk', folder })]);
  // The app's log outside of an invocation.
  vi.spyOn(console, 'error').mockImplementation((line) => void operator.note("the app's log", String(line)));
  await operator.setUp();
  await operator.setUp({ application: 'reader', displayName: 'reader', credential: 'federated' });
  await operator.consent(browser(operator.cloud));
  await operator.consent(browser(operator.cloud), { application: 'reader' });
  for (const [name, value] of Object.entries(environmentOf(operator.cloud.document))) vi.stubEnv(name, value);
  vi.stubEnv('AzureWebJobsStorage', azurite.connectionString);
  ({ rotateCredentials } = await import('../../../src/functions/rotation.ts'));
  const composition = await import('../../../src/composition.ts');
  services = await composition.services();
  journal = new TableCredentialJournal(async () =>
    TableClient.fromConnectionString(azurite.connectionString, journalTable, { allowInsecureConnection: true }),
  );
});
afterAll(async () => {
  vi.restoreAllMocks();
  // Azurite flushes its files when it ends.
  await azurite.stop();
  await operator.stop(folder);
  await rm(folder, { recursive: true, force: true });
});

async function healthFor(caller: boolean): Promise<{ status: number; body: Record<string, unknown> }> {
  const { health } = await import('../../../src/functions/health.ts');
  const request = new HttpRequest({ method: 'GET', url: 'http://localhost/api/health' });
  const by = {
    applicationId: 'a',
    objectId: 'o',
    kind: 'application',
    roles: ['Runs.Read'],
    tenantId: operator.partnerTenantId,
    name: 'n',
  } as const;
  const { log } = services;
  const answer = await health.answer(services, { request, log, correlationId: 'c', caller: caller ? by : undefined });
  operator.note('the answer of health', answer.jsonBody);
  return { status: answer.status, body: answer.jsonBody as Record<string, unknown> };
}

it('rotates every application, checks MFA at Partner Center and records both', async () => {
  await rotateCredentials(services);
  for (const application of ['default', 'reader']) {
    expect(await operator.store.listRefreshTokenVersions(application)).toHaveLength(2);
    expect(await journal.read(application)).toMatchObject({
      rotatedAtMs: expect.any(Number),
      mfaProbe: { compliant: true },
    });
  }
});

it('shows the credential on the health route to a caller', async () => {
  // There is no access policy here, which is a degradation by itself.
  const { status, body } = await healthFor(true);
  expect(status).toBe(200);
  expect(body).toMatchObject({
    policy: { state: 'deny-all' },
    storage: { status: 'ok' },
    applications: [
      {
        application: 'default',
        state: { status: 'ok' },
        account: account(operator.cloud, 'broker'),
        mfa: true,
        daysLeft: 89,
        lastRotation: expect.any(String),
        mfaProbe: { compliant: true },
      },
    ],
  });
  expect((await healthFor(false)).body).toEqual({ status: body['status'] });
});

it('records the failure and throws, so that the platform counts it', async () => {
  await control.changeAccount(operator.cloud.control, account(operator.cloud, 'broker'), { enabled: false });
  await expect(rotateCredentials(services)).rejects.toMatchObject({ code: 'credential_revoked' });
  const { failure } = await journal.read('default');
  expect(failure).toMatchObject({ code: 'credential_revoked', detail: expect.stringMatching(/AADSTS50057/) });
  expect(await operator.store.listRefreshTokenVersions('default')).toHaveLength(2);
});

it('renews a client secret that expires soon, with the permission to change only itself', async () => {
  await control.changeAccount(operator.cloud.control, account(operator.cloud, 'broker'), { enabled: true });
  const before = await operator.store.load('default');
  // Pretend that the secret was created half a year ago.
  await operator.store.saveClientCredential('default', { ...before.client, endsAtMs: Date.now() + 10 * 86_400_000 });
  // Shortens pauses, but not deadlines, which have a signal.
  const sleep = services.clock.sleep.bind(services.clock);
  vi.spyOn(services.clock, 'sleep').mockImplementation(async (ms, signal) => (signal ? sleep(ms, signal) : undefined));
  await rotateCredentials(services);
  const after = await operator.store.load('default');
  expect(after.client.keyId).not.toBe(before.client.keyId);
  expect(after.client.endsAtMs).toBeGreaterThan(Date.now() + 170 * 86_400_000);
});

it('renews a client certificate that expires soon', async () => {
  await operator.setUp({ application: 'signer', displayName: 'signer', credential: 'certificate' });
  const before = await operator.store.load('signer');
  await operator.store.saveClientCredential('signer', { ...before.client, endsAtMs: Date.now() + 10 * 86_400_000 });
  await rotateCredentials(services);
  const { client } = await operator.store.load('signer');
  expect(client.credential.kind).toBe('certificate');
  expect(client.keyId).not.toBe(before.client.keyId);
  expect(client.endsAtMs).toBeGreaterThan(Date.now() + 360 * 86_400_000);
});

it('removes the former secret the day after the managed identity worked', async () => {
  const clientId = (await operator.store.load('default')).client.clientId;
  const application = [...operator.cloud.world.partner.directory.applications.values()].find(
    ({ appId }) => appId === clientId,
  );
  const former = application?.passwords;
  expect(former).not.toEqual([]);
  await operator.setUp({ credential: 'federated' });
  await rotateCredentials(services);
  expect(application?.passwords).toEqual(former);
  const nowMs = services.clock.nowMs();
  vi.spyOn(services.clock, 'nowMs').mockReturnValue(nowMs + 24 * 3_600_000);
  await rotateCredentials(services);
  expect(application?.passwords).toEqual([]);
  // The app knows the trust in its own managed identity.
  expect(application?.federated.size).toBe(1);
  expect((await journal.read('default')).unknownKeys).toBeUndefined();
});

it('skips an application that was revoked and not set up again', async () => {
  for (const { version } of await operator.store.listClientCredentialVersions('reader')) {
    await operator.store.disableClientCredentialVersion('reader', version);
  }
  const outcomes = await rotateCredentials(services);
  expect(outcomes).toMatchObject([{ application: 'default' }, { application: 'signer' }]);
});
