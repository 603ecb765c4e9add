import { toRow } from '../src/lib/audit/log/audit-row.ts';
import type { StoredRecord } from '../src/lib/audit/chain/checkpoint.ts';
import { RecordChain } from '../src/lib/audit/log/table-audit-log.ts';
import { verifyExport } from '../src/operator/audit/verify-export.ts';
import { minuteMs } from '../src/lib/core/clock.ts';
import { calm, ProofWorld } from '../test/campaigns/proof/proof-world.ts';
import { issued, tenant } from '../test/support/audit-entries.ts';
import { appFolder as ownBuild } from '../test/paths.ts';
import { quiet } from '../test/support/watched-demo.ts';
import { startDemo } from '../src/cli/demo/start-demo.ts';
import { type PostLoad, post } from './load.ts';
import { type Bench, embeddedHost, type Figure, figure, type Goal, round } from './measure.ts';
import { timed, type TimedLoad } from './processor-time.ts';

/** Records in one transaction, as with 50 connections. */
const batch = 50;
const verified = 50_000;
const customers = 5_000;
/** Short turns, so that other load meets both versions alike. */
const seconds = 1;
const rounds = 41;
/** Folder with a build of the version to compare with, such as a worktree in which `npm run build` ran. */
const rootBefore = process.env['PTB_BUILD_BEFORE'];

const id = (number: number): string => `0a1b2c3d-0000-4000-8000-${String(number).padStart(12, '0')}`;
const rows = Array.from({ length: batch }, (_, number) => toRow(issued({ atMs: Date.now() }), id(number)));

/** What the chain costs for each record, how fast an export is verified, and tokens a second before and after. */
export const auditChain: Bench = {
  name: 'audit-chain',
  run: async () => {
    const tree = await treeOfTenants();
    const inProcess = [...perRecord(), await verification(), tree];
    const paired = rootBefore === undefined ? undefined : await pairedTokens(rootBefore);
    return {
      title: 'Chain of audit records',
      setting: `Records of about 1 KB, ${batch} in a transaction. Throughput: POST /api/tokens, 50 connections, audit in Azurite, alternating with the last version without chains${rootBefore === undefined ? ' (not measured: PTB_BUILD_BEFORE names no build)' : ''}.`,
      engine: embeddedHost,
      figures: [...inProcess, ...(paired?.figures ?? [])],
      ...(paired === undefined ? {} : { cases: sides.map((side) => names[side]) }),
      unlisted: ['throughput, with', 'processor time'],
      goals: [
        ...(paired?.goals ?? []),
        {
          goal: `at most 10 ms of processor time for the tree of ${customers.toLocaleString('en')} customers`,
          reached: tree.median <= 10,
          value: `${round(tree.median)} ms`,
        },
      ],
    };
  },
};

function perRecord(): Figure[] {
  const chain = new RecordChain(() => id(1));
  return [
    processorTime('text of a record', () => rows.map((row) => JSON.stringify(row))),
    processorTime('text of a record with its place in the chain', () => chain.link(rows, Date.now()).settle(true)),
  ];
}

/** Processor time for each record, which other load on the machine hardly changes. */
function processorTime(name: string, work: () => unknown): Figure {
  const samples: number[] = [];
  for (let done = -1; done < 9; done += 1) {
    const before = process.cpuUsage();
    for (let call = 0; call < 400; call += 1) work();
    const { user, system } = process.cpuUsage(before);
    if (done >= 0) samples.push((user + system) / (400 * batch));
  }
  return figure(name, 'µs/record', samples);
}

/** What a checkpoint adds for the proofs of customers, every five minutes: it is no part of a token. */
async function treeOfTenants(): Promise<Figure> {
  const world = new ProofWorld(1, customers, calm);
  const { audit, indexKey } = world;
  const cpuMs = (since?: NodeJS.CpuUsage): number => {
    const { user, system } = process.cpuUsage(since);
    return (user + system) / 1000;
  };
  // Key Vault signs: that is no work of the app.
  let inVaultMs = 0;
  const tree = world.newTree({
    ...indexKey,
    sign: async (...of) => {
      const before = process.cpuUsage();
      const signature = await indexKey.sign(...of);
      inVaultMs += cpuMs(before);
      return signature;
    },
  });
  const chain = new RecordChain(() => id(1));
  let written = 0;
  const checkpoint = async (touched: number): Promise<void> => {
    const records = Array.from({ length: touched }, () => {
      written += 1;
      return toRow(issued({ atMs: audit.nowMs, tenantId: tenant(1 + (written % customers)) }), id(written));
    });
    const linked = chain.link(records, audit.nowMs);
    linked.settle(true);
    for (const text of linked.texts) audit.put(JSON.parse(text) as StoredRecord);
    audit.nowMs += 5 * minuteMs;
    while (typeof (await audit.write(tree)) !== 'string');
  };
  await checkpoint(customers);
  const samples: number[] = [];
  const head = tree.head.bind(tree);
  tree.head = async (...of) => {
    inVaultMs = 0;
    const before = process.cpuUsage();
    const text = await head(...of);
    samples.push(cpuMs(before) - inVaultMs);
    return text;
  };
  for (let at = 0; at < 60; at += 1) await checkpoint(batch);
  if (audit.checkpoints.length < 60) throw new Error('The checkpoints lack some.');
  return figure(
    `tree of ${customers.toLocaleString('en')} customers, ${batch} with new records`,
    'ms',
    samples.slice(10),
  );
}

/** Verifies records of one chain without checkpoints: hashing is what takes time. */
async function verification(): Promise<Figure> {
  const chain = new RecordChain(() => id(1));
  const records: StoredRecord[] = [];
  for (let at = 0; at < verified / batch; at += 1) {
    const linked = chain.link(rows, Date.now());
    linked.settle(true);
    records.push(...linked.texts.map((text) => JSON.parse(text) as StoredRecord));
  }
  const evidence = {
    fromMs: Number.NEGATIVE_INFINITY,
    toMs: Number.POSITIVE_INFINITY,
    exportedMs: Date.now(),
    checkpoints: [],
    keys: [],
    records: async function* () {
      yield* records;
    },
  };
  const samples: number[] = [];
  for (let done = 0; done < 5; done += 1) {
    const start = performance.now();
    await verifyExport(evidence);
    samples.push((records.length / (performance.now() - start)) * 1000);
  }
  return figure('verification', 'records/s', samples);
}

const sides = ['before', 'after'] as const;
type Side = (typeof sides)[number];
const names: Readonly<Record<Side, string>> = { before: 'without chains', after: 'with chains' };

async function pairedTokens(before: string): Promise<{ figures: Figure[]; goals: Goal[] }> {
  const running = { before: await startSide(before), after: await startSide(ownBuild) };
  const samples: Record<Side, TimedLoad[]> = { before: [], after: [] };
  try {
    for (let done = -1; done < rounds; done += 1) {
      for (const side of done % 2 === 0 ? sides : sides.toReversed()) {
        const { demo, load } = running[side];
        const sample = await timed({ app: demo.hostPid, storage: demo.storagePid }, seconds, () => post(load));
        // The first round warms up.
        if (done >= 0) samples[side].push(sample);
      }
    }
  } finally {
    await running.after.demo.stop();
    await running.before.demo.stop();
  }
  return resultOf(samples);
}

async function startSide(appFolder: string) {
  const demo = await startDemo({
    ...quiet,
    tenants: 5,
    plain: true,
    appFolder,
    hostSettings: async () => ({ CALLER_REQUESTS_PER_MINUTE: '1000000' }),
  });
  const headers = { authorization: `Bearer ${await demo.callerToken()}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ tenant: demo.cloud.tenants[0]?.tenantId, resource: 'graph' });
  const load: PostLoad = { url: `${demo.url}/api/tokens`, headers, body, connections: 50, seconds };
  return { demo, load };
}

function resultOf(samples: Readonly<Record<Side, readonly TimedLoad[]>>): { figures: Figure[]; goals: Goal[] } {
  const of = (side: Side, what: string, unit: string, value: (sample: TimedLoad) => number): Figure =>
    figure(`${names[side]}: ${what}`, unit, samples[side].map(value));
  const ratios = (value: (sample: TimedLoad) => number): number[] =>
    samples.after.map((sample, index) => value(sample) / value(samples.before[index] ?? sample));
  const throughput = figure(
    'throughput, with by without chains',
    '',
    ratios((sample) => sample.requestsPerSecond),
  );
  return {
    figures: [
      ...sides.map((side) => of(side, 'throughput', 'requests/s', (sample) => sample.requestsPerSecond)),
      ...sides.map((side) => of(side, 'processor time of the app', 'µs/answer', ({ cpu }) => cpu.app)),
      ...sides.map((side) => of(side, 'processor time of Azurite', 'µs/answer', ({ cpu }) => cpu.storage)),
      throughput,
      figure(
        'processor time of the app, with by without chains',
        '',
        ratios(({ cpu }) => cpu.app),
      ),
    ],
    goals: [
      {
        goal: 'at least 0.95 of the throughput without chains',
        reached: throughput.median >= 0.95,
        value: String(round(throughput.median)),
      },
    ],
  };
}
