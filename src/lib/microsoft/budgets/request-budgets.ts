import { createHash } from 'node:crypto';
import type { TableClient } from '@azure/data-tables';
import { type Clock, dayMs } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import { FairLimiter, kindOf } from '../../core/fair-limiter.ts';
import type {
  AllBudgets,
  BudgetedRequest,
  Demand,
  RequestBudget,
  Requesters,
  Share,
  SharedBudgets,
  ShareUser,
} from '../../core/share.ts';
import { BudgetKeeper, type KeeperDeps, refusalOf } from './budget-keeper.ts';
import {
  budgetNamed,
  graphLimits,
  isLimitedByUnits,
  limitOf,
  type RateLimit,
  segmentsOf,
  spendsOf,
  unitsPerSecond,
} from './graph-limits.ts';
import { budgetsTable, TableLedgerStore } from './ledger.ts';

/** Waiting requests of one caller. */
const maxWaiting = 100;

/** Finds out the limit for all instances together, where it may be another than the usual one. */
interface LimitFinder {
  /** Units per second. Undefined while nothing is known. */
  total(): number | undefined;
  /** Called for each request that has to wait. */
  isShort(): void;
}

/**
 * A token bucket whose rate is a share that changes. Callers take turns and come before jobs, as in {@link FairLimiter}. A
 * request starts if there is one unit, and may cost more: the debt delays the next.
 */
export class RateLimiter implements ShareUser {
  readonly #clock: Clock;
  /** Units per second that this process may spend. */
  readonly #share: Share;
  readonly #whole: RateLimit;
  readonly #queue: FairLimiter;
  #units: number | undefined;
  #filledAtMs: number;
  #isTimed = false;
  #spent = { interactive: 0, background: 0 };
  #readAtMs: number;
  usedAtMs: number;
  /** Absent: the limit is the usual one. */
  finder: LimitFinder | undefined;

  /** @param whole the usual limit for all instances together. A larger one has no larger burst. */
  constructor(clock: Clock, share: Share, whole: RateLimit) {
    this.#clock = clock;
    this.#share = share;
    this.#whole = whole;
    this.#filledAtMs = this.#readAtMs = this.usedAtMs = clock.nowMs();
    this.#queue = new FairLimiter({
      limit: {
        amount: () => (this.#fill() >= 1 ? Infinity : 0),
        wanted: (isShort) => {
          share.wanted(isShort);
          if (!isShort) return;
          this.#startLater();
          this.finder?.isShort();
        },
        attach: () => undefined,
      },
      maxWaiting,
      peer: 'Microsoft Graph',
      onStart: (units, requester) => {
        this.#units = this.#fill() - units;
        this.#spent[kindOf(requester)] += units;
      },
    });
    share.attach(this);
  }

  get waiting(): number {
    return this.#queue.waiting;
  }

  /** Resolves when the units may be spent. @throws BrokerError `caller_throttled`; the reason of the signal. */
  take(units: number, requesters: Requesters, signal?: AbortSignal): Promise<void> {
    this.usedAtMs = this.#clock.nowMs();
    return this.#queue.run(() => Promise.resolve(), requesters, signal, units);
  }

  /** Units per second: what was spent since the last call, and what would let all that waits leave within 100 ms. */
  demand(): Demand {
    const nowMs = this.#clock.nowMs();
    const seconds = Math.max(0.1, (nowMs - this.#readAtMs) / 1000);
    const [spent, waiting] = [this.#spent, this.#queue.waitingUnits()];
    this.#readAtMs = nowMs;
    this.#spent = { interactive: 0, background: 0 };
    return {
      interactive: spent.interactive / seconds + waiting.interactive * 10,
      background: spent.background / seconds + waiting.background * 10,
    };
  }

  held(): number {
    return 0;
  }

  total(): number | undefined {
    return this.finder?.total();
  }

  changed(): void {
    this.#queue.changed();
    if (this.#queue.waiting > 0) this.#startLater();
  }

  /** The units that are there now. */
  #fill(): number {
    const nowMs = this.#clock.nowMs();
    const rate = this.#share.amount();
    const most = Math.max(1, this.#whole.burst * Math.min(1, rate / this.#whole.perSecond));
    const gained = (rate * (nowMs - this.#filledAtMs)) / 1000;
    this.#filledAtMs = nowMs;
    return (this.#units = Math.min(most, (this.#units ?? most) + gained));
  }

  /** Starts waiting requests when there are units for them, and looks after a second whether the share has changed. */
  #startLater(): void {
    if (this.#isTimed) return;
    this.#isTimed = true;
    const waitMs = Math.ceil(((1 - this.#fill()) / this.#share.amount()) * 1000);
    void this.#clock.sleep(Math.min(1_000, Math.max(1, waitMs))).then(() => {
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

/** After this time, a tenant whose requests wait may have another number of users, also if the reading failed. */
const usersReadAgainMs = 600_000;
/** How long all instances use the usual limit after Graph has refused a larger one: until there is a new report. */
const refusedMs = dayMs;

type KeptBudgets = Pick<BudgetKeeper, keyof SharedBudgets | 'release' | 'hasPauses' | 'isLarger'>;

interface RequestBudgetsDeps extends Pick<BudgetDeps, 'random' | 'background' | 'usersOf'> {
  readonly budgets: KeptBudgets;
  readonly clock: Clock;
}

/** Holds requests to resources to the limits of Microsoft Graph, and to the pauses that any instance has heard of. */
export class RequestBudgets implements RequestBudget {
  readonly #deps: RequestBudgetsDeps;
  /** In the order of their last use. */
  readonly #rates = new Map<string, RateLimiter>();
  /** By tenant, in the order of the readings: rates come and go with each burst. */
  readonly #users = new Map<string, { count: number | undefined; readonly readAgainAtMs: number }>();

  constructor(deps: RequestBudgetsDeps) {
    this.#deps = deps;
  }

  async admit(request: BudgetedRequest, signal?: AbortSignal): Promise<void> {
    await this.#deps.budgets.ready(signal);
    await this.#paused(request, signal);
    if (request.resource !== 'graph') return;
    for (const { limit, units } of spendsOf(request)) {
      const { tenantId, application } = request;
      const name = limit === 'graph-access' ? `${limit} ${tenantId}` : `${limit} ${tenantId} ${application}`;
      const rate = this.#rate(name, graphLimits[limit]);
      if (limit === 'graph-units') rate.finder ??= this.#unitsFinder(name, tenantId);
      await rate.take(units, request.requesters, signal);
    }
    // It may have begun while the request waited.
    await this.#paused(request, signal);
  }

  throttled(request: BudgetedRequest, retryAfterSeconds: number, scope?: string | null): void {
    const names = pauseNames(request);
    // "Additional headers" of the page about limits: Application, Tenant or Tenant_Application, then a slash.
    const named = new Map([
      ['application', names.application],
      ['tenant', names.tenant],
      ['tenant_application', names.both],
    ]);
    const [kind = '', counted] = scope?.split('/') ?? [];
    const stopped = named.get(kind.toLowerCase()) ?? names.objects;
    for (const name of stopped) this.#deps.budgets.pause(name, retryAfterSeconds * 1000);
    // Other scopes, and answers without one, may be about one mailbox or site. The second part says which requests count:
    // Read, Write or ReadWrite. Units are of all requests.
    const limitName = `graph-units ${request.tenantId} ${request.application}`;
    const isOfUnits = stopped === names.both && counted?.toLowerCase() !== 'write';
    if (request.resource !== 'graph' || !isOfUnits || !request.paths.some(isLimitedByUnits)) return;
    // Also where this instance knows nothing of the users: it may use what others know.
    if (this.#deps.budgets.isLarger(limitName)) this.#deps.budgets.pause(refusalOf(limitName), refusedMs);
  }

  #unitsFinder(limitName: string, tenantId: string): LimitFinder {
    return {
      total: () => {
        if (this.#deps.budgets.pausedMs(refusalOf(limitName)) > 0) return unitsPerSecond(0);
        const users = this.#users.get(tenantId)?.count;
        return users === undefined ? undefined : unitsPerSecond(users);
      },
      isShort: () => this.#readUsers(tenantId),
    };
  }

  /** Called when requests of a tenant wait, so that most tenants cost nothing. */
  #readUsers(tenantId: string): void {
    const { clock, background, usersOf } = this.#deps;
    const nowMs = clock.nowMs();
    const before = this.#users.get(tenantId);
    if (before !== undefined && nowMs < before.readAgainAtMs) return;
    for (const [other, { readAgainAtMs }] of this.#users) {
      if (nowMs < readAgainAtMs) break;
      this.#users.delete(other);
    }
    // What was known before stays until the reading succeeds.
    const users = { count: before?.count, readAgainAtMs: nowMs + usersReadAgainMs };
    this.#users.set(tenantId, users);
    const read = async (): Promise<void> => void (users.count = await usersOf(tenantId));
    background(() => void read().catch(() => undefined));
  }

  async #paused(request: BudgetedRequest, signal: AbortSignal | undefined): Promise<void> {
    const { budgets, clock, random } = this.#deps;
    // The names take digests, which most requests do not need.
    if (!budgets.hasPauses) return;
    const names = Object.values(pauseNames(request)).flat();
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

  #rate(name: string, whole: RateLimit): RateLimiter {
    const rate = this.#rates.get(name) ?? this.#newRate(name, whole);
    this.#rates.delete(name);
    this.#rates.set(name, rate);
    return rate;
  }

  /** Also releases the rates that nobody has used for long. A run has thousands, so the others are not looked at. */
  #newRate(name: string, whole: RateLimit): RateLimiter {
    const { budgets, clock } = this.#deps;
    const nowMs = clock.nowMs();
    for (const [other, { waiting, usedAtMs }] of this.#rates) {
      if (nowMs - usedAtMs < idleMs) break;
      if (waiting > 0) continue;
      this.#rates.delete(other);
      budgets.release(other);
    }
    return new RateLimiter(clock, budgets.share(name), whole);
  }
}

/**
 * The names of the pauses that concern a request. A throttled report does not stop other requests. Where the answer does not
 * say what is throttled, it may be one mailbox, so requests to other objects go on.
 */
function pauseNames({ resource, tenantId, application, paths }: BudgetedRequest) {
  const nameOf = (path: string): string =>
    `${(resource === 'graph' ? limitOf(path) : undefined) ?? resource} ${tenantId} ${application}`;
  return {
    objects: [...new Set(paths.map((path) => `${nameOf(path)} ${objectOf(path)}`))],
    both: [...new Set(paths.map(nameOf))],
    tenant: [`${resource} ${tenantId}`],
    application: [`${resource} ${application}`],
  };
}

/** A digest of the first two segments below the version, as `users` and an id, which may be a person's name. */
function objectOf(path: string): string {
  const [collection = '', id = ''] = segmentsOf(path);
  return createHash('sha256').update(`${collection}/${id}`).digest('hex').slice(0, 12);
}

/** The side effects of the budgets. */
export interface BudgetDeps extends Pick<KeeperDeps, 'random' | 'log' | 'background'> {
  readonly clock: Pick<Clock, 'sleep'>;
  readonly newId: () => string;
  readonly table: (name: string) => Promise<TableClient>;
  /** How many users a tenant has at least; undefined if that is not known. All instances get it from the same place. */
  readonly usersOf: (tenantId: string) => Promise<number | undefined>;
}

/** The budgets of the app, with the ledger in its storage account. */
export function createBudgets(deps: BudgetDeps, entraConcurrency: number): AllBudgets {
  // Nobody sets this clock, unlike that of the system.
  const clock: Clock = { nowMs: () => performance.now(), sleep: (ms, signal) => deps.clock.sleep(ms, signal) };
  const store = new TableLedgerStore(() => deps.table(budgetsTable));
  // Eight characters distinguish the instances of one app, and each is in the ledger many times.
  const id = deps.newId().slice(0, 8);
  const budgets = new BudgetKeeper({ ...deps, clock, store, id, budgetOf: budgetNamed(entraConcurrency) });
  const requests = new RequestBudgets({ ...deps, clock, budgets });
  return {
    share: (name) => budgets.share(name),
    ready: (signal) => budgets.ready(signal),
    pause: (name, ms) => budgets.pause(name, ms),
    pausedMs: (name) => budgets.pausedMs(name),
    admit: (request, signal) => requests.admit(request, signal),
    throttled: (...heard) => requests.throttled(...heard),
  };
}
