import { setTimeout as delay } from 'node:timers/promises';
import { callerFacts } from './caller-facts.ts';
import type { CloudClock } from './clock.ts';
import { replacedReply, replyAfter, sendReply } from './faults/fault-replies.ts';
import type { Faults } from './faults/faults.ts';
import type { FaultRule } from './faults/rule.ts';
import { readsOf } from './graph/reads.ts';
import type { Ledger, LedgerEntry } from './ledger.ts';
import type { OwnReplies } from './replies/own-replies.ts';
import { hasNeededToken } from './resource/has-token.ts';
import { type CloudRequest, json, type Reply, type Service, type ServiceName } from './web/http.ts';
import { type MessageHandler, readRequest } from './web/listener.ts';
import type { World } from './world.ts';

export interface ServingContext {
  readonly world: World;
  readonly services: Readonly<Record<ServiceName, Service>>;
  readonly clock: CloudClock;
  readonly faults: Faults;
  readonly ledger: Ledger;
  readonly ownReplies: OwnReplies;
  /** Minimum time of each Entra and Graph request, milliseconds. */
  readonly delayMs: number;
}

/**
 * Serves one service: applies fault rules, own replies and delays, and records each request in the ledger.
 * @param current The cloud behind the listener, which a reset replaces.
 */
export function serveService(name: ServiceName, current: () => ServingContext): MessageHandler {
  return async (message, response) => {
    const request = await readRequest(message);
    const context = current();
    const service = context.services[name];
    const atMs = context.clock.nowMs();
    response.setHeader('date', new Date(atMs).toUTCString());
    service.identify(request);
    const leave = request.facts.grant === undefined ? undefined : context.ledger.enterEntra();
    try {
      const rule = context.faults.match(name, request);
      if (rule?.kind === 'drop') response.destroy();
      const reply = rule?.kind === 'drop' ? undefined : await answer(context, service, request, rule);
      const waitMs = delayOf(service, context.delayMs) + (reply?.delayMs ?? 0) + (rule?.delayMs ?? 0);
      if (reply !== undefined && waitMs > 0) await delay(waitMs);
      // Recorded before the last byte is sent, so that a client which has the reply also finds it in the ledger.
      const isLost = reply === undefined || rule?.kind === 'lost_reply';
      const reads = name === 'graph' ? { reads: readsOf(request) } : {};
      const status = isLost ? 0 : reply.status;
      const caller = callerFacts(service, request, reply);
      context.ledger.record({ service: name, ...entryOf(request), ...reads, ...caller, status, atMs });
      if (reply !== undefined) await sendReply(response, reply, rule);
    } finally {
      context.faults.ended(request);
      leave?.();
    }
  };
}

const delayOf = (service: Service, delayMs: number): number =>
  service.name === 'entra' || service.name === 'graph' ? delayMs : 0;

async function answer(
  context: ServingContext,
  service: Service,
  request: CloudRequest,
  rule: FaultRule | undefined,
): Promise<Reply> {
  if (rule?.aadsts !== undefined) {
    const refusal =
      service.refuse?.(request, rule.aadsts, rule.text) ?? json(rule.status ?? 400, { error: `AADSTS${rule.aadsts}` });
    return { ...refusal, status: rule.status ?? refusal.status, headers: { ...refusal.headers, ...rule.headers } };
  }
  const replaced = rule === undefined ? undefined : replacedReply(rule);
  if (replaced !== undefined) return replaced;
  if (rule?.kind === 'stale_reads' || rule?.kind === 'put_back')
    request.facts.effect = { kind: rule.kind, untilMs: context.clock.nowMs() + (rule.forMs ?? 0) };
  try {
    return replyAfter(rule, await handle(context, service, request));
  } catch (error) {
    // A defect of the simulation. Marked as unmatched, so that the test which met it fails.
    request.facts.unmatched = true;
    return json(500, { error: `The simulated cloud failed: ${error instanceof Error ? error.message : 'unknown'}` });
  }
}

/** An own reply never reaches a caller without a valid token: the service refuses that caller as ever. */
async function handle({ world, ownReplies }: ServingContext, service: Service, request: CloudRequest): Promise<Reply> {
  const own = ownReplies.find(service.name, request);
  return own !== undefined && (await hasNeededToken(world, service.name, request)) ? own() : service.handle(request);
}

const entryOf = ({ method, path, facts }: CloudRequest): Omit<LedgerEntry, 'service' | 'status' | 'atMs'> => ({
  method,
  path,
  ...(facts.tenantId === undefined ? {} : { tenantId: facts.tenantId }),
  ...(facts.grant === undefined ? {} : { grant: facts.grant }),
  ...(facts.resource === undefined ? {} : { resource: facts.resource }),
  ...(facts.unmatched ? { unmatched: true as const } : {}),
});
