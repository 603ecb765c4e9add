import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { toRow } from '../src/lib/audit/log/audit-row.ts';
import { RecordChain } from '../src/lib/audit/log/table-audit-log.ts';
import type { AuditEntry } from '../src/lib/audit/audit-log.ts';
import type { ExportLine } from '../src/cli/audit/export-file.ts';
import { startDemo } from '../src/cli/demo/start-demo.ts';
import { ptbScript } from '../test/paths.ts';
import { guid, issued, tenant } from '../test/support/audit-entries.ts';
import { quiet } from '../test/support/watched-demo.ts';
import { type Bench, figure, type Figure, round, shown } from './measure.ts';

const sizes = [100_000, 1_000_000] as const;
const [, most] = sizes;
const customers = 1_000;
/** Records in one transaction, as with 50 connections. */
const batch = 50;
/** Time between two records, milliseconds: a million are 23 days. */
const stepMs = 2_000;

/** Prints the largest memory of the process, KiB, after what the command prints. */
const withMemory = `data:text/javascript,process.on('exit',()=>process.stderr.write('\\nmaxRSS '+process.resourceUsage().maxRSS+'\\n'))`;

/** `ptb policy replay` over an export of a million records, as a process of its own. */
export const policyReplay: Bench = {
  name: 'policy-replay',
  run: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bench-replay-'));
    const demo = await startDemo({ tenants: 25, ...quiet });
    try {
      const policies = {
        inForce: await policyFile(folder, 'in-force', ['User.Read.All', 'Group.Read.All', 'Mail.Read']),
        proposed: await policyFile(folder, 'proposed', ['User.Read.All', 'Group.Read.All']),
      };
      const env = {
        PATH: process.env['PATH'],
        HOME: folder,
        BROKER_URL: demo.url,
        PTB_TOKEN: await demo.callerToken(),
      };
      const figures: Figure[] = [];
      for (const records of sizes) {
        const file = join(folder, `${records}.jsonl`);
        await writeExport(file, records);
        const { seconds, mebibytes } = await replayed(env, policies, file, records);
        const name = `${shown(records)} records`;
        figures.push(figure(`${name}: time`, 's', [seconds]), figure(`${name}: memory`, 'MiB', [mebibytes]));
        await rm(file);
      }
      return resultOf(figures);
    } finally {
      await demo.stop();
      await rm(folder, { recursive: true, force: true });
    }
  },
};

async function policyFile(folder: string, name: string, scopes: readonly string[]): Promise<string> {
  const file = join(folder, `${name}.json`);
  const rule = {
    name,
    callers: { applications: ['*'] },
    tenants: ['*'],
    resources: ['graph'],
    scopes,
    via: ['gateway', 'token'],
    requests: { methods: ['GET'], paths: ['/v1.0/**'] },
  };
  await writeFile(file, JSON.stringify({ version: 1, rules: [rule] }));
  return file;
}

const requests = [
  ['/v1.0/users/*', 'User.Read.All'],
  ['/v1.0/groups/*', 'Group.Read.All'],
  ['/v1.0/users/*/messages', 'Mail.Read'],
] as const;

/** Tokens, and requests of the gateway with their answers, in turn: of 40 callers in every customer. */
function entryAt(at: number, atMs: number): AuditEntry {
  const isToken = at % 3 === 0;
  const isAnswer = at % 3 === 2;
  // The records of a request share its id.
  const use = isAnswer ? at - 1 : at;
  const [applicationId, objectId] = [guid(0xa00 + (use % 40)), guid(0xb00 + (use % 40))];
  const entry = issued({
    atMs,
    correlationId: guid(use),
    tokenId: guid(use),
    caller: { applicationId, objectId, kind: 'application' },
    tenantId: tenant(1 + (use % customers)),
  });
  if (isToken)
    return { ...entry, roles: ['Tokens.Request'], scopes: ['User.Read.All'], requestedScopes: ['User.Read.All'] };
  const [template, scope] = requests[use % requests.length] ?? requests[0];
  const key = `0a1b2c3d-0000-4000-8000-${String(use % 5_000).padStart(12, '0')}`;
  return {
    ...entry,
    kind: 'request',
    outcome: isAnswer ? 'answered' : 'sent',
    method: 'GET',
    path: template.replace('*', key),
    template,
    query: '$select=id',
    roles: ['Requests.Send'],
    scopes: [scope],
    ...(isAnswer && { status: 200 }),
  };
}

/** An export without checkpoints, the newest record first. */
async function writeExport(file: string, records: number): Promise<void> {
  const nowMs = Date.now();
  const chain = new RecordChain(() => guid(1));
  const texts: string[] = [];
  for (let first = 0; first < records; first += batch) {
    const rows = Array.from({ length: batch }, (_, index) =>
      toRow(entryAt(first + index, nowMs - (records - first - index) * stepMs), guid(first + index)),
    );
    const linked = chain.link(rows, nowMs);
    linked.settle(true);
    texts.push(...linked.texts);
  }
  const asLine = (line: ExportLine): string => `${JSON.stringify(line)}\n`;
  const exportedAt = new Date(nowMs).toISOString();
  await pipeline(
    Readable.from(
      (function* () {
        yield asLine({ type: 'audit-export', v: 1, broker: guid(2) });
        for (const text of texts.toReversed()) yield `{"type":"record","record":${text}}\n`;
        yield asLine({ type: 'end', records, to: exportedAt, exportedAt });
      })(),
    ),
    createWriteStream(file),
  );
}

async function replayed(
  env: NodeJS.ProcessEnv,
  { inForce, proposed }: Readonly<Record<'inForce' | 'proposed', string>>,
  file: string,
  records: number,
) {
  const words = [
    'policy',
    'replay',
    proposed,
    '--in-force',
    inForce,
    '--audit',
    file,
    '--since',
    '2020-01-01',
    '--json',
  ];
  const startedMs = performance.now();
  const child = spawn(process.execPath, ['--import', withMemory, ptbScript, ...words], { env });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  await once(child, 'close');
  const seconds = (performance.now() - startedMs) / 1000;
  const report = JSON.parse(out) as { records: number; judged: number };
  // An answer is judged with its request.
  const judged = records - Math.floor(records / 3);
  if (report.records !== records || report.judged !== judged)
    throw new Error(`Judged ${report.judged} of ${report.records} records in place of ${judged} of ${records}. ${err}`);
  return { seconds, mebibytes: Number(/maxRSS (\d+)/.exec(err)?.[1]) / 1024 };
}

function resultOf(figures: readonly Figure[]) {
  const value = (name: string): number => figures.find((item) => item.name === name)?.median ?? Number.NaN;
  const [small, large] = sizes.map((records) => value(`${shown(records)} records: memory`)) as [number, number];
  const bytes = ((large - small) * 2 ** 20) / (most - sizes[0]);
  const seconds = value(`${shown(most)} records: time`);
  return {
    title: 'Replay of a policy',
    setting: `\`ptb policy replay\` with an export of ${shown(most)} records: tokens, and requests of the gateway with their answers, of 40 callers in ${shown(customers)} customers, without checkpoints. Reading, verifying and judging by both policies.`,
    figures,
    goals: [
      { goal: `${shown(most)} records in at most 60 s`, reached: seconds <= 60, value: `${round(seconds)} s` },
      // Verification keeps the hashes and the place of each record; nothing else may grow.
      {
        goal: 'memory for a further record at most 256 bytes',
        reached: bytes <= 256,
        value: `${Math.round(bytes)} bytes`,
      },
    ],
  };
}
