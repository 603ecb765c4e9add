import { Agent, request as send } from 'node:http';
import { text } from 'node:stream/consumers';
import type { IncomingMessage } from 'node:http';
import { readDocument, readLedger, resetLedger } from 'microsoft-cloud/client';
import { type Bench, figure, round } from './measure.ts';
import { runScript } from './sequential-script.ts';
import { startWhole, type Whole } from './whole.ts';

const tenants = 1_000;
const resources = ['graph', 'exchange', 'arm'];
const delayMs = 100;
/** The setting ENTRA_CONCURRENCY as it is without a word. */
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

/** Every tenant and every resource asked for at once, with nothing in memory; beside the script's loop, and the bound. */
export const coldStorm: Bench = {
  name: 'cold-storm',
  run: async () => {
    const storms: Storm[] = [];
    const script: number[] = [];
    for (let done = 0; done < rounds; done += 1) {
      // A new one each time: nothing is in memory.
      const whole = await startWhole({ tenants, delayMs });
      try {
        storms.push(await storm(whole));
        if (done === 0) script.push(await scriptSeconds(whole));
      } finally {
        await whole.stop();
      }
    }
    return resultOf(storms, script);
  },
};

async function storm(whole: Whole): Promise<Storm> {
  // The list of tenants and the credential are there before it starts, as in a program that has been up for a minute.
  const listed = await whole.api.tenants();
  if (listed.length !== tenants) throw new Error(`the directory lists ${listed.length} tenants`);
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const authorization = `Bearer ${await whole.callerToken()}`;
  await resetLedger(whole.cloud.control);
  const startedMs = performance.now();
  await Promise.all(
    resources.flatMap((resource) =>
      listed.map(({ tenantId }) =>
        ask(agent, `${whole.url}/api/tokens`, authorization, { tenant: tenantId, resource }),
      ),
    ),
  );
  const seconds = (performance.now() - startedMs) / 1000;
  agent.destroy();
  const { totals } = await readLedger(whole.cloud.control);
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

async function scriptSeconds(whole: Whole): Promise<number> {
  const cloud = await readDocument(whole.cloud.control);
  const sample = cloud.tenants.slice(0, sampleTenants).map(({ tenantId }) => tenantId);
  const addresses = ['https://graph.microsoft.com', 'https://outlook.office365.com', 'https://management.azure.com'];
  const run = await runScript(cloud, sample, addresses);
  return (run.seconds / run.requests) * requests;
}

function resultOf(storms: readonly Storm[], script: readonly number[]): Awaited<ReturnType<Bench['run']>> {
  const ours = figure(
    'broker, all asked for at once',
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
    title: 'Three resources in 1,000 tenants, with nothing in memory',
    setting: `Every request to the simulated Entra takes at least ${delayMs} ms; at most ${concurrency} are under way at a time. The bound is requests × delay ÷ concurrency. The script was timed over ${sampleTenants} tenants and multiplied; it asks one after the other and needs no record.`,
    figures: [
      ours,
      figure('bound', 's', [boundSeconds]),
      theirs,
      entra,
      figure(
        'broker, most requests to Entra at a time',
        'requests',
        storms.map(({ mostAtOnce }) => mostAtOnce),
      ),
    ],
    goals: [
      {
        goal: 'within 1.3 of the bound',
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
