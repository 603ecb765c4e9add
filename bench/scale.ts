import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { engineMissing } from '../test/durable-engine/start-engine.ts';
import { type Bench, type BenchResult, embeddedHost, type Figure, figure, type Goal, round } from './measure.ts';
import { appFolder } from '../test/paths.ts';
import { type Cost, type EngineName, runOnce, type Size } from './scale-product.ts';

const job = 'licence-report';
/** PTB_SCALE=small: a few minutes instead of about 20 minutes. */
const isSmall = process.env['PTB_SCALE'] === 'small';
const tenantCounts = isSmall ? [200, 1_000] : [1_000, 5_000, 20_000];

const hostCounts = (tenants: number): readonly number[] => {
  if (isSmall) return [1, 2];
  if (tenants === 1_000) return [1, 2, 4];
  return tenants === 5_000 ? [1, 4] : [1];
};

const versions: Readonly<Record<EngineName, string>> = {
  embedded: embeddedHost,
  extension: 'Durable Task extension',
};

/** Dollars per request in East US (docs/costs.md). */
const prices = { queue: 0.004 / 10_000, table: 0.000_36 / 10_000, blobWrite: 0.05 / 10_000, blobRead: 0.004 / 10_000 };

/** One job over all tenants on several hosts of one hub: time, processor time, memory, storage, requests, costs. */
export const scale: Bench = {
  name: 'scale',
  run: async () => {
    const engines: EngineName[] = engineMissing === undefined ? ['embedded', 'extension'] : ['embedded'];
    if (engineMissing !== undefined) console.error(`Without the extension: ${engineMissing}.`);
    const costs: Cost[] = [];
    for (const tenants of tenantCounts)
      for (const engine of engines)
        for (const hosts of hostCounts(tenants)) {
          costs.push(await runOnce({ engine, hosts, tenants }, job));
          console.error(label(costs.at(-1) as Cost), JSON.stringify(summary(costs.at(-1) as Cost)));
        }
    return resultOf(costs);
  },
};

/** The chart has the others. */
const isListed = ({ hosts }: Size): boolean => hosts !== 2;

const label = ({ engine, hosts, tenants }: Size): string =>
  `${versions[engine]}, ${hosts} ${hosts === 1 ? 'host' : 'hosts'}, ${tenants.toLocaleString('en')} tenants`;

/** The tables, queues and containers of the durable extension have the name of the hub. */
const hub = 'partnertokenbroker';

type Counted = readonly (readonly [kind: string, traffic: { readonly requests: number; readonly bytes: number }])[];

function summary(cost: Cost) {
  const { tenants, traffic } = cost;
  const all: Counted = Object.entries(traffic);
  const requests = (kinds: Counted): number => kinds.reduce((sum, [, each]) => sum + each.requests, 0);
  const bytes = (kinds: Counted): number => kinds.reduce((sum, [, each]) => sum + each.bytes, 0);
  const ofHub = all.filter(([kind]) => nameOf(kind).startsWith(hub));
  const ofApp = all.filter(([kind]) => !nameOf(kind).startsWith(hub));
  const overTime = ofHub.filter(([kind]) => isOverTime(kind));
  return {
    msPerTenant: (cost.seconds / tenants) * 1000,
    cpuMsPerTenant: (cost.cpuSeconds / tenants) * 1000,
    storageCpuMsPerTenant: (cost.storageCpuSeconds / tenants) * 1000,
    hubPerTenant: (requests(ofHub) - requests(overTime)) / tenants,
    overTimePerSecond: requests(overTime) / cost.seconds,
    appPerTenant: requests(ofApp) / tenants,
    bytesPerTenant: bytes(all) / tenants,
    dollars: all.reduce((sum, [kind, each]) => sum + each.requests * priceOf(kind), 0),
  };
}

const nameOf = (kind: string): string => (kind.split(' ')[1] ?? '').toLowerCase();

/** What a hub does as often without a run: looks into empty queues, and claims of partitions. */
const isOverTime = (kind: string): boolean =>
  kind.startsWith('poll ') || /^partnertokenbroker(?:partitions|-leases|-applease)/.test(nameOf(kind));

/** Names of queues and containers are in lower case, those of tables begin with a capital letter, or are `$batch`. */
function priceOf(kind: string): number {
  const [method = '', name = ''] = kind.split(' ');
  if (/^[A-Z$]/.test(name)) return prices.table;
  if (/-(?:control|workitems)/.test(name)) return prices.queue;
  return method === 'GET' || method === 'HEAD' ? prices.blobRead : prices.blobWrite;
}

function resultOf(costs: readonly Cost[]): BenchResult {
  const of = (name: string, unit: string, value: (cost: Cost, each: Summary) => number): Figure[] =>
    costs.map((cost) => figure(`${label(cost)}: ${name}`, unit, [value(cost, summary(cost))]));
  const time = of('time per tenant', 'ms', (_, { msPerTenant }) => msPerTenant);
  return {
    title: 'One job on several hosts',
    engine: engineText(),
    setting: `${job} without delays of Entra and Graph. Everything shares the processors of one machine, so more hosts are not faster here. Azurite takes longer for each tenant the more rows its tables have.`,
    figures: [
      ...of('whole run', 's', ({ seconds }) => seconds),
      ...time,
      ...of('processor time per tenant', 'ms', (_, each) => each.cpuMsPerTenant),
      ...of('processor time of Azurite per tenant', 'ms', (_, each) => each.storageCpuMsPerTenant),
      ...of('peak memory of all hosts', 'MiB', ({ peakMiB }) => peakMiB),
      ...of('requests to the hub per tenant', 'requests', (_, each) => each.hubPerTenant),
      ...of('requests to the hub over time', 'requests/s', (_, each) => each.overTimePerSecond),
      ...of('other storage requests per tenant', 'requests', (_, each) => each.appPerTenant),
      ...of('storage traffic per tenant', 'bytes', (_, each) => each.bytesPerTenant),
      ...of('token requests to Entra', 'requests', ({ entraRequests }) => entraRequests),
      ...of('answers 429', 'answers', ({ tooMany }) => tooMany),
      ...of('storage requests of a run', 'dollars', (_, { dollars }) => dollars),
    ],
    cases: costs.filter(isListed).map(label),
    unlisted: [
      ...costs.filter((cost) => !isListed(cost)).map(label),
      'whole run',
      'processor time of Azurite',
      'requests to the hub over time',
      'other storage requests per tenant',
      'storage traffic per tenant',
      'token requests to Entra',
      'answers 429',
      'storage requests of a run',
      'requests to the hub per tenant',
    ],
    goals: goalsOf(costs),
    charts: [
      {
        file: 'scale-time',
        kind: 'bars',
        title: 'Time per tenant, milliseconds',
        bars: costs.map((cost, index) => ({ label: label(cost), figure: time[index]?.name ?? '' })),
      },
    ],
  };
}

function goalsOf(costs: readonly Cost[]): Goal[] {
  const find = (engine: EngineName, tenants: number) => {
    const cost = costs.find((each) => each.engine === engine && each.tenants === tenants && each.hosts === 1);
    return cost && summary(cost);
  };
  const goal = (text: string, limit: number, value: number | undefined, reason?: string): Goal[] => {
    if (value === undefined) return [];
    const reached = value <= limit;
    return [{ goal: text, reached, value: `${round(value)}`, ...(reached || reason === undefined ? {} : { reason }) }];
  };
  const [small, large] = [find('extension', 1_000), find('extension', 20_000)];
  const [first, last] = [find('embedded', 1_000), find('embedded', 20_000)];
  return [
    ...goal('extension: at most 5 ms of processor time per tenant over 1,000', 5, small?.cpuMsPerTenant),
    ...goal('extension: at most 5 ms of processor time per tenant over 20,000', 5, large?.cpuMsPerTenant),
    ...goal('extension: at most 0.5 requests to the hub per tenant', 0.5, small?.hubPerTenant),
    ...goal(
      'extension: time per tenant at 20,000 at most 1.2 times that at 1,000',
      1.2,
      small && large && large.msPerTenant / small.msPerTenant,
      small && large && growth(small, large),
    ),
    ...goal(
      'embedded host: time per tenant at 20,000 at most 1.2 times that at 1,000',
      1.2,
      first && last && last.msPerTenant / first.msPerTenant,
      first && last && growth(first, last),
    ),
    ...goal(
      'no answer 429',
      0,
      costs.reduce((sum, { tooMany }) => sum + tooMany, 0),
    ),
  ];
}

type Summary = ReturnType<typeof summary>;

function growth(small: Summary, large: Summary): string {
  const times = (value: (each: Summary) => number): number => round(value(large) / value(small));
  const host = times(({ cpuMsPerTenant }) => cpuMsPerTenant);
  const storage = times(({ storageCpuMsPerTenant }) => storageCpuMsPerTenant);
  return `processor time of the host grew ${host} times, that of Azurite ${storage} times`;
}

/** The engines with their versions. */
function engineText(): string {
  const { version } = JSON.parse(readFileSync(join(appFolder, 'packages/functions-host/package.json'), 'utf8')) as {
    version: string;
  };
  const project = readFileSync(join(appFolder, 'test/durable-engine/host/DurableEngine.csproj'), 'utf8');
  const extension = /DurableTask" Version="([^"]+)"/.exec(project)?.[1] ?? 'unknown';
  return `${embeddedHost} ${version}, and Microsoft's Durable Task extension ${extension} over Azurite`;
}
