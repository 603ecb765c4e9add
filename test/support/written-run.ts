import { createHash, randomUUID } from 'node:crypto';
import { TableClient } from '@azure/data-tables';
import { ContainerClient } from '@azure/storage-blob';
import { parseTenantId, type TenantId } from '../../src/lib/core/identifiers.ts';
import { createRuns } from '../../src/lib/runs/store/create-runs.ts';
import type { Row } from '../../src/lib/runs/job/row.ts';
import type { Runs } from '../../src/lib/runs/store/runs.ts';
import { type NewTenantRun, shortRowsName } from '../../src/lib/runs/store/run.ts';
import { systemClock } from '../../src/lib/core/clock.ts';
import { seededRandom } from '../fakes/fake-clock.ts';

/** The runs in the storage of a demo. */
export const runsIn = (connectionString: string): Runs =>
  createRuns({
    storage: {
      table: async (name) =>
        TableClient.fromConnectionString(connectionString, name, { allowInsecureConnection: true }),
      container: async (name) => new ContainerClient(connectionString, name),
    },
    clock: systemClock,
    newId: randomUUID,
  });

export interface WrittenRun {
  readonly runId: string;
  readonly rows: number;
  readonly tenants: number;
  /** The rows of a tenant as readers must see them. */
  rowsOf(tenant: number): readonly Row[];
}

const concurrency = 32;

/**
 * Writes an ended run of a job that no longer exists, with random rows: those of every second tenant in its record. Tenants do
 * not have the order of their ids.
 */
export async function writeRun(
  runs: Runs,
  { runId, tenants, rowsPerTenant, seed }: { runId: string; tenants: number; rowsPerTenant: number; seed: number },
): Promise<WrittenRun> {
  const [job = '', window = ''] = runId.split('@');
  const nowMs = systemClock.nowMs();
  const planned = Array.from({ length: tenants }, (_, index) => ({
    tenantId: tenantIdOf(seed, index),
    name: `Müller & Söhne ${index}`,
    defaultDomain: `tenant${index}.example`,
  }));
  const stored = (tenant: number): Row[] => randomRows(seed * 100_000 + tenant, tenant % 9 === 0 ? 0 : rowsPerTenant);
  await runs.log.create({ runId, job, window, startedBy: 'timer', createdAtMs: nowMs }, { parameters: {} });
  const { digest } = await runs.results.putPlan(runId, { job, parameters: {}, attempt: planned, decided: [] });
  const records: NewTenantRun[] = [];
  let rows = 0;
  for (let start = 0; start < tenants; start += concurrency) {
    await Promise.all(
      planned.slice(start, start + concurrency).map(async ({ tenantId, name }, index) => {
        const own = stored(start + index);
        const rowsText = own.map((row) => `${JSON.stringify(row)}\n`).join('');
        const isShort = (start + index) % 2 === 0;
        const rowsName = isShort ? shortRowsName(tenantId, randomUUID()) : `${tenantId}.${randomUUID()}`;
        const written = own.length === 0 ? {} : { rowsName, ...(isShort ? { rowsText } : {}) };
        if (own.length > 0 && !isShort) await runs.results.putRows(runId, rowsName, rowsText);
        rows += own.length;
        const columns = [...new Set(own.flatMap((row) => Object.keys(row)))];
        const times = { startedAtMs: nowMs, finishedAtMs: nowMs };
        records.push({
          tenantId,
          name,
          outcome: 'succeeded',
          round: 1,
          rows: own.length,
          columns,
          ...written,
          ...times,
        });
      }),
    );
  }
  await runs.log.recordTenants(runId, records);
  const counts = { total: tenants, succeeded: tenants, failed: 0, skipped: 0, notAttempted: 0 };
  await runs.log.change(runId, { status: 'completed', tenants: counts, planDigest: digest, finishedAtMs: nowMs });
  return {
    runId,
    rows,
    tenants,
    rowsOf: (tenant) => {
      const { tenantId = '', name = '', defaultDomain = null } = planned[tenant] ?? {};
      return stored(tenant).map((row) => ({ tenantId, tenantName: name, tenantDomain: defaultDomain, ...row }));
    },
  };
}

function tenantIdOf(seed: number, index: number): TenantId {
  const hex = createHash('sha256').update(`${seed} ${index}`).digest('hex');
  return parseTenantId(
    `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`,
  )!;
}

const texts = ['', 'a,b', '"quoted"', 'two\nlines', '=SUM(1)', 'Zürich', '\u{1F600}', 'plain'];

function randomRows(seed: number, count: number): Row[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, number) => ({
    number,
    text: `${texts[Math.floor(random() * texts.length)]}${Math.floor(random() * 1e6)}`,
    share: random(),
    ...(random() < 0.5 ? { enabled: random() < 0.5 } : {}),
    ...(random() < 0.1 ? { note: null } : {}),
  }));
}
