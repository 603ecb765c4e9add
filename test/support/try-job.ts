import type { Change } from '../../src/lib/changes/change.ts';
import { kindOf, type State } from '../../src/lib/changes/kinds.ts';
import type { GatewayRequest } from '../../src/lib/judge/verdict.ts';
import { clouds } from '../../src/lib/core/resources.ts';
import type { TokenRequest } from '../../src/lib/core/secrets.ts';
import type { Clock } from '../../src/lib/core/clock.ts';
import { parseTenantId, type TenantId } from '../../src/lib/core/identifiers.ts';
import type { ResolveTxt } from '../../src/lib/runs/job/dns.ts';
import { executeJob } from '../../src/lib/runs/job/execute-job.ts';
import type { Job, JobTenant } from '../../src/lib/runs/job/job.ts';
import type { Row, WrittenRows } from '../../src/lib/runs/job/row.ts';
import { type Scripted, scriptedFetch, type SeenRequest } from '../fakes/scripted-fetch.ts';
import { attemptOf, report, unneededBy } from './job-attempt.ts';

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
  const { deps, tokens, asked, lines } = attemptOf(job, { fetch, clock, partnerTenantId, ...options });
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

const rowsOf = ({ jsonLines }: Pick<WrittenRows, 'jsonLines'>): readonly Row[] =>
  Buffer.from(jsonLines)
    .toString()
    .split('\n')
    .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Row]));

/** The requests to Graph that an apply would send for a row of a plan, and later to take it back. */
function requestsOfChange({ content }: Row): readonly GatewayRequest[] {
  const { change, before = null } = JSON.parse(String(content)) as { change: Change; before?: State };
  const inverse = kindOf(change).inverse(change, before, { createdId: contoso.tenantId });
  return [change, ...(typeof inverse === 'string' ? [] : [inverse])].flatMap((each) => {
    const { resource, method, path } = kindOf(each).request(each, contoso.tenantId);
    return resource === 'graph' ? [{ method, url: path, link: { selected: [] } }] : [];
  });
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
