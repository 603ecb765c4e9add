import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SubscriptionClient } from '@azure/arm-resources-subscriptions';
import { ClientSecretCredential } from '@azure/identity';
import { Client } from '@microsoft/microsoft-graph-client';
import { TokenCredentialAuthenticationProvider } from '@microsoft/microsoft-graph-client/authProviders/azureTokenCredentials/index.js';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jobHistory, PartnerTokenCredential, runResults, tenantEvents } from '../../../clients/typescript/src/index.ts';
import { fullCaller } from '../../../src/cli/demo/caller-token.ts';
import type { Demo } from '../../../src/cli/demo/start-demo.ts';
import { projectRoot } from '../../paths.ts';
import { makeEvents } from '../../support/tenant-events.ts';
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

/** The caller of the demo may start and read runs. */
async function runOf(job: string, tenants: readonly string[]): Promise<string> {
  const headers = { authorization: `Bearer ${await demo.callerToken()}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ window: randomUUID(), tenants });
  const started = await fetch(`${demo.url}/api/jobs/${job}/runs`, { method: 'POST', headers, body });
  const { runId } = (await started.json()) as { runId: string };
  const address = `${demo.url}/api/runs/${encodeURIComponent(runId)}`;
  await expect
    .poll(async () => ((await (await fetch(address, { headers })).json()) as { status: string }).status)
    .toBe('completed');
  return runId;
}

async function allOf<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

describe('runResults', () => {
  it('yields the rows of a run, whatever the size of the pages', async () => {
    const { tenantId, name, domain } = tenantOf(demo, 'ok');
    const runId = await runOf('licence-report', [tenantId]);
    const connection = {
      brokerUrl: demo.url,
      brokerScope: `${demo.cloud.brokerApplication.audience}/.default`,
      callerCredential: callerCredential(),
    };
    const all = await allOf(runResults<{ product: string }>(connection, runId));
    expect(all.length).toBeGreaterThan(1);
    for (const row of all) {
      expect(row).toMatchObject({ tenantId, tenantName: name, tenantDomain: domain });
      expect(row.product).not.toBe('');
    }
    expect(await allOf(runResults({ ...connection, pageRows: 1 }, runId))).toEqual(all);
  });

  it('rejects with the code of the broker for an unknown run', async () => {
    const rows = runResults(
      {
        brokerUrl: demo.url,
        brokerScope: `${demo.cloud.brokerApplication.audience}/.default`,
        callerCredential: callerCredential(),
      },
      'licence-report@nothing',
    );
    await expect(rows.next()).rejects.toMatchObject({ name: 'BrokerRequestError', code: 'run_not_found', status: 404 });
  });
});

describe('tenantEvents', () => {
  it('yields the events of all tenants, of some, and those that came later', async () => {
    const tenantIds = demo.cloud.tenants.filter(({ state }) => state === 'ok').slice(0, 2);
    await makeEvents(
      demo,
      tenantIds.map(({ tenantId }) => tenantId),
      'seen-by-a-client',
    );
    const connection = {
      brokerUrl: demo.url,
      brokerScope: `${demo.cloud.brokerApplication.audience}/.default`,
      callerCredential: callerCredential(),
    };
    const [newest, before] = await allOf(tenantEvents(connection, { kind: 'tags_changed' }));
    expect([newest?.tenantId, before?.tenantId]).toEqual([tenantIds[1]?.tenantId, tenantIds[0]?.tenantId]);
    expect(newest).toMatchObject({ kind: 'tags_changed', tagsAdded: ['seen-by-a-client'], tagsRemoved: [] });
    const one = { tenants: ['tag:seen-by-a-client'], except: [tenantIds[1]?.domain ?? ''] };
    expect(await allOf(tenantEvents(connection, one))).toEqual([before]);
    expect(await allOf(tenantEvents(connection, { after: newest?.sequence ?? 0 }))).toEqual([]);
    const unknown = tenantEvents(connection, { tenants: ['group:nobody'] });
    await expect(unknown.next()).rejects.toMatchObject({ code: 'request_invalid', status: 400 });
  });
});

describe('jobHistory', () => {
  it('reads the numbers of one tenant, and the sums of several', async () => {
    const [one, other] = demo.cloud.tenants.filter(({ state }) => state === 'ok');
    const tenantIds = [one?.tenantId ?? '', other?.tenantId ?? ''];
    const runId = await runOf('licence-report', tenantIds);
    const connection = {
      brokerUrl: demo.url,
      brokerScope: `${demo.cloud.brokerApplication.audience}/.default`,
      callerCredential: callerCredential(),
    };
    const rows = await allOf(runResults<{ free: number }>(connection, runId));
    const freeOf = (some: typeof rows): number => some.reduce((sum, { free }) => sum + free, 0);
    const all = await jobHistory(connection, 'licence-report', { tenants: tenantIds });
    expect(all.runs.find((run) => run.runId === runId)).toMatchObject({
      scope: 'selected',
      counted: 2,
      rows: rows.length,
      numbers: { free: freeOf(rows) },
    });
    const mine = await jobHistory(connection, 'licence-report', { tenant: one?.domain ?? '' });
    const own = rows.filter(({ tenantId }) => tenantId === one?.tenantId);
    expect(mine.runs.find((run) => run.runId === runId)).toMatchObject({
      outcome: 'succeeded',
      rows: own.length,
      numbers: { free: freeOf(own) },
    });
    await expect(jobHistory(connection, 'nothing')).rejects.toMatchObject({ code: 'job_unknown', status: 404 });
  });
});

describe('README example', () => {
  /** Runs the example with this number against the demo. @returns what it prints. */
  async function runExample(index: number, replace: readonly (readonly [string, string])[]): Promise<string> {
    const readme = await readFile(join(projectRoot, 'clients/typescript/README.md'), 'utf8');
    // The first block is the connection that all examples use.
    const [connection = '', ...examples] = [...readme.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(
      ([, code]) => code ?? '',
    );
    const example = connection + (examples[index] ?? '');
    const { clientId, clientSecret } = fullCaller(demo.cloud);
    const replacements = [
      ['partner-token-broker-client', join(projectRoot, 'clients/typescript/src/index.ts')],
      ['https://NAME.azurewebsites.net', demo.url],
      ['api://TENANT_ID/partner-token-broker-prod', demo.cloud.brokerApplication.audience],
      // The simulated cloud is not where the SDKs look by themselves.
      [
        'new DefaultAzureCredential()',
        `new DefaultAzureCredential(${JSON.stringify({ authorityHost: demo.cloud.entra, disableInstanceDiscovery: true })})`,
      ],
      ...replace,
    ] as const;
    const source = replacements.reduce((text, [from, to]) => text.replace(from, to), example);
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
      return stdout.trim();
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  it('for the Graph client prints the name of the tenant', async () => {
    const { domain, name } = tenantOf(demo, 'ok');
    const printed = await runExample(0, [
      ['contoso.onmicrosoft.com', domain],
      [
        'initWithMiddleware({',
        `initWithMiddleware({ baseUrl: ${JSON.stringify(demo.cloud.graph)}, customHosts: new Set(['localhost']),`,
      ],
    ]);
    expect(printed).toBe(name);
  });

  it('for the gateway prints the name of the tenant and the sizes of the pages', async () => {
    const { domain, name } = tenantOf(demo, 'ok');
    const [first, ...sizes] = (await runExample(4, [['contoso.onmicrosoft.com', domain]])).split('\n');
    expect(first).toBe(name);
    expect(sizes.length).toBeGreaterThan(1);
    for (const size of sizes.slice(0, -1)) expect(size).toBe('2');
  });

  it('for events prints a line for each', async () => {
    const [tenant] = demo.cloud.tenants.filter(({ state }) => state === 'ok');
    await makeEvents(demo, [tenant?.tenantId ?? ''], 'seen-in-the-example');
    const printed = await runExample(2, [
      ["kind: 'lost'", "kind: 'tags_changed'"],
      ['group:gold', 'tag:seen-in-the-example'],
    ]);
    expect(printed.split('\n')[0]).toBe(
      `${printed.slice(0, 24)} ${tenant?.name}: The tags of the tenant have changed.`,
    );
  });

  it('for the history of a job prints a line for each run', async () => {
    const { tenantId, domain } = tenantOf(demo, 'ok');
    await runOf('licence-report', [tenantId]);
    const printed = await runExample(3, [['contoso.onmicrosoft.com', domain]]);
    for (const line of printed.split('\n')) expect(line).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z succeeded: -?\d+$/);
  });

  it('for the rows of a run prints a line for each row', async () => {
    const { tenantId, name } = tenantOf(demo, 'ok');
    const printed = await runExample(1, [['licence-report@2026-11-25', await runOf('licence-report', [tenantId])]]);
    const lines = printed.split('\n');
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) expect(line).toMatch(/^.+: -?\d+ of .+ free$/);
    expect(lines.every((line) => line.startsWith(`${name}: `))).toBe(true);
  });
});
