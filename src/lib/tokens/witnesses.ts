import { type Clock, hourMs, type Random, withDeadline } from '../core/clock.ts';
import { parseTenantId, type TenantId } from '../core/identifiers.ts';
import { errorFields, type Logger } from '../core/log.ts';
import type { RedemptionTarget } from './canary.ts';

/** Keeps the last target that received a token, across restarts. */
export interface WitnessStore {
  read(application: string): Promise<RedemptionTarget | undefined>;
  write(application: string, target: RedemptionTarget): Promise<void>;
}

export interface WitnessDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** The customers that are known without a request. */
  readonly customers?: (() => readonly TenantId[]) | undefined;
  readonly witnessStore?: WitnessStore | undefined;
}

interface WitnessSettings {
  readonly application: string;
  /** Identifier of the resource that is requested for a customer that has had no token yet. */
  readonly canaryResource: string;
}

/** Maximum number of tenants that are asked, and of tenants in memory that received a token. */
const maxWitnesses = 5;
/** Number of random customers among them. A caller may have chosen those that received a token. */
const maxRandom = 3;
/** How long a tenant that reported a failure is no witness. */
const reportLifeMs = hourMs;
const maxReports = 10_000;
/** Minimum time between two writes to the store. Any customer that worked will do. */
const writeIntervalMs = 6 * hourMs;
const readTimeoutMs = 2_000;

/**
 * Chooses customer tenants that show whether a failure concerns all customers. Callers must not decide the outcome: a
 * tenant that reported the failure is not chosen while there are others, and most of the chosen tenants are random.
 */
export class Witnesses {
  readonly #deps: WitnessDeps;
  readonly #settings: WitnessSettings;
  /** Targets that received a token, the latest last. */
  readonly #good = new Map<TenantId, RedemptionTarget>();
  readonly #reports = new Map<TenantId, number>();
  #writtenAtMs = -Infinity;

  constructor(deps: WitnessDeps, settings: WitnessSettings) {
    this.#deps = deps;
    this.#settings = settings;
  }

  /** Records that a customer tenant received a token. */
  recordSuccess(target: RedemptionTarget): void {
    const { tenantId, resourceIdentifier } = target;
    this.#reports.delete(tenantId);
    this.#good.delete(tenantId);
    this.#good.set(tenantId, { tenantId, resourceIdentifier });
    for (const oldest of this.#good.keys()) if (this.#good.size > maxWitnesses) this.#good.delete(oldest);
    this.#store({ tenantId, resourceIdentifier });
  }

  /** Records that a request for the tenant failed in a way that may concern all customers. */
  recordFailure(tenantId: TenantId): void {
    this.#reports.delete(tenantId);
    this.#reports.set(tenantId, this.#deps.clock.nowMs());
    for (const oldest of this.#reports.keys()) if (this.#reports.size > maxReports) this.#reports.delete(oldest);
  }

  /**
   * Returns up to five tenants: the one that last received a token, random customers, then others that received a token.
   * If every customer has reported the failure, random ones of them, because there is no other evidence.
   */
  async choose(): Promise<readonly RedemptionTarget[]> {
    const customers = this.#deps.customers?.() ?? [];
    const [last, ...earlier] = await this.#known(customers);
    const known = new Set([last, ...earlier].map((target) => target?.tenantId));
    const others = customers.filter((id) => !known.has(id) && !this.#hasReported(id));
    const random = this.#pick(last === undefined && others.length === 0 ? [...customers] : others);
    return [...(last === undefined ? [] : [last]), ...random, ...earlier].slice(0, maxWitnesses);
  }

  /** The targets that have received a token and have not reported the failure since, the latest first. */
  async #known(customers: readonly TenantId[]): Promise<readonly RedemptionTarget[]> {
    // A tenant that was excluded since gets no request. Without a list, as in the command line, any tenant may be asked.
    const isWitness = (tenantId: TenantId): boolean =>
      !this.#hasReported(tenantId) && (customers.length === 0 || customers.includes(tenantId));
    const known = new Map([...this.#good].toReversed().filter(([tenantId]) => isWitness(tenantId)));
    const stored = known.size < maxWitnesses ? await this.#read() : undefined;
    if (stored !== undefined && isWitness(stored.tenantId) && !known.has(stored.tenantId))
      known.set(stored.tenantId, stored);
    return [...known.values()];
  }

  /** Takes random tenants out of the list, which changes. */
  #pick(tenants: TenantId[]): readonly RedemptionTarget[] {
    const picked: RedemptionTarget[] = [];
    while (picked.length < maxRandom && tenants.length > 0) {
      const [tenantId] = tenants.splice(Math.floor(this.#deps.random() * tenants.length), 1);
      if (tenantId !== undefined) picked.push({ tenantId, resourceIdentifier: this.#settings.canaryResource });
    }
    return picked;
  }

  #hasReported(tenantId: TenantId): boolean {
    const atMs = this.#reports.get(tenantId);
    return atMs !== undefined && this.#deps.clock.nowMs() - atMs < reportLifeMs;
  }

  async #read(): Promise<RedemptionTarget | undefined> {
    const { witnessStore, clock, log } = this.#deps;
    if (witnessStore === undefined) return undefined;
    try {
      const stored = await withDeadline(clock, readTimeoutMs, () => witnessStore.read(this.#settings.application));
      return parseTenantId(stored?.tenantId) === undefined ? undefined : stored;
    } catch (thrown) {
      log.log('warn', 'credential.witness_not_read', errorFields(thrown));
      return undefined;
    }
  }

  #store(target: RedemptionTarget): void {
    const { witnessStore, clock, log } = this.#deps;
    if (witnessStore === undefined || clock.nowMs() - this.#writtenAtMs < writeIntervalMs) return;
    this.#writtenAtMs = clock.nowMs();
    witnessStore
      .write(this.#settings.application, target)
      .catch((thrown: unknown) => log.log('warn', 'credential.witness_not_stored', errorFields(thrown)));
  }
}
