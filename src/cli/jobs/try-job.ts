import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { BlobServiceClient } from '@azure/storage-blob';
import { readLedger } from 'microsoft-cloud/client';
import { partnerMap } from 'graph-permissions/partner-table';
import type {
  RunAnswer,
  RunTenantDetailsAnswer,
  RunTenantsAnswer,
  StartedRunAnswer,
} from '../../lib/api/answers/runs.ts';
import { BrokerError } from '../../lib/core/errors.ts';
import { didYouMean } from '../../lib/core/text.ts';
import { MapBlobs, mapContainer } from '../../lib/gateway/map-store.ts';
import { readParameters } from '../../lib/runs/job/job-parameters.ts';
import type { Job } from '../../lib/runs/job/job.ts';
import type { Demo } from '../demo/start-demo.ts';
import { isOwnProject, jobList, listedJobs, packageProject } from '../project/own-project.ts';
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
 * @throws UsageError if this is not the project's folder, no job has this name, or it refuses the parameters; Error if the build
 * or the demo fails.
 */
export async function tryJob(options: TryOptions): Promise<TriedJob> {
  const job = await findJob(options.job);
  const parameters = await checkedParameters(job, options.parameters ?? {});
  options.say('Building the working copy');
  const demo = await start(options, await buildWorkingCopy());
  try {
    return await Promise.race([runJob(demo, job, { ...options, parameters }), demo.broken, aborted(options.signal)]);
  } finally {
    await demo.stop();
  }
}

/**
 * The job of the working copy, read from its sources: what is wrong with a request is said before the build and the cloud,
 * which take seconds.
 */
async function findJob(name: string): Promise<Job> {
  const jobs = await listedJobs('.');
  const found = jobs.find((job) => job.name === name);
  if (found !== undefined) return found;
  const question = didYouMean(
    name,
    jobs.map((job) => job.name),
  );
  throw new UsageError(
    `${jobList} lists no job "${name}"${question || '.'} \`ptb jobs new ${name}\` writes and lists one.`,
  );
}

/** @throws UsageError for parameters that the job refuses. */
async function checkedParameters(job: Job, flags: ParameterFlags): Promise<Readonly<Record<string, unknown>>> {
  const { name, parameters } = job;
  const given = (await givenParameters(flags, async () => ({ name, parameters: parameters.jsonSchema }))) ?? {};
  try {
    readParameters(job, given);
  } catch (error) {
    throw error instanceof BrokerError ? new UsageError(error.detail) : error;
  }
  return given;
}

/** @returns the folder of the built app. */
async function buildWorkingCopy(): Promise<string> {
  if (await isOwnProject('.')) {
    await packageProject('.', tryFolder, 'azureStorage');
    return join(tryFolder, 'app');
  }
  try {
    await promisify(execFile)(process.execPath, ['tools/build.ts', '--out', tryFolder], { timeout: 300_000 });
    return tryFolder;
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    throw new Error(`The working copy cannot be built:\n${stderr.trim() || String(error)}`, { cause: error });
  }
}

async function start({ tenants, only, permissionsFile, ptbScript, say }: TryOptions, appFolder: string): Promise<Demo> {
  const { startDemo } = await import('../demo/start-demo.ts');
  return startDemo({
    tenants: only === undefined ? tenants : 25,
    plain: only === undefined,
    faults: undefined,
    delayMs: undefined,
    port: 0,
    ptbScript,
    appFolder: resolve(appFolder),
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
 * @throws UsageError for an unknown tenant; BrokerError what the broker answers.
 */
export async function runJob(
  demo: Pick<Demo, 'url' | 'cloud' | 'callerToken' | 'connectionString'>,
  { name, permissions = [], resources, changes }: Pick<Job, 'name' | 'permissions' | 'resources' | 'changes'>,
  { only, parameters, progress }: Pick<TryOptions, 'only' | 'progress'> & { readonly parameters?: object },
): Promise<TriedJob> {
  const client = createBrokerClient(globalThis.fetch, demo.url, demo.callerToken);
  const { control } = demo.cloud;
  const known = demo.cloud.tenants.map(({ domain, ...tenant }) => ({ ...tenant, defaultDomain: domain }));
  const tenants = only?.map((wanted) => tenantNamed(known, wanted).tenantId);
  // Reads the directory, so that its requests are not taken for those of the job.
  await client.get('/tenants');
  const { requests: before } = await readLedger(control);
  const path = `/jobs/${name}/${changes === true ? 'plans' : 'runs'}`;
  const started = (await client.post(path, { tenants, parameters })) as StartedRunAnswer;
  const run = await followRun(client, started.runId, progress);
  const { requests } = await readLedger(control);
  const byJob = requests
    .slice(before.length)
    .filter(({ tenantId }) => tenantId !== undefined && tenantId !== demo.cloud.partnerTenantId);
  const stored = await storedMap(mapBlobs(demo.connectionString));
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
    // A job that failed may have stopped before the request that needs a permission, and a plan only reads.
    unneeded: run.outcome === 'succeeded' && changes !== true ? tried.unneeded : [],
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
