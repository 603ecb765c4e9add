import { callerIdOf } from '../../core/caller.ts';
import type { GatewayDeps } from '../gateway.ts';
import type { Sender } from '../send/request-records.ts';
import type { Answer } from '../send/rewrite-answer.ts';
import { serveRequest } from '../send/serve-request.ts';
import { smallAnswerBytes } from '../../core/collect-answer.ts';
import { asObject, objectOf, textOf } from '../../core/objects.ts';
import { failureOf } from '../../microsoft/reply.ts';
import { BrokerError } from '../../core/errors.ts';
import { minuteMs } from '../../core/clock.ts';
import type { TenantId } from '../../core/identifiers.ts';
import { type Logger, scrubReply } from '../../core/log.ts';
import { parseJson, retryAfterSeconds } from '../../core/outbound.ts';
import type { RunStops } from '../../runs/store/runs.ts';
import type { QueryRows, QueryVisit } from '../../runs/engine/tenant-run.ts';
import { type AnswerPage, pageOf, RowCollector, rowLimits, RowMemory } from './answer-rows.ts';
import { type Query, queryHeaders, readQuery, storedQuery } from './query.ts';

export interface AskTenantDeps {
  readonly gateway: GatewayDeps;
  /** Tells whether the run goes on. */
  readonly runs: { readonly stops: Pick<RunStops, 'find'> };
  readonly rowMemory: RowMemory;
  readonly newId: () => string;
  readonly log: Logger;
}

/** Memory for the rows of an instance: sixteen tenants with all that is kept. 20 are visited at a time (tuning.ts). */
export const createRowMemory = (): RowMemory => new RowMemory(16 * rowLimits.bytes);

/** Further pages are not read beyond these. An answer that was begun is read to its end. */
const pageLimits = { pages: 500, ms: 5 * minuteMs } as const;

/** The gateway as links in answers name it. They are followed here, so the host is never looked up. */
const gatewayUrlOf = (tenantId: TenantId): string => `https://gateway.invalid/api/gateway/${tenantId}/graph`;

/**
 * Sends the request of a query into a tenant, and follows its pages. Each page is a request of its own to the gateway: judged
 * by the policy in force, under the rules for the caller that asked, and recorded. Once the run was stopped, no page follows,
 * and no large answer is parsed.
 * @throws BrokerError why the run was stopped; busy if there is no memory for the rows; request_invalid; as the gateway does;
 *   for a failure that Microsoft Graph reports, as `failureOf` does.
 */
export async function askTenant(deps: AskTenantDeps, visit: QueryVisit): Promise<QueryRows> {
  const query = readQuery(storedQuery(visit.parameters));
  const sender = senderOf(deps, visit);
  const rows = new RowCollector(deps.rowMemory);
  try {
    return await readPages({ ...deps, sender, visit, query }, rows);
  } catch (thrown) {
    rows.release();
    throw thrown;
  }
}

interface TenantQuery extends AskTenantDeps {
  readonly visit: QueryVisit;
  readonly query: Query;
  readonly sender: Sender;
}

async function readPages({ visit, query, sender, ...deps }: TenantQuery, rows: RowCollector): Promise<QueryRows> {
  const { clock, largeAnswers } = deps.gateway;
  const untilMs = clock.nowMs() + pageLimits.ms;
  const request = {
    tenant: visit.tenantId,
    resource: 'graph',
    method: 'GET',
    headers: queryHeaders(query),
    body: undefined,
    gatewayUrl: gatewayUrlOf(visit.tenantId),
    justification: {},
  };
  const goOn = async (): Promise<void> => {
    const stop = await deps.runs.stops.find(visit.runId);
    if (stop !== undefined) throw new BrokerError(stop.code, stop.detail);
  };
  let url = query.path;
  for (let page = 1; ; page += 1) {
    const slot = largeAnswers.slot(callerIdOf(sender.caller));
    // A large answer is held until its rows are written, so it keeps its slot.
    const gateway = { ...deps.gateway, largeAnswers: { slot: () => ({ ...slot, leave: () => undefined }) } };
    let link: string | undefined;
    try {
      const answer = await serveRequest(gateway, { ...request, url }, sender);
      if (answer.status === 404) {
        if (page === 1)
          return { ...(await rows.done()), note: 'Microsoft Graph answers 404: there is no such object.' };
        return rows.done(`The answer was cut: Microsoft Graph answers 404 for page ${page}.`);
      }
      const [next, isWhole] = await deps.rowMemory.one(answer.body.length, async () => {
        // It may have waited for other large answers.
        if (answer.body.length > smallAnswerBytes) await goOn();
        const read = await readAnswer(answer, clock.nowMs());
        return [read.next, await rows.add(read.rows)] as const;
      });
      if (!isWhole) return rows.done(tooMany(rows.count));
      link = next;
    } finally {
      slot.leave();
    }
    if (link === undefined) return rows.done();
    if (!query.allPages) return rows.done('The answer has more pages, and only the first was read.');
    if (page >= pageLimits.pages || clock.nowMs() >= untilMs) return rows.done(tooManyPages(page, rows.count));
    const next = belowGateway(visit.tenantId, link);
    if (next === url) throw new BrokerError('resource_error', 'Microsoft Graph sends pages that do not end.');
    url = next;
    await goOn();
  }
}

const tooMany = (rows: number): string =>
  `The answer was cut after ${rows} rows: a query keeps ${rowLimits.rows} rows and ${rowLimits.bytes / mebibyte} MiB of a tenant.`;

const mebibyte = 1024 * 1024;

const tooManyPages = (pages: number, rows: number): string =>
  `The answer was cut after ${pages} pages (${rows} rows): a query reads ${pageLimits.pages} pages of a tenant, for 5 minutes. $top makes pages larger.`;

function senderOf({ newId, log }: AskTenantDeps, { asker, runId, tenantId }: QueryVisit): Sender {
  const { applicationId, correlationId = newId() } = asker;
  const fields = { correlationId, runId, tenantId, caller: applicationId };
  return { caller: asker, correlationId, run: runId, log: log.child(fields), orchestrations: noOrchestrations };
}

const never = (): never => {
  throw new TypeError('a run asks for no approval');
};
const noOrchestrations: Sender['orchestrations'] = { start: never, state: never, raise: never };

/** @throws BrokerError if Graph does not answer with rows. */
async function readAnswer({ status, headers, body }: Answer, nowMs: number): Promise<AnswerPage> {
  if (status >= 200 && status <= 299) return pageOf(headers['content-type'], body);
  if (status >= 300 && status <= 399) {
    throw new BrokerError('request_invalid', 'Microsoft Graph answers with a redirect; a query reads JSON only.');
  }
  const reply = parseJson(Buffer.from(body).toString('utf8'));
  const failure = failureOf('Microsoft Graph', status, reply, retryAfterSeconds(new Headers(headers), nowMs));
  if (failure.code !== 'job_failed') throw failure;
  const message = textOf(objectOf(asObject(reply), 'error'), 'message') ?? '';
  const text = `${failure.detail} ${scrubReply(message, 300)}`.trim();
  throw new BrokerError('request_invalid', text, { logFields: failure.logFields });
}

/** A link of an answer, which the gateway has rewritten. @throws BrokerError resource_error for any other. */
function belowGateway(tenantId: TenantId, link: string): string {
  const base = gatewayUrlOf(tenantId);
  if (link.startsWith(`${base}/`)) return link.slice(base.length);
  throw new BrokerError('resource_error', 'Microsoft Graph answers with a link to another place.');
}
