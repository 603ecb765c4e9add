import { uniteTenants } from '../../../src/lib/tenants/lists.ts';
import type { JsonObject } from '../../../src/lib/core/objects.ts';
import { parseTenantId, type TenantId } from '../../../src/lib/core/identifiers.ts';
import type { CompleteRead } from '../../../src/lib/tenants/directory.ts';
import type { ConsentAttempt } from '../../../src/lib/tenant-events/consent-in-new.ts';
import type { Observations } from '../../../src/lib/tenant-events/event-log.ts';
import { judgeConsent, judgeRole } from '../../../src/lib/tenant-events/observe-tenants.ts';

export const dayMs = 86_400_000;
export const startMs = Date.UTC(2026, 0, 1);

type Result = 'none' | 'succeeded' | 'consent_required' | 'access_denied';

/** What is true of a customer. */
export interface Customer {
  readonly tenantId: TenantId;
  isListed: boolean;
  relationship: 'pending' | 'active' | 'terminated';
  /** Six hours into a day, so that no attempt within an hour of midnight or noon crosses an end. */
  endsAtMs: number;
  renewsItself: boolean;
  isExcluded: boolean;
  tags: string[];
  /** The last result of the one job. */
  result: Result;
  resultAtMs: number;
  /** Whether Partner Center accepts a consent. */
  readonly accepts: boolean;
}

const tags = ['gold', 'silver', 'tier=1', 'tier=2', 'managed'];

/** Customers of a partner, what happens to them, and what Microsoft's lists say about it. */
export class World {
  readonly customers: readonly Customer[];
  transitions = 0;
  readonly #random: () => number;

  constructor(random: () => number, count: number) {
    this.#random = random;
    this.customers = Array.from({ length: count }, (_, index) => ({
      tenantId: parseTenantId(`00000000-0000-4000-8000-${String(index + 1).padStart(12, '0')}`)!,
      isListed: random() < 0.8,
      relationship: random() < 0.8 ? 'active' : 'pending',
      endsAtMs: this.#someEnd(startMs, 3, 500),
      renewsItself: random() < 0.3,
      isExcluded: random() < 0.05,
      tags: random() < 0.5 ? [this.#one(tags)] : [],
      result: 'none',
      resultAtMs: 0,
      accepts: random() < 0.7,
    }));
  }

  /** Lets something happen to some customer. */
  change(nowMs: number): void {
    const customer = this.#one(this.customers);
    const changes: readonly (() => void)[] = [
      () => void (customer.isListed = !customer.isListed),
      () => this.#signs(customer, nowMs),
      () => this.#signs(customer, nowMs),
      () => void (customer.relationship = 'terminated'),
      () => void (customer.relationship = 'pending'),
      () => void (customer.endsAtMs += dayMs * (1 + Math.floor(this.#random() * 200))),
      () => void (customer.endsAtMs = this.#someEnd(nowMs, 1, 40)),
      () => void (customer.renewsItself = !customer.renewsItself),
      () => void (customer.isExcluded = !customer.isExcluded),
      () => void (customer.tags = tags.filter(() => this.#random() < 0.3)),
      ...(['succeeded', 'consent_required', 'access_denied'] as const).map((result) => () => {
        customer.result = result;
        customer.resultAtMs = nowMs;
      }),
    ];
    this.#one(changes)();
    this.transitions += 1;
  }

  /** Ends the relationships of half of the customers at once. */
  loseMany(): void {
    for (const [index, customer] of this.customers.entries()) if (index % 2 === 0) customer.relationship = 'terminated';
  }

  /** The lists as Microsoft returns them, as the directory puts them together. */
  read(nowMs: number): CompleteRead {
    const listed = this.customers.filter(({ isListed }) => isListed);
    const exclude = new Set(this.customers.filter(({ isExcluded }) => isExcluded).map(({ tenantId }) => tenantId));
    const lists = { relationships: listed.map(relationshipOf), contracts: [], customers: [] };
    return { tenants: uniteTenants(lists, { include: 'all', exclude, withoutGdap: 'deny' }, nowMs), refused: [] };
  }

  /** What Partner Center answers to a consent. */
  consent(tenantId: TenantId): ConsentAttempt {
    if (this.customers.find((customer) => customer.tenantId === tenantId)?.accepts === true)
      return { outcome: 'given' };
    return { outcome: 'refused', failure: { code: 'blocked_by_policy', detail: 'Refused.', nextStep: '' } };
  }

  observations(): Observations {
    const of = new Map(this.customers.map((customer) => [customer.tenantId, customer]));
    const resultsOf = (tenantId: TenantId) => {
      const { result = 'none', resultAtMs = 0 } = of.get(tenantId) ?? {};
      const base = { job: 'licence-report', runId: 'r', finishedAt: new Date(resultAtMs).toISOString() };
      if (result === 'none') return [];
      if (result === 'succeeded') return [{ ...base, outcome: result }];
      return [{ ...base, outcome: 'failed' as const, code: result }];
    };
    return {
      tagsOf: (tenantId) => of.get(tenantId)?.tags ?? [],
      consentOf: (tenantId, sinceMs = 0) =>
        judgeConsent(
          resultsOf(tenantId).filter(({ finishedAt }) => Date.parse(finishedAt) >= sinceMs),
          undefined,
          new Map(),
        ),
      roleOf: (tenantId) => judgeRole(resultsOf(tenantId)),
    };
  }

  #signs(customer: Customer, nowMs: number): void {
    customer.relationship = 'active';
    customer.endsAtMs = this.#someEnd(nowMs, 2, 400);
    customer.isListed = true;
  }

  #someEnd(nowMs: number, least: number, most: number): number {
    const days = least + Math.floor(this.#random() * (most - least));
    return Math.floor(nowMs / dayMs) * dayMs + days * dayMs + dayMs / 4;
  }

  #one<T>(list: readonly T[]): T {
    const found = list[Math.floor(this.#random() * list.length)];
    if (found === undefined) throw new Error('The list is empty.');
    return found;
  }
}

const relationshipOf = ({ tenantId, relationship, endsAtMs, renewsItself }: Customer): JsonObject => ({
  displayName: 'Support',
  customer: { tenantId, displayName: `Customer ${tenantId.slice(-3)}` },
  status: relationship === 'pending' ? 'approvalPending' : relationship,
  endDateTime: new Date(endsAtMs).toISOString(),
  autoExtendDuration: renewsItself ? 'P180D' : 'PT0S',
});
