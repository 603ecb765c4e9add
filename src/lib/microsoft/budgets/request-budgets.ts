import { createHash } from 'node:crypto';
import type { Clock, Random } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import { FairLimiter } from '../../core/fair-limiter.ts';
import type {
  BudgetedRequest,
  RequestBudget,
  Requester,
  Requesters,
  Share,
  SharedBudgets,
  ShareUser,
  Usage,
} from '../../core/share.ts';
import { type GraphLimit, graphLimits, limitOf, unitsOf } from './budgets.ts';

interface RateSettings {
  /** Units per second that this process may spend. */
  readonly share: Share;
  /** Units that may leave at once, of all instances, and units per second of all. */
  readonly burst: number;
  readonly perSecond: number;
  /** Who answers the requests. */
  readonly peer: string;
}

/** Waiting requests of one caller. */
const maxWaiting = 100;

/**
 * A token bucket whose rate is a share that changes. Callers take turns and come before jobs, as in {@link FairLimiter}. A
 * request starts if there is one unit, and may cost more: the debt delays the next.
 */
export class RateLimiter implements ShareUser {
  readonly #clock: Clock;
  readonly #settings: RateSettings;
  readonly #turns: FairLimiter;
  #turnsUser: ShareUser | undefined;
  #units: number | undefined;
  #filledAtMs: number;
  #isTimed = false;
  #spent = { interactive: 0, background: 0, requests: 0 };
  #readAtMs: number;
  usedAtMs: number;

  constructor(clock: Clock, settings: RateSettings) {
    this.#clock = clock;
    this.#settings = settings;
    this.#filledAtMs = this.#readAtMs = this.usedAtMs = clock.nowMs();
    this.#turns = new FairLimiter({
      limit: {
        amount: () => (this.#fill() >= 1 ? Infinity : 0),
        wanted: (isShort) => this.#wanted(isShort),
        attach: (user) => {
          this.#turnsUser = user;
        },
      },
      maxWaiting,
      peer: settings.peer,
      onStart: (units, requester) => this.#spend(units, requester),
    });
    settings.share.attach(this);
  }

  get waiting(): number {
    return this.#turns.waiting;
  }

  /** Resolves when the units may be spent. @throws BrokerError `caller_throttled`; the reason of the signal. */
  take(units: number, requesters: Requesters, signal?: AbortSignal): Promise<void> {
    this.usedAtMs = this.#clock.nowMs();
    return this.#turns.run(() => Promise.resolve(), requesters, signal, units);
  }

  usage(): Usage {
    const nowMs = this.#clock.nowMs();
    const seconds = Math.max(0.1, (nowMs - this.#readAtMs) / 1000);
    const spent = this.#spent;
    this.#readAtMs = nowMs;
    this.#spent = { interactive: 0, background: 0, requests: 0 };
    const waiting = this.#turnsUser?.usage() ?? { interactive: 0, callers: 0, background: 0, runs: 0 };
    const each = spent.requests === 0 ? 1 : (spent.interactive + spent.background) / spent.requests;
    // Those that wait could all leave within a second. One counts as in progress.
    const isWaiting = this.#turns.waiting > 0;
    return {
      interactive: spent.interactive / seconds + (isWaiting ? waiting.interactive * each : 0),
      callers: waiting.callers,
      background: spent.background / seconds + (isWaiting ? waiting.background * each : 0),
      runs: waiting.runs,
    };
  }

  held(): number {
    return 0;
  }

  changed(): void {
    this.#turnsUser?.changed();
    if (this.#turns.waiting > 0) this.#time();
  }

  #spend(units: number, { kind }: Requester): void {
    this.#units = this.#fill() - units;
    this.#spent[kind === 'background' ? 'background' : 'interactive'] += units;
    this.#spent.requests += 1;
  }

  /** The units that are there now. */
  #fill(): number {
    const { share, burst, perSecond } = this.#settings;
    const nowMs = this.#clock.nowMs();
    const rate = share.amount();
    const most = Math.max(1, burst * Math.min(1, rate / perSecond));
    const gained = (rate * (nowMs - this.#filledAtMs)) / 1000;
    this.#filledAtMs = nowMs;
    this.#units = Math.min(most, (this.#units ?? most) + gained);
    return this.#units;
  }

  #wanted(isShort: boolean): void {
    this.#settings.share.wanted(isShort);
    if (isShort) this.#time();
  }

  /** Starts waiting requests when there are units for them. */
  #time(): void {
    if (this.#isTimed) return;
    this.#isTimed = true;
    const missing = 1 - this.#fill();
    const rate = this.#settings.share.amount();
    // Without a rate, the next change of the share starts them.
    const waitMs = rate > 0 ? Math.min(1_000, Math.max(1, Math.ceil((missing / rate) * 1000))) : 1_000;
    void this.#clock.sleep(waitMs).then(() => {
      this.#isTimed = false;
      this.changed();
    });
  }
}

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
