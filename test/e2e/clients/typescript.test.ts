import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SubscriptionClient } from '@azure/arm-resources-subscriptions';
import { ClientSecretCredential } from '@azure/identity';
import { Client } from '@microsoft/microsoft-graph-client';
import { TokenCredentialAuthenticationProvider } from '@microsoft/microsoft-graph-client/authProviders/azureTokenCredentials/index.js';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PartnerTokenCredential } from '../../../clients/typescript/src/index.ts';
import { fullCaller } from '../../../src/cli/demo/caller-token.ts';
import type { Demo } from '../../../src/cli/demo/start-demo.ts';
import { projectRoot } from '../../paths.ts';
import { startQuietDemo, tenantOf } from '../../support/running-demo.ts';

// Microsoft's client libraries, with tokens from a running broker, against the simulated cloud.

let demo: Demo;
let brokerRequests: number;

beforeAll(async () => {
  demo = await startQuietDemo(25);
});
afterAll(async () => {
  await demo?.stop();
});

/** Credential of a service outside Azure: a client secret with the real SDK. */
function callerCredential(): ClientSecretCredential {
  const { clientId, clientSecret } = fullCaller(demo.cloud);
  return new ClientSecretCredential(demo.cloud.partnerTenantId, clientId, clientSecret, {
    authorityHost: demo.cloud.entra,
    disableInstanceDiscovery: true,
  });
}

function partnerCredential(tenant: string): PartnerTokenCredential {
  brokerRequests = 0;
  return new PartnerTokenCredential({
    brokerUrl: demo.url,
    brokerScope: `${demo.cloud.brokerApplication.audience}/.default`,
    callerCredential: callerCredential(),
    tenant,
    fetch: (url, init) => {
      brokerRequests += 1;
      return fetch(url, init);
    },
  });
}

describe('PartnerTokenCredential', () => {
  it('authenticates the Microsoft Graph client, with one broker request for several Graph requests', async () => {
    const { tenantId, domain, name } = tenantOf(demo, 'ok');
    const graph = Client.initWithMiddleware({
      authProvider: new TokenCredentialAuthenticationProvider(partnerCredential(domain), {
        scopes: ['https://graph.microsoft.com/.default'],
      }),
      baseUrl: demo.cloud.graph,
      customHosts: new Set([new URL(demo.cloud.graph).hostname]),
    });
    const { value } = (await graph.api('/organization').get()) as { value: { id: string; displayName: string }[] };
    expect(value.map(({ id, displayName }) => [id, displayName])).toEqual([[tenantId, name]]);
    await Promise.all([1, 2, 3].map(() => graph.api('/subscribedSkus').get()));
    expect(brokerRequests).toBe(1);
  });

  it('authenticates the Azure Resource Manager client', async () => {
    const { tenantId } = tenantOf(demo, 'ok');
    const client = new SubscriptionClient(partnerCredential(tenantId), { endpoint: demo.cloud.arm });
    const subscriptions: unknown[] = [];
    for await (const { tenantId: owner } of client.subscriptions.list()) subscriptions.push(owner);
    expect(new Set(subscriptions)).toEqual(new Set([tenantId]));
    expect(brokerRequests).toBe(1);
  });

  it('returns a token of the customer tenant for the resource of the scope', async () => {
    const { tenantId } = tenantOf(demo, 'ok');
    const credential = partnerCredential(tenantId);
    const claims = async (scope: string) => decodeJwt((await credential.getToken(scope)).token);
    expect(await claims('https://outlook.office365.com/.default')).toMatchObject({
      tid: tenantId,
      aud: expect.stringContaining('outlook.office365.com') as string,
    });
    expect(await claims('https://management.azure.com//.default')).toMatchObject({
      tid: tenantId,
      aud: expect.stringContaining('management') as string,
    });
  });

  it('rejects with the code and advice of the broker', async () => {
    const refused = partnerCredential(tenantOf(demo, 'no_consent').tenantId);
    await expect(refused.getToken('https://graph.microsoft.com/.default')).rejects.toMatchObject({
      name: 'BrokerRequestError',
      code: 'consent_required',
      status: 403,
      advice: expect.stringContaining('Ask the operator to consent') as string,
    });
  });
});

it('README example for the Graph client', async () => {
  const readme = await readFile(join(projectRoot, 'clients/typescript/README.md'), 'utf8');
  const example = /^```ts\n([\s\S]*?)^```$/m.exec(readme)?.[1] ?? '';
  const { domain, name } = tenantOf(demo, 'ok');
  const { clientId, clientSecret } = fullCaller(demo.cloud);
  const source = example
    .replace('partner-token-broker-client', join(projectRoot, 'clients/typescript/src/index.ts'))
    .replace('https://NAME.azurewebsites.net', demo.url)
    .replace('api://TENANT_ID/partner-token-broker-prod', demo.cloud.brokerApplication.audience)
    .replace('contoso.onmicrosoft.com', domain)
    // The simulated cloud is not where the SDKs look by themselves.
    .replace(
      'new DefaultAzureCredential()',
      `new DefaultAzureCredential(${JSON.stringify({ authorityHost: demo.cloud.entra, disableInstanceDiscovery: true })})`,
    )
    .replace(
      'initWithMiddleware({',
      `initWithMiddleware({ baseUrl: ${JSON.stringify(demo.cloud.graph)}, customHosts: new Set(['localhost']),`,
    );
  // Inside the project, so that Node resolves its packages.
  await mkdir(join(projectRoot, '.local'), { recursive: true });
  const folder = await mkdtemp(join(projectRoot, '.local', 'readme-example-'));
  try {
    await writeFile(join(folder, 'example.mts'), source);
    const { stdout } = await promisify(execFile)(process.execPath, [join(folder, 'example.mts')], {
      env: {
        ...process.env,
        NODE_EXTRA_CA_CERTS: demo.cloud.caCertificatePath,
        NO_PROXY: '127.0.0.1,localhost',
        AZURE_TENANT_ID: demo.cloud.partnerTenantId,
        AZURE_CLIENT_ID: clientId,
        AZURE_CLIENT_SECRET: clientSecret,
      },
    });
    expect(stdout.trim()).toBe(name);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
