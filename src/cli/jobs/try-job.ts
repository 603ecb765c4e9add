import { execFile } from 'node:child_process';
import { access, readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { BlobServiceClient } from '@azure/storage-blob';
import { readLedger } from 'microsoft-cloud/client';
import { partnerMap } from 'graph-permissions/partner-table';
import type { JobsAnswer } from '../../lib/api/answers/jobs.ts';
import type {
  RunAnswer,
  RunTenantDetailsAnswer,
  RunTenantsAnswer,
  StartedRunAnswer,
} from '../../lib/api/answers/runs.ts';
import { didYouMean } from '../../lib/core/text.ts';
import { MapBlobs, mapContainer } from '../../lib/gateway/map-store.ts';
import type { Demo } from '../demo/start-demo.ts';
import { storedMap, updateMap } from '../permissions/update-map.ts';
import { type BrokerClient, createBrokerClient } from '../remote/broker-client.ts';
import { followRun, runPath } from '../remote/follow-run.ts';
import { tenantNamed } from '../remote/named-tenants.ts';
import type { Progress } from '../remote/progress.ts';
import { UsageError } from '../run-program.ts';
import { givenParameters, type ParameterFlags } from './given-parameters.ts';
import { type TriedPermissions, triedPermissions } from './tried-requests.ts';

/** Where the working copy is built, relative to the project. */
const tryFolder = '.local/try';

export interface TryOptions {
  readonly job: string;
  /** Number of simulated customer tenants, all of which work. */
  readonly tenants: number;
  /** Ids, domains or names of the standard 25 tenants, of which some fail, in place of `tenants`. */
  readonly only?: readonly string[] | undefined;
  readonly parameters?: ParameterFlags | undefined;
  /** Microsoft's published permission file, to use in place of the project's table. */
  readonly permissionsFile?: string | undefined;
  readonly ptbScript: string;
  readonly progress: Progress;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** What a job did in the simulated cloud. */
export interface TriedJob extends TriedPermissions {
  readonly run: RunAnswer;
  readonly declared: readonly string[];
  /** Each tenant of the run, with what the job threw and logged. */
  readonly tenants: readonly RunTenantDetailsAnswer[];
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** Identifiers of the resources that the job got tokens for. */
  readonly tokens: readonly string[];
}

/**
 * Builds the working copy, and runs one job of it over a few tenants of the simulated cloud.
 * @throws UsageError if this is not the project's folder, or no job has this name; Error if the build or the demo fails.
 */
export async function tryJob(options: TryOptions): Promise<TriedJob> {
  await requireJob(options.job);
  options.say('Building the working copy');
  await buildWorkingCopy();
  const demo = await start(options);
  try {
    return await Promise.race([runJob(demo, options), demo.broken, aborted(options.signal)]);
  } finally {
    await demo.stop();
  }
}

/** Fails before the build, which takes seconds. */
async function requireJob(job: string): Promise<void> {
  const folder = 'src/jobs';
  const files = await readdir(folder).catch(() => []);
  const isProject = await access('tools/build.ts').then(
    () => files.length > 0,
    () => false,
  );
  if (!isProject) throw new UsageError(`There is no ${folder} here. Run the command in the folder of the project.`);
  const sources = await Promise.all(
    files.filter((file) => file.endsWith('.ts')).map((file) => readFile(join(folder, file), 'utf8')),
  );
  if (sources.some((text) => text.includes(`'${job}'`) || text.includes(`"${job}"`))) return;
  const question = didYouMean(
    job,
    files.map((file) => file.replace(/\.ts$/, '')),
  );
  throw new UsageError(
    `No file in ${folder} defines the job "${job}"${question || '.'} \`ptb jobs new ${job}\` writes one.`,
  );
}

async function buildWorkingCopy(): Promise<void> {
  try {
    await promisify(execFile)(process.execPath, ['tools/build.ts', '--out', tryFolder], { timeout: 300_000 });
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    throw new Error(`The working copy cannot be built:\n${stderr.trim() || String(error)}`, { cause: error });
  }
}

async function start({ tenants, only, permissionsFile, ptbScript, say }: TryOptions): Promise<Demo> {
  const { startDemo } = await import('../demo/start-demo.ts');
  return startDemo({
    tenants: only === undefined ? tenants : 25,
    plain: only === undefined,
    faults: undefined,
    delayMs: undefined,
    port: 0,
    ptbScript,
    appFolder: resolve(tryFolder),
    say,
    onUnmatched: (requests) => say(`The simulated cloud does not implement: ${requests.join(', ')}`),
    hostSettings: async (connectionString) => {
      if (permissionsFile === undefined) return {};
      const deps = { blobs: mapBlobs(connectionString), fetch: globalThis.fetch, nowMs: () => Date.now() };
      await updateMap(deps, { file: permissionsFile });
      return {};
    },
  });
}

const mapBlobs = (connectionString: string): MapBlobs =>
  new MapBlobs(async () => BlobServiceClient.fromConnectionString(connectionString).getContainerClient(mapContainer));

async function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}

/**
 * Runs one job in a demo that was started.
 * @throws UsageError for an unknown job or tenant; BrokerError what the broker answers.
 */
export async function runJob(
  demo: Pick<Demo, 'url' | 'cloud' | 'callerToken' | 'connectionString'>,
  { job, only, parameters: flags = {}, progress }: Pick<TryOptions, 'job' | 'only' | 'parameters' | 'progress'>,
): Promise<TriedJob> {
  const client = createBrokerClient(globalThis.fetch, demo.url, demo.callerToken);
  const { jobs } = (await client.get('/jobs')) as JobsAnswer;
  const defined = jobs.find(({ name }) => name === job);
  if (defined === undefined) {
    throw new UsageError(`src/jobs/index.ts does not list the job "${job}". Add it to the list of jobs.`);
  }
  const { control } = demo.cloud;
  const parameters = await givenParameters(flags, async () => defined);
  const known = demo.cloud.tenants.map(({ domain, ...tenant }) => ({ ...tenant, defaultDomain: domain }));
  const tenants = only?.map((wanted) => tenantNamed(known, wanted).tenantId);
  // Reads the directory, so that its requests are not taken for those of the job.
  await client.get('/tenants');
  const { requests: before } = await readLedger(control);
  const started = (await client.post(`/jobs/${job}/runs`, { tenants, parameters })) as StartedRunAnswer;
  const run = await followRun(client, started.runId, progress);
  const { requests } = await readLedger(control);
  const byJob = requests
    .slice(before.length)
    .filter(({ tenantId }) => tenantId !== undefined && tenantId !== demo.cloud.partnerTenantId);
  const stored = await storedMap(mapBlobs(demo.connectionString));
  const { permissions = [], resources } = defined;
  const tried = triedPermissions(
    stored?.map ?? partnerMap(),
    byJob.flatMap(({ reads = [] }) => reads),
    { permissions, resources },
  );
  return {
    run,
    declared: permissions,
    tenants: await readTenants(client, run.runId),
    rows: await readRows(client, run.runId),
    tokens: [...new Set(byJob.flatMap(({ service, resource }) => (service === 'entra' ? (resource ?? []) : [])))],
    ...tried,
    // A job that failed may have stopped before the request that needs a permission.
    unneeded: run.outcome === 'succeeded' ? tried.unneeded : [],
  };
}

async function readTenants(client: BrokerClient, runId: string): Promise<readonly RunTenantDetailsAnswer[]> {
  const { tenants } = (await client.get(`${runPath(runId)}/tenants`)) as RunTenantsAnswer;
  const visited = tenants.filter(({ outcome }) => outcome !== 'not_attempted' && outcome !== 'waiting');
  const read = ({ tenantId }: { tenantId: string }) => client.get(`${runPath(runId)}/tenants/${tenantId}`);
  return (await Promise.all(visited.map(read))) as RunTenantDetailsAnswer[];
}

async function readRows(client: BrokerClient, runId: string): Promise<TriedJob['rows']> {
  const rows: Readonly<Record<string, unknown>>[] = [];
  for await (const page of client.pages(`${runPath(runId)}/results`, { format: 'jsonl', limit: '1000' })) {
    for (const line of page.split('\n')) if (line !== '') rows.push(JSON.parse(line) as Record<string, unknown>);
  }
  return rows;
}
