import { createHash } from 'node:crypto';
import { BrokerError } from '../../core/errors.ts';
import type { Clock, Random } from '../../core/clock.ts';
import type { BudgetedRequest, RequestBudget, SharedBudgets } from '../../core/share.ts';
import { type GraphLimit, graphLimits, limitOf, unitsOf } from './graph-limits.ts';
import { RateLimiter } from './rate-limiter.ts';

/** A longer pause ends the request, as a longer Retry-After does. */
const maxWaitMs = 20_000;
/** After a pause, requests do not all leave at once. */
const spreadMs = 500;
/** How long a rate that nobody uses is kept: the bucket is full long before. */
const idleMs = 30_000;

interface Spend {
  readonly limit: GraphLimit;
  readonly units: number;
}

/** What a request spends of which limit. Pure. */
export function spendsOf({ method, paths }: Pick<BudgetedRequest, 'method' | 'paths'>): readonly Spend[] {
  const units = new Map<GraphLimit, number>();
  const add = (limit: GraphLimit, more: number): void => void units.set(limit, (units.get(limit) ?? 0) + more);
  for (const path of paths) {
    add(limitOf(path) ?? 'graph-units', limitOf(path) === undefined ? unitsOf(method, path) : 1);
    if (method !== 'GET') add('graph-writes', 1);
  }
  return [...units].map(([limit, spent]) => ({ limit, units: spent }));
}

/** Holds requests to resources to the limits of Microsoft Graph, and to the pauses that any instance has heard of. */
export class RequestBudgets implements RequestBudget {
  readonly #deps: { readonly budgets: SharedBudgets; readonly clock: Clock; readonly random: Random };
  readonly #rates = new Map<string, RateLimiter>();
  #prunedAtMs = 0;

  constructor(deps: { readonly budgets: SharedBudgets; readonly clock: Clock; readonly random: Random }) {
    this.#deps = deps;
  }

  async admit(request: BudgetedRequest, signal?: AbortSignal): Promise<void> {
    await this.#deps.budgets.ready(signal);
    await this.#paused(request, signal);
    if (request.resource !== 'graph') return;
    for (const { limit, units } of spendsOf(request)) {
      await this.#rate(limit, request).take(units, request.requesters, signal);
    }
    // It may have begun while the request waited.
    await this.#paused(request, signal);
  }

  throttled(request: BudgetedRequest, retryAfterSeconds: number, scope?: string | null): void {
    const { places, kinds, tenant, application } = pauseNames(request);
    // "Additional headers" of the page about limits: Application, Tenant or Tenant_Application, then a slash.
    const named = { application, tenant, tenant_application: kinds };
    const of = scope?.split('/')[0]?.toLowerCase() ?? '';
    const names = Object.hasOwn(named, of) ? named[of as keyof typeof named] : places;
    for (const name of names) this.#deps.budgets.pause(name, retryAfterSeconds * 1000);
  }

  async #paused(request: BudgetedRequest, signal: AbortSignal | undefined): Promise<void> {
    const names = Object.values(pauseNames(request)).flat();
    const { budgets, clock, random } = this.#deps;
    const leftMs = (): number => Math.max(...names.map((name) => budgets.pausedMs(name)));
    for (let ms = leftMs(); ms > 0; ms = leftMs()) {
      if (ms > maxWaitMs) {
        throw new BrokerError('throttled', 'Microsoft throttles the requests for this tenant.', {
          retryAfterSeconds: Math.ceil(ms / 1000),
        });
      }
      await clock.sleep(ms + random() * spreadMs, signal);
    }
  }

  #rate(limit: GraphLimit, { tenantId, application }: BudgetedRequest): RateLimiter {
    this.#prune();
    const name = limit === 'graph-access' ? `${limit} ${tenantId}` : `${limit} ${tenantId} ${application}`;
    const known = this.#rates.get(name);
    if (known !== undefined) return known;
    const { budgets, clock } = this.#deps;
    const rate = new RateLimiter(clock, { ...graphLimits[limit], share: budgets.share(name), peer: 'Microsoft Graph' });
    this.#rates.set(name, rate);
    return rate;
  }

  #prune(): void {
    const nowMs = this.#deps.clock.nowMs();
    if (nowMs - this.#prunedAtMs < idleMs) return;
    this.#prunedAtMs = nowMs;
    for (const [name, rate] of this.#rates) {
      if (rate.waiting > 0 || nowMs - rate.usedAtMs < idleMs) continue;
      this.#rates.delete(name);
      this.#deps.budgets.release(name);
    }
  }
}

/**
 * The names of the pauses that concern a request, the narrowest first. A throttled report does not stop other requests. Where
 * the answer does not say what is throttled, it may be one mailbox, so requests to other objects go on.
 */
function pauseNames({ resource, tenantId, application, paths }: BudgetedRequest) {
  const kindOf = (path: string): string => (resource === 'graph' ? limitOf(path) : undefined) ?? resource;
  const nameOf = (path: string): string => `${kindOf(path)} ${tenantId} ${application}`;
  return {
    places: [...new Set(paths.map((path) => `${nameOf(path)} ${placeOf(path)}`))],
    kinds: [...new Set(paths.map(nameOf))],
    tenant: [`${resource} ${tenantId}`],
    application: [`${resource} ${application}`],
  };
}

/** A digest of the first two segments below the version, as `users` and an id, which may be a person's name. */
function placeOf(path: string): string {
  const [, , collection = '', id = ''] = (path.split('?')[0] ?? '').toLowerCase().split('/');
  return createHash('sha256').update(`${collection}/${id}`).digest('hex').slice(0, 12);
}
