import { partnerMap } from 'graph-permissions/partner-table';
import type { PermissionMap } from 'graph-permissions/permission-map';
import { parsePublishedFile } from '../../src/cli/permissions/published-file.ts';
import { type RunnerTestCase, TestRunner } from 'vitest';
import { jobs } from '../../src/jobs/index.ts';
import type { Change } from '../../src/lib/changes/change.ts';
import { kindOf, type State } from '../../src/lib/changes/kinds.ts';
import { unneededPermissions } from '../../src/lib/judge/judge.ts';
import type { GatewayRequest } from '../../src/lib/judge/verdict.ts';
import { once } from '../../src/lib/core/single-flight.ts';
import { clouds, createResourceRegistry } from '../../src/lib/core/resources.ts';
import { type AccessToken, Secret, type TokenRequest } from '../../src/lib/core/secrets.ts';
import type { Clock } from '../../src/lib/core/clock.ts';
import { parseTenantId, type TenantId } from '../../src/lib/core/identifiers.ts';
import { createTenantSlots } from '../../src/lib/runs/engine/visit-tenants.ts';
import type { Logger } from '../../src/lib/core/log.ts';
import type { ResolveTxt } from '../../src/lib/runs/job/dns.ts';
import { type AttemptDeps, executeJob } from '../../src/lib/runs/job/execute-job.ts';
import type { Job, JobTenant } from '../../src/lib/runs/job/job.ts';
import { TraceRecorder } from '../../src/lib/runs/job/tenant-trace.ts';
import type { Row, WrittenRows } from '../../src/lib/runs/job/row.ts';
import type { TriedPermissions } from '../../tools/job-permissions-reporter.ts';
import { recordingLogger } from '../fakes/recording-logger.ts';
import { type Scripted, scriptedFetch, type SeenRequest } from '../fakes/scripted-fetch.ts';
import { publishedPermissions } from './published-permissions.ts';

declare module 'vitest' {
  interface TaskMeta {
    /** What the test tried of the app's jobs. tools/job-permissions-reporter.ts reads it. */
    triedJobs?: TriedPermissions[];
  }
}

export interface TryJobOptions {
  /**
   * Graph's answers: by path without query (`/v1.0/subscribedSkus`; `/v1.0` is optional), or a function of the request.
   * Other paths answer 404.
   */
  readonly graph?:
    | Readonly<Record<string, Scripted>>
    | ((request: SeenRequest, count: number) => Scripted | Promise<Scripted>);
  /**
   * Exchange's answers: by name of the cmdlet, its objects or a reply, or a function of the cmdlet. Each part of a batch is asked
   * by itself, unless `/$batch` answers for all. Other cmdlets answer 404.
   */
  readonly exchange?: Readonly<Record<string, CmdletAnswer>> | ((cmdlet: SentCmdlet, count: number) => CmdletAnswer);
  /** Partner Center's answers, by path without query or a function of the request. */
  readonly partnerCenter?: TryJobOptions['graph'];
  /** The text records of a name. Undefined: it does not exist. Throw another error of Node's resolver. Absent: no name exists. */
  readonly dns?: (name: string) => readonly string[] | undefined;
  /** In place of `dns`. */
  readonly resolveTxt?: ResolveTxt;
  /** Called for each token request. Throw a BrokerError to refuse it. */
  readonly token?: (request: TokenRequest) => void;
  readonly tenant?: JobTenant;
  readonly partnerTenantId?: TenantId;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly nowMs?: number;
}

/** A cmdlet as it was sent. */
interface SentCmdlet {
  readonly cmdlet: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Of the request or the part of a batch. */
  readonly url: URL;
  readonly headers: Headers;
}

/** The objects of a cmdlet, or a whole reply, such as a page or an error. */
type CmdletAnswer = readonly object[] | Scripted;

export interface TriedJob {
  readonly rows: readonly Row[];
  readonly columns: readonly string[];
  /** What the history would keep of the rows. */
  readonly numbers: WrittenRows['numbers'];
  readonly requests: readonly SeenRequest[];
  /** Cmdlets in the order in which Exchange got them, each part of a batch by itself. */
  readonly cmdlets: readonly SentCmdlet[];
  /** Names that the job asked DNS for, in order. */
  readonly asked: readonly string[];
  /** Resources that the job requested tokens for, in order. */
  readonly tokens: readonly string[];
  /**
   * Permissions of the job's definition that none of its requests to Graph needs. Permissions of other resources are never
   * among them.
   */
  readonly unneeded: readonly string[];
  readonly logged: readonly string[];
}

export const contoso: JobTenant = { tenantId: parseTenantId('11111111-2222-4333-8444-555555555555')!, name: 'Contoso' };
export const partnerTenantId = parseTenantId('22222222-3333-4444-8555-666666666666')!;

/**
 * Runs a job for one tenant like a run does (context, time limit, row validation), against scripted replies. Delays
 * take no real time: the job has a virtual clock, which ends the job at its time limit.
 * @throws BrokerError the failure that the tenant's record would contain.
 */
export async function tryJob(job: Job, options: TryJobOptions = {}): Promise<TriedJob> {
  const { graph = {}, exchange = {}, partnerCenter = {}, nowMs = Date.parse('2026-11-24T05:00:00Z') } = options;
  const { endpoints } = clouds.public;
  const cmdlets: SentCmdlet[] = [];
  const answers = new Map([
    [endpoints.exchange, byCmdlet(exchange, cmdlets)],
    [endpoints.partnerCenter, answerOf(partnerCenter)],
  ]);
  const ofGraph = answerOf(graph);
  const { fetch, seen } = scriptedFetch((request, count) =>
    (answers.get(request.url.origin) ?? ofGraph)(request, count),
  );
  const clock = jumpingClock(nowMs, job.timeoutSeconds * 1000);
  const { deps, tokens, asked, lines } = attemptOf(job, { fetch, clock, ...options });
  const running = executeJob(deps, job, options.tenant ?? contoso, options.parameters ?? {});
  // Also of a test in which the job fails: its requests need permissions, too.
  const planned = await running.then(rowsOf, () => []);
  const unneeded = await unneededBy(job, seen, job.changes === true ? planned.flatMap(requestsOfChange) : []);
  report(job, unneeded);
  const written = await running;
  const rows = rowsOf(written);
  const logged = lines.map(({ line }) => line);
  return {
    rows,
    columns: written.columns,
    numbers: written.numbers,
    requests: seen,
    cmdlets,
    asked,
    tokens,
    unneeded,
    logged,
  };
}

/** What an attempt of a job needs, with tokens of no use. */
export function attemptOf(
  job: Job,
  {
    fetch,
    clock,
    token,
    ...options
  }: Pick<AttemptDeps, 'fetch' | 'clock'> & Pick<TryJobOptions, 'token' | 'partnerTenantId' | 'dns' | 'resolveTxt'>,
): {
  readonly deps: AttemptDeps;
  readonly tokens: readonly string[];
  readonly asked: readonly string[];
  readonly lines: readonly { line: string }[];
} {
  const tokens: string[] = [];
  const asked: string[] = [];
  const { log, lines }: { log: Logger; lines: { line: string }[] } = recordingLogger();
  const deps: AttemptDeps = {
    fetch,
    clock,
    trace: new TraceRecorder({ clock, jobPositions: (stack) => stack }, []),
    handedOut: [],
    runId: `${job.name}@try`,
    random: () => 0,
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
    partnerTenantId: options.partnerTenantId ?? partnerTenantId,
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

const rowsOf = ({ jsonLines }: { readonly jsonLines: string }): readonly Row[] =>
  jsonLines.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Row]));

/** The requests to Graph that an apply would send for a row of a plan, and later to take it back. */
function requestsOfChange({ content }: Row): readonly GatewayRequest[] {
  const { change, before = null } = JSON.parse(String(content)) as { change: Change; before?: State };
  const inverse = kindOf(change).inverse(change, before, { createdId: contoso.tenantId });
  return [change, ...(typeof inverse === 'string' ? [] : [inverse])].flatMap((each) => {
    const { resource, method, path } = kindOf(each).request(each, contoso.tenantId);
    return resource === 'graph' ? [{ method, url: path, link: { selected: [] } }] : [];
  });
}

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

type Answer = (request: SeenRequest, count: number) => Scripted | Promise<Scripted>;

const answerOf = (replies: NonNullable<TryJobOptions['graph']>): Answer =>
  typeof replies === 'function' ? replies : byPath(replies);

/** Answers each cmdlet of a request, and adds it to `sent`. */
function byCmdlet(replies: NonNullable<TryJobOptions['exchange']>, sent: SentCmdlet[]): Answer {
  const answer = (url: URL, headers: Headers, body: unknown): Response => {
    const { CmdletInput: input } = body as { CmdletInput: { CmdletName: string; Parameters: object } };
    const cmdlet = { cmdlet: input.CmdletName, parameters: { ...input.Parameters }, url, headers };
    const count = sent.push(cmdlet);
    const reply = typeof replies === 'function' ? replies(cmdlet, count) : replies[cmdlet.cmdlet];
    if (reply instanceof Response) return reply.clone();
    if (reply === undefined) return Response.json({ error: { code: 'NotFound', message: '' } }, { status: 404 });
    return Response.json(Array.isArray(reply) ? { value: reply } : reply);
  };
  return async ({ url, headers, body = '' }) => {
    const value = JSON.parse(body) as {
      requests?: { id: string; url: string; headers: Readonly<Record<string, string>>; body: unknown }[];
    };
    if (value.requests === undefined) return answer(url, headers, value);
    const whole = typeof replies === 'function' ? undefined : replies['/$batch'];
    if (whole instanceof Response) return whole.clone();
    const responses = [];
    for (const part of value.requests) {
      const reply = answer(new URL(part.url), new Headers(part.headers), part.body);
      const { status } = reply;
      responses.push({ id: part.id, status, headers: Object.fromEntries(reply.headers), body: await reply.json() });
    }
    return { responses };
  };
}

const byPath =
  (replies: Readonly<Record<string, Scripted>>) =>
  ({ url }: SeenRequest): Scripted => {
    const reply = replies[url.pathname] ?? replies[url.pathname.replace(/^\/v1\.0/, '')];
    if (reply === undefined)
      return Response.json({ error: { code: 'Request_ResourceNotFound', message: '' } }, { status: 404 });
    return reply instanceof Response ? reply.clone() : reply;
  };

/** A clock that sleeping advances. The first sleep is the job's deadline: it ends when other sleeps reach it. */
function jumpingClock(startMs: number, deadlineMs: number): Clock {
  let now = startMs;
  let timeIsUp: (() => void) | undefined;
  return {
    nowMs: () => now,
    sleep: (ms, signal) => {
      const deadline = timeIsUp === undefined;
      if (!deadline) now += ms;
      if (!deadline && now - startMs < deadlineMs) return Promise.resolve();
      return new Promise((resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
        if (deadline) timeIsUp = resolve;
        else timeIsUp?.();
      });
    },
  };
}
