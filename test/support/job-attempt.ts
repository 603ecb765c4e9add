import { partnerMap } from 'graph-permissions/partner-table';
import type { PermissionMap } from 'graph-permissions/permission-map';
import { parsePublishedFile } from '../../src/cli/permissions/published-file.ts';
import { type RunnerTestCase, TestRunner } from 'vitest';
import { jobs } from '../../src/jobs/index.ts';
import { unneededPermissions } from '../../src/lib/judge/judge.ts';
import type { GatewayRequest } from '../../src/lib/judge/verdict.ts';
import { once } from '../../src/lib/core/single-flight.ts';
import { clouds, createResourceRegistry } from '../../src/lib/core/resources.ts';
import { type AccessToken, Secret, type TokenRequest } from '../../src/lib/core/secrets.ts';
import type { TenantId } from '../../src/lib/core/identifiers.ts';
import { createTenantSlots } from '../../src/lib/runs/engine/visit-tenants.ts';
import type { ResolveTxt } from '../../src/lib/runs/job/dns.ts';
import type { Logger } from '../../src/lib/core/log.ts';
import type { AttemptDeps } from '../../src/lib/runs/job/execute-job.ts';
import type { Job } from '../../src/lib/runs/job/job.ts';
import { TraceRecorder } from '../../src/lib/runs/job/tenant-trace.ts';
import type { TriedPermissions } from '../../tools/job-permissions-reporter.ts';
import { recordingLogger } from '../fakes/recording-logger.ts';
import type { SeenRequest } from '../fakes/scripted-fetch.ts';
import { publishedPermissions } from './published-permissions.ts';

declare module 'vitest' {
  interface TaskMeta {
    /** What the test tried of the app's jobs. tools/job-permissions-reporter.ts reads it. */
    triedJobs?: TriedPermissions[];
  }
}

interface AttemptOptions extends Pick<AttemptDeps, 'fetch' | 'clock'> {
  readonly partnerTenantId: TenantId;
  readonly token?: (request: TokenRequest) => void;
  readonly dns?: (name: string) => readonly string[] | undefined;
  readonly resolveTxt?: ResolveTxt;
}

/** What an attempt of a job needs, with tokens of no use. */
export function attemptOf(
  job: Job,
  { fetch, clock, token, partnerTenantId, ...options }: AttemptOptions,
): {
  readonly deps: AttemptDeps;
  readonly tokens: readonly string[];
  readonly asked: readonly string[];
  readonly lines: readonly { line: string }[];
} {
  const tokens: string[] = [];
  const asked: string[] = [];
  let ids = 0;
  const { log, lines }: { log: Logger; lines: { line: string }[] } = recordingLogger();
  const deps: AttemptDeps = {
    fetch,
    clock,
    trace: new TraceRecorder({ clock, jobPositions: (stack) => stack }, []),
    handedOut: [],
    runId: `${job.name}@try`,
    random: () => 0,
    newId: () => `00000000-0000-4000-8000-${String((ids += 1)).padStart(12, '0')}`,
    resolveTxt: async (name) => {
      asked.push(name);
      if (options.resolveTxt !== undefined) return options.resolveTxt(name);
      const records = options.dns?.(name);
      if (records === undefined) throw Object.assign(new Error(name), { code: 'ENOTFOUND' });
      return records.map((record) => [record.slice(0, 9), record.slice(9)]);
    },
    requestSlots: createTenantSlots(4),
    log,
    resources: createResourceRegistry(clouds.public, []),
    endpoints: clouds.public.endpoints,
    permissionMap,
    partnerTenantId,
    tokens: {
      getToken: async (request): Promise<AccessToken> => {
        tokens.push(request.resource.alias);
        token?.(request);
        const secret = new Secret(`eyJhbGciOiJub25lIn0.token-for-${request.resource.alias}.x`);
        return { ...request, secret, scopes: [], expiresAtMs: clock.nowMs() + 3_600_000, fromCache: false };
      },
      forgetTenant: () => undefined,
    },
  };
  return { deps, tokens, asked, lines };
}

/** Tells tools/job-permissions-reporter.ts about a job of the app. */
export function report(job: Job, unneeded: readonly string[]): void {
  const meta = jobs.includes(job) ? TestRunner.getCurrentTest<RunnerTestCase | undefined>()?.meta : undefined;
  if (meta !== undefined) meta.triedJobs = [...(meta.triedJobs ?? []), { job: job.name, unneeded }];
}

/** The table of the project, or the published file that PTB_TEST_PERMISSIONS names. */
const permissionMap = once(async (): Promise<PermissionMap> => {
  const json = publishedPermissions();
  return json === undefined ? partnerMap() : parsePublishedFile(json).map;
});

/** Permissions of the job's definition that none of these requests needs. */
export async function unneededBy(
  job: Job,
  seen: readonly SeenRequest[],
  changes: readonly GatewayRequest[] = [],
): Promise<readonly string[]> {
  const map = await permissionMap();
  const { host } = new URL(clouds.public.endpoints.graph);
  const others = job.resources.some((alias) => alias !== 'graph');
  const permissions = (job.permissions ?? []).filter((name) => !others || map.permissions.includes(name));
  const toGraph = seen.filter(({ url }) => url.host === host);
  return unneededPermissions(map, [...toGraph.flatMap(judgedRequests), ...changes], {
    permissions,
    scheme: 'delegated',
    host,
  });
}

/** A request, or the parts of a batch, as the judge reads them. */
function judgedRequests({ method, url, body }: SeenRequest): readonly GatewayRequest[] {
  const link = { selected: [] };
  if (!url.pathname.endsWith('/$batch')) return [{ method, url: url.pathname + url.search, link }];
  const { requests } = JSON.parse(body ?? '{}') as { requests: { url: string }[] };
  return requests.map((part) => ({ method: 'GET', url: `/v1.0${part.url}`, link }));
}
