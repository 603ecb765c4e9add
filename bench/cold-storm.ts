import { Agent, request as send } from 'node:http';
import { text } from 'node:stream/consumers';
import type { IncomingMessage } from 'node:http';
import { readDocument, readLedger, resetLedger } from 'microsoft-cloud/client';
import { type Bench, embeddedHost, figure, round } from './measure.ts';
import { runScript } from './sequential-script.ts';
import { startProduct, type Product } from './product.ts';

const tenants = 1_000;
const resources = ['graph', 'exchange', 'arm'];
const delayMs = 100;
/** The default of the setting ENTRA_CONCURRENCY. */
const concurrency = 32;
const rounds = 3;
const sampleTenants = 100;
const requests = tenants * resources.length;
const boundSeconds = (requests * delayMs) / concurrency / 1000;

interface Storm {
  readonly seconds: number;
  readonly entraRequests: number;
  readonly mostAtOnce: number;
}

/** Requests tokens for every tenant and resource at once with an empty cache; compared with the script and the bound. */
export const coldStorm: Bench = {
  name: 'cold-storm',
  run: async () => {
    const storms: Storm[] = [];
    const script: number[] = [];
    for (let done = 0; done < rounds; done += 1) {
      // A new process each time, so that its cache is empty.
      const product = await startProduct({ tenants, delayMs });
      try {
        storms.push(await storm(product));
        if (done === 0) script.push(await scriptSeconds(product));
      } finally {
        await product.stop();
      }
    }
    return resultOf(storms, script);
  },
};

async function storm(product: Product): Promise<Storm> {
  // The tenant list and the credential are loaded first, as in a process that has run for a minute.
  const listed = await product.api.tenants();
  if (listed.length !== tenants) throw new Error(`the directory lists ${listed.length} tenants`);
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const authorization = `Bearer ${await product.callerToken()}`;
  await resetLedger(product.cloud.control);
  const startedMs = performance.now();
  await Promise.all(
    resources.flatMap((resource) =>
      listed.map(({ tenantId }) =>
        ask(agent, `${product.url}/api/tokens`, authorization, { tenant: tenantId, resource }),
      ),
    ),
  );
  const seconds = (performance.now() - startedMs) / 1000;
  agent.destroy();
  const { totals } = await readLedger(product.cloud.control);
  return { seconds, entraRequests: totals.entraTokenRequests, mostAtOnce: totals.maxConcurrentEntra };
}

async function ask(agent: Agent, url: string, authorization: string, order: object): Promise<void> {
  const body = JSON.stringify(order);
  const reply = await new Promise<IncomingMessage>((resolve, reject) => {
    send(
      url,
      {
        agent,
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      },
      resolve,
    )
      .once('error', reject)
      .end(body);
  });
  const answer = await text(reply);
  if (reply.statusCode !== 200) throw new Error(`a token was refused: ${reply.statusCode} ${answer.slice(0, 300)}`);
}

async function scriptSeconds(product: Product): Promise<number> {
  const cloud = await readDocument(product.cloud.control);
  const sample = cloud.tenants.slice(0, sampleTenants).map(({ tenantId }) => tenantId);
  const addresses = ['https://graph.microsoft.com', 'https://outlook.office365.com', 'https://management.azure.com'];
  const run = await runScript(cloud, sample, addresses);
  return (run.seconds / run.requests) * requests;
}

function resultOf(storms: readonly Storm[], script: readonly number[]): Awaited<ReturnType<Bench['run']>> {
  const ours = figure(
    'broker, all requests at once',
    's',
    storms.map(({ seconds }) => seconds),
  );
  const entra = figure(
    'broker, requests to Entra',
    'requests',
    storms.map(({ entraRequests }) => entraRequests),
  );
  const theirs = figure('sequential script', 's', script);
  return {
    title: 'Tokens for three resources in 1,000 tenants, empty cache',
    engine: embeddedHost,
    setting: `Entra takes at least ${delayMs} ms; at most ${concurrency} requests are in flight. Bound: requests × delay ÷ concurrency. The sequential script writes no audit record; scaled up from ${sampleTenants} tenants.`,
    figures: [
      ours,
      figure('bound', 's', [boundSeconds]),
      theirs,
      entra,
      figure(
        'broker, maximum requests to Entra in flight',
        'requests',
        storms.map(({ mostAtOnce }) => mostAtOnce),
      ),
    ],
    unlisted: ['broker, requests', 'broker, maximum'],
    goals: [
      {
        goal: 'at most 1.3 times the bound',
        reached: ours.median <= 1.3 * boundSeconds,
        value: `${round(ours.median / boundSeconds)}`,
      },
      {
        goal: `exactly ${requests} requests to Entra`,
        reached: entra.min === requests && entra.max === requests,
        value: `${entra.min} to ${entra.max}`,
      },
      {
        goal: 'faster than the script',
        reached: ours.median < theirs.median,
        value: `${round(theirs.median / ours.median)} times`,
      },
    ],
    charts: [
      {
        file: 'cold-storm',
        kind: 'bars',
        title: `Seconds for ${requests.toLocaleString('en')} tokens`,
        bars: [
          { label: 'bound', figure: 'bound' },
          { label: 'broker', figure: ours.name },
          { label: 'sequential script', figure: theirs.name },
        ],
      },
    ],
  };
}
