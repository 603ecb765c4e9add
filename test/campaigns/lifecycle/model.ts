import { type Customer, dayMs } from './world.ts';

/** What somebody remembers of a customer who reads every announcement. */
interface Memory {
  isListed: boolean;
  isExcluded: boolean;
  isOpen: boolean;
  wasOpen: boolean;
  endsAtMs: number;
  /** Steps before the end that need no word any more. */
  steps: number[];
  tags: string;
  result: string;
  consentIsMissing: boolean;
  roleIsMissing: boolean;
}

/**
 * What should be announced, worked out from what is true of the customers. Shares no code with the broker: it knows neither
 * lists nor states, and asks of each kind of event when a person would want to hear of it.
 */
export class Model {
  readonly #memories = new Map<string, Memory>();
  #hasBegun = false;

  /** Looks at all customers. @returns `TENANT KIND DETAIL` for each announcement that is due. */
  look(customers: readonly Customer[], nowMs: number): string[] {
    const due = customers.flatMap((customer) =>
      this.#withConsent(customer, this.#about(customer, nowMs)).map((what) => `${customer.tenantId.slice(-3)} ${what}`),
    );
    const isFirst = !this.#hasBegun;
    this.#hasBegun = true;
    return isFirst ? [] : due.toSorted();
  }

  #about(customer: Customer, nowMs: number): string[] {
    const { tenantId, isListed, isExcluded } = customer;
    let memory = this.#memories.get(tenantId);
    if (memory === undefined) {
      if (!isListed) return [];
      memory = unknown(customer);
      this.#memories.set(tenantId, memory);
      return ['appeared', ...access(customer, memory, nowMs), ...failures(customer, memory)];
    }
    if (!isListed) {
      const isLost = memory.isListed && memory.isOpen && !memory.isExcluded;
      memory.isListed = false;
      if (isLost) memory.isOpen = false;
      return isLost ? ['lost not_listed'] : [];
    }
    const due = memory.isListed ? [] : ['appeared'];
    memory.isListed = true;
    if (memory.isExcluded !== isExcluded) due.push(isExcluded ? 'excluded' : 'included');
    memory.isExcluded = isExcluded;
    due.push(...access(customer, memory, nowMs), ...tagChange(customer, memory), ...failures(customer, memory));
    return due;
  }

  /** The broker consents where it gets in for the first time after the beginning, and says once what became of it. */
  #withConsent({ tenantId, accepts }: Customer, due: readonly string[]): readonly string[] {
    const memory = this.#memories.get(tenantId);
    if (memory === undefined || !this.#hasBegun || !due.includes('reachable')) return due;
    memory.consentIsMissing = !accepts;
    return [...due, accepts ? 'auto_consented' : 'auto_consent_failed'];
  }
}

const unknown = ({ isExcluded, tags }: Customer): Memory => ({
  isListed: true,
  isExcluded,
  isOpen: false,
  wasOpen: false,
  endsAtMs: 0,
  steps: [],
  tags: [...tags].toSorted().join(' '),
  result: '',
  consentIsMissing: false,
  roleIsMissing: false,
});

function access(customer: Customer, memory: Memory, nowMs: number): string[] {
  if (customer.isExcluded) return [];
  const { relationship, endsAtMs, renewsItself } = customer;
  const isOpen = relationship === 'active' && endsAtMs > nowMs;
  if (!isOpen) {
    const isLost = memory.isOpen;
    memory.isOpen = false;
    const why = relationship === 'active' ? 'expired' : relationship;
    return isLost ? [`lost gdap_${why}`] : [];
  }
  const due: string[] = [];
  if (!memory.isOpen) due.push(memory.wasOpen ? 'back' : 'reachable');
  const isLater = memory.isOpen && endsAtMs >= memory.endsAtMs + dayMs;
  if (isLater) due.push('extended');
  if (isLater || !memory.isOpen) memory.steps = [30, 14, 7, 1];
  memory.isOpen = true;
  memory.wasOpen = true;
  memory.endsAtMs = endsAtMs;
  const left = (endsAtMs - nowMs) / dayMs;
  // Microsoft and the list of tenants speak of "less than 30 days".
  const reached = renewsItself || left >= 30 ? [] : memory.steps.filter((step) => left <= step);
  if (reached.length > 0) {
    due.push(`ending ${Math.min(...reached)}`);
    memory.steps = memory.steps.filter((step) => step < Math.min(...reached));
  }
  return due;
}

function tagChange(customer: Customer, memory: Memory): string[] {
  const tags = [...customer.tags].toSorted().join(' ');
  const isChanged = tags !== memory.tags;
  memory.tags = tags;
  return isChanged ? ['tags_changed'] : [];
}

function failures({ result, resultAtMs }: Customer, memory: Memory): string[] {
  const key = `${result} ${resultAtMs}`;
  if (result === 'none' || memory.result === key) return [];
  memory.result = key;
  const due: string[] = [];
  const { consentIsMissing, roleIsMissing } = memory;
  if (result === 'succeeded') {
    if (consentIsMissing) due.push('consent_given');
    if (roleIsMissing) due.push('role_given');
    memory.consentIsMissing = memory.roleIsMissing = false;
  }
  // A job that got no token has not tried the role, and one that was refused does not say that the consent is whole.
  if (result === 'consent_required' && !consentIsMissing) due.push('consent_missing');
  if (result === 'access_denied' && !roleIsMissing) due.push('role_missing');
  memory.consentIsMissing ||= result === 'consent_required';
  memory.roleIsMissing ||= result === 'access_denied';
  return due;
}
