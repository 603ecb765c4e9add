import { expect, it } from 'vitest';
import type { Services } from '../../src/composition.ts';
import { watchTenants } from '../../src/functions/events.ts';
import { BrokerError } from '../../src/lib/core/errors.ts';
import type { TenantEvents } from '../../src/lib/tenant-events/create-tenant-events.ts';
import { tenant } from '../support/audit-entries.ts';
import { recordingLogger } from '../fakes/recording-logger.ts';

type Follow = Parameters<TenantEvents['follow']>;

/** What the timer hands over to the look, with this setting. */
async function followed(setting: 'on' | 'off', more: object = {}): Promise<Follow> {
  const calls: Follow[] = [];
  const services = {
    settings: { AUTO_CONSENT: setting, PARTNER_TENANT_ID: tenant(9), cloud: { endpoints: {} } },
    tenantEvents: { follow: async (...args: Follow) => void calls.push(args) },
    log: recordingLogger().log,
    ...more,
  };
  await watchTenants(services as unknown as Services);
  const [call] = calls;
  if (call === undefined) throw new Error('The timer does not look.');
  return call;
}

it('looks at the results of all jobs, and consents only with AUTO_CONSENT=on', async () => {
  const [jobs, consent] = await followed('off');
  expect(jobs.map(({ name }) => name)).toContain('access-check');
  expect(consent).toBeUndefined();
});

it('consents with the credential of the default application', async () => {
  const loaded: string[] = [];
  const store = {
    load: async (application: string) => {
      loaded.push(application);
      throw new BrokerError('credential_missing', 'There is none.');
    },
  };
  const [, consent] = await followed('on', { credentials: { store } });
  const results = await consent?.([{ tenantId: tenant(1), name: 'One' }]);
  expect(loaded).toEqual(['default']);
  expect(results?.get(tenant(1))).toMatchObject({ outcome: 'later', failure: { code: 'credential_missing' } });
});
