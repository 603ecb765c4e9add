import { join } from 'node:path';
import type { CloudDocument } from 'microsoft-cloud';
import { expect, vi } from 'vitest';
import { callerTokens, fullCaller } from '../../src/cli/demo/caller-token.ts';
import type { Notice } from '../../src/lib/notices/notice.ts';
import { guid } from '../support/audit-entries.ts';
import { noticeOf } from '../support/notices.ts';
import { claims, KeyServer, newSigningKey, signJwt } from '../support/token-forge.ts';
import type { TestOperator } from '../e2e/credential/operator.ts';
import { type App, compose, heldWork, surroundings, tokenFor } from './composed.ts';
import type { OpenedStorage } from './fake-storage.ts';
import type { Rows, SettingRow, SettingRows } from './rows.ts';
import { storageRows } from './storage-rows.ts';

/** A customer that has only a reseller contract. */
const legacy = 6;

const codeOf = ({ code }: { readonly code: string }): string => code;
const detailOf = ({ detail }: { readonly detail: string }): string => detail;

/** @param folder holds the policy file. */
export function settingRows(operator: TestOperator, folder: string, opened: OpenedStorage): SettingRows {
  const { document, ledger } = operator.cloud;
  return {
    ...cloudRows(operator),
    ...callerRows(document, folder, opened),
    ...tenantRows(document),
    ENTRA_CONCURRENCY: {
      // No ledger can be read here, so the app uses a quarter.
      value: '12',
      effect: async ({ services }) => {
        await services.credentials.cached.get('default');
        const { work, release, active, most } = heldWork();
        const { fetch } = globalThis;
        vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
          await work();
          return fetch(url, init);
        });
        const tokens = document.tenants.map(({ tenantId }) => tokenFor(services, tenantId));
        await expect.poll(active).toBe(3);
        release();
        await Promise.allSettled(tokens);
        return [most(), ledger.read().totals.entraTokenRequests >= 12];
      },
      is: [3, true],
    },
    PARTNER_NAME: passedOn('PARTNER_NAME', 'Lighthouse Partners', 'Lighthouse Partners'),
    CLIENT_SECRET_RENEWAL: passedOn('CLIENT_SECRET_RENEWAL', 'off', 'off'),
    AUTO_CONSENT: passedOn('AUTO_CONSENT', 'on', 'on'),
    AUDIT_RETENTION_DAYS: passedOn('AUDIT_RETENTION_DAYS', '41', 41),
    RUN_RETENTION_DAYS: passedOn('RUN_RETENTION_DAYS', '42', 42),
    OTEL_EXPORTER_OTLP_ENDPOINT: {
      value: 'http://127.0.0.1:9',
      effect: async ({ services, endTracing }) => {
        const isTraced = 'invocation' in services.spans;
        await endTracing();
        return isTraced;
      },
      is: true,
    },
    NOTIFICATION_WEBHOOK: {
      value: 'https://hooks.example/incoming',
      effect: async (app) => (await noticesOf(app))[0]?.url,
      is: 'https://hooks.example/incoming',
    },
    NOTIFICATION_FORM: {
      value: 'slack',
      effect: async (app) => Object.keys((await noticesOf(app))[0]?.body ?? {}),
      is: ['text'],
    },
    NOTIFICATION_SIGNED_WEBHOOK: {
      value: 'https://events.example/incoming',
      effect: async (app) => (await noticesOf(app))[1]?.url,
      is: 'https://events.example/incoming',
    },
    NOTIFICATION_SIGNING_SECRET: {
      value: `${signingSecret} ${signingSecret}`,
      effect: async (app) => (await noticesOf(app))[1]?.headers.get('webhook-signature')?.split(' ').length,
      is: 2,
    },
    NOTIFICATION_FILTER: {
      value: 'kind=approval.needed',
      effect: (app) => noticesOf(app, { kind: 'run.failed' }),
      is: [],
    },
    ...storageRows(opened),
  };
}

const signingSecret = `whsec_${Buffer.alloc(24, 'k').toString('base64')}`;

/** The functions that use the setting have tests of their own. */
const passedOn = (name: keyof SettingRows, value: string, is: unknown): SettingRow => ({
  value,
  effect: ({ services }) => services.settings[name as keyof App['services']['settings']],
  is,
});

/** Sends a notice to webhooks that are not there. @returns the requests, first that to the chat. */
async function noticesOf(
  { services }: App,
  more: Partial<Notice> = { kind: 'approval.needed' },
): Promise<{ url: string; body: object; headers: Headers }[]> {
  const notices: { url: string; body: object; headers: Headers }[] = [];
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    notices.push({ url, body: JSON.parse(String(init.body)) as object, headers: new Headers(init.headers) });
    return new Response('', { status: 202 });
  });
  await services.notifier.send(noticeOf('probe', more));
  return notices;
}

function cloudRows(
  operator: TestOperator,
): Rows<
  | 'PARTNER_TENANT_ID'
  | 'KEY_VAULT_URL'
  | 'MICROSOFT_CLOUD'
  | 'CLOUD_ENDPOINTS'
  | 'MANAGED_IDENTITY_CLIENT_ID'
  | 'RESOURCES'
> {
  const { document, ledger, world } = operator.cloud;
  const { partnerTenantId } = document;
  return {
    PARTNER_TENANT_ID: {
      value: partnerTenantId,
      effect: async ({ services }) => {
        await services.directory.list();
        const redeemedFor = ledger.read().requests.flatMap(({ grant, tenantId }) => (grant ? [tenantId] : []));
        return [...new Set(redeemedFor), services.issuing.partnerTenantId];
      },
      is: [partnerTenantId, partnerTenantId],
    },
    KEY_VAULT_URL: {
      value: document.keyVault,
      effect: async ({ services }) => {
        await services.credentials.cached.get('default');
        return [services.credentials.store.vault, ledger.read().totals.keyVaultReads > 0];
      },
      is: [new URL(document.keyVault).host, true],
    },
    MICROSOFT_CLOUD: {
      value: 'china',
      beside: { CLOUD_ENDPOINTS: undefined },
      effect: async ({ services }) => {
        const key = newSigningKey('key');
        vi.stubGlobal('fetch', new KeyServer(key).fetch);
        const token = { ver: '1.0', azp: undefined, appid: guid(1), tid: partnerTenantId };
        const issuer = `https://sts.chinacloudapi.cn/${partnerTenantId}/`;
        const [aud] = services.settings.BROKER_AUDIENCES;
        const signed = signJwt(key, claims(services.clock.nowMs(), { ...token, iss: issuer, aud }));
        const { applicationId } = await services.callers.verify(`Bearer ${signed}`);
        return [
          services.settings.cloud.endpoints.entra,
          services.resources.get('graph').identifier,
          applicationId === guid(1),
        ];
      },
      is: ['https://login.partner.microsoftonline.cn', 'https://microsoftgraph.chinacloudapi.cn', true],
    },
    CLOUD_ENDPOINTS: {
      value: surroundings(operator)['CLOUD_ENDPOINTS'],
      effect: async ({ services }) => {
        await services.directory.list();
        const { entraTokenRequests, graphRequests, partnerCenterRequests } = ledger.read().totals;
        const text = (await services.resolveTxt(world.customers[0]!.initialDomain)).flat().join();
        return [...[entraTokenRequests, graphRequests, partnerCenterRequests].map((count) => count > 0), text];
      },
      is: [true, true, true, 'v=spf1 include:spf.protection.outlook.com -all'],
    },
    MANAGED_IDENTITY_CLIENT_ID: {
      value: document.managedIdentity.clientId,
      effect: async ({ services }) => {
        await services.credentials.store.loadRefreshToken('default');
        const other = await compose({ MANAGED_IDENTITY_CLIENT_ID: '12121212-0000-4000-8000-000000000000' });
        return other.services.credentials.store.loadRefreshToken('default').catch(codeOf);
      },
      is: 'key_vault_unavailable',
    },
    RESOURCES: {
      value: 'reports=https://reports.example#48ac35b8-9aa8-4d74-927d-1f4a14a0b239',
      effect: async ({ services }) => {
        await services.credentials.cached.get('default');
        const payload = { aud: '48ac35b8-9aa8-4d74-927d-1f4a14a0b239', tid: partnerTenantId };
        const access_token = signJwt(newSigningKey('key'), claims(services.clock.nowMs(), payload));
        const reply = { access_token, token_type: 'Bearer', expires_in: 3600, refresh_token: 'rolled' };
        vi.stubGlobal('fetch', async () => Response.json(reply));
        return (await tokenFor(services, partnerTenantId, 'reports')).resource.identifier;
      },
      is: 'https://reports.example',
    },
  };
}

function callerRows(
  document: CloudDocument,
  folder: string,
  opened: OpenedStorage,
): Rows<'BROKER_AUDIENCES' | 'SIGN_IN_CLIENT_ID' | 'ACCESS_POLICY' | 'FUNCTION_KEYS' | 'CALLER_REQUESTS_PER_MINUTE'> {
  const ruleOf = async ({ services }: App): Promise<string | undefined> =>
    (await services.callers.policy.current()).policy.rules[0]?.name;
  const blob = 'https://policy.example/access-policy.json';
  return {
    BROKER_AUDIENCES: {
      value: document.brokerApplication.clientId,
      effect: async ({ services }) => {
        const authorization = `Bearer ${await callerTokens(document)()}`;
        const { applicationId } = await services.callers.verify(authorization);
        const other = await compose({ BROKER_AUDIENCES: 'api://another' });
        return [applicationId, await other.services.callers.verify(authorization).catch(detailOf)];
      },
      is: [fullCaller(document).clientId, expect.stringContaining('issued for another application')],
    },
    ACCESS_POLICY: {
      value: join(folder, 'policy.json'),
      effect: async (app) => [
        await ruleOf(app),
        await ruleOf(await compose({ ACCESS_POLICY: blob })),
        opened.addresses.has(blob),
      ],
      is: ['from a file', 'from a blob', true],
    },
    SIGN_IN_CLIENT_ID: {
      value: guid(7),
      effect: ({ signInOfPeople }) => {
        const settings = signInOfPeople();
        return typeof settings === 'string' ? settings : settings.clientId;
      },
      is: guid(7),
    },
    FUNCTION_KEYS: {
      value: 'required',
      effect: ({ registeredAuthLevel }) => registeredAuthLevel(),
      is: 'function',
    },
    CALLER_REQUESTS_PER_MINUTE: { value: '170', effect: burstOf, is: 17 },
  };
}

/** How many requests of one application are accepted at once: a tenth of the requests per minute. */
function burstOf({ services }: App): number {
  const caller = { applicationId: 'a', objectId: 'o', kind: 'application' } as const;
  for (let count = 0; count < 1_000; count += 1) {
    try {
      services.callers.limit.take(caller);
    } catch {
      return count;
    }
  }
  return Number.POSITIVE_INFINITY;
}

function tenantRows({ tenants }: CloudDocument): Rows<'TENANTS_INCLUDE' | 'TENANTS_EXCLUDE' | 'TENANTS_WITHOUT_GDAP'> {
  const idOf = (at: number): string => tenants[at]?.tenantId ?? '';
  const reasons =
    (...at: readonly number[]) =>
    async ({ services }: App): Promise<unknown> => {
      const listed = await services.directory.list();
      return at.map((each) => listed.find(({ tenantId }) => tenantId === idOf(each))?.reason);
    };
  return {
    TENANTS_INCLUDE: {
      value: [0, 1, legacy].map(idOf).join(','),
      effect: reasons(0, 2),
      is: ['gdap_active', 'not_included'],
    },
    TENANTS_EXCLUDE: { value: idOf(1), effect: reasons(0, 1), is: ['gdap_active', 'excluded'] },
    TENANTS_WITHOUT_GDAP: { value: 'deny', effect: reasons(legacy), is: ['no_gdap'] },
  };
}
