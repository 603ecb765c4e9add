import { exchangeAppId } from '../directory/microsoft-resources.ts';
import { between, type Seeded } from '../seeded.ts';
import { firstWords, tradeWords } from './names.ts';
import { type CustomerTenant, refusalsOf, type TenantSources, type TenantState, type TenantTrait } from './tenant.ts';

/** What distinguishes a tenant from an ordinary one. */
interface Condition {
  readonly state: TenantState;
  readonly trait?: TenantTrait;
}

const ordinary: Condition = { state: 'ok' };

// The first 25 customers have every state and trait.
const firstBlock: ReadonlyMap<number, Condition> = new Map([
  [3, { state: 'no_consent' }],
  [5, { state: 'ok', trait: 'throttled' }],
  [8, { state: 'gdap_expired' }],
  [10, { state: 'ok', trait: 'slow' }],
  [12, { state: 'conditional_access' }],
  [14, { state: 'ok', trait: 'no_exchange' }],
  [16, { state: 'deleted' }],
  [18, { state: 'ok', trait: 'several_relationships' }],
  [20, { state: 'ok', trait: 'name_differs' }],
  [23, { state: 'no_consent' }],
]);

// From then on, every fifth customer has one of these in turn.
const laterCycle: readonly Condition[] = [
  { state: 'no_consent' },
  { state: 'ok', trait: 'throttled' },
  { state: 'gdap_expired' },
  { state: 'ok', trait: 'slow' },
  { state: 'conditional_access' },
  { state: 'ok', trait: 'no_exchange' },
  { state: 'deleted' },
  { state: 'ok', trait: 'several_relationships' },
  { state: 'ok', trait: 'name_differs' },
];

function conditionOf(index: number): Condition {
  if (index < 25) return firstBlock.get(index) ?? ordinary;
  if (index % 5 !== 4) return ordinary;
  return laterCycle[Math.floor(index / 5) % laterCycle.length] ?? ordinary;
}

// Every customer is on at least one list, and no list has all customers. A customer whose relationship has expired stays
// on the other lists.
function sourcesOf(index: number, state: TenantState): TenantSources {
  if (state === 'gdap_expired' || index % 8 < 5) return { contract: true, customer: true, relationship: true };
  if (index % 8 === 5) return { contract: false, customer: false, relationship: true };
  if (index % 8 === 6) return { contract: true, customer: false, relationship: false };
  return { contract: false, customer: true, relationship: true };
}

// A prime that divides neither list's length, so that consecutive customers get unlike names and no name repeats within
// a round.
const stride = 1009;

function nameOf(index: number): string {
  const combinations = firstWords.length * tradeWords.length;
  const at = (index * stride) % combinations;
  const round = Math.floor(index / combinations);
  const name = `${firstWords[at % firstWords.length]} ${tradeWords[Math.floor(at / firstWords.length)]}`;
  return round === 0 ? name : `${name} ${round + 1}`;
}

// Most customers are small. A few have enough users for a second page.
const userCountOf = (index: number, seeded: Seeded): number =>
  index % 13 === 7 ? 130 : between(seeded.random('users', index), 4, 40);

/**
 * Creates the customers. The same seed gives the same customers, and a smaller population is the start of a larger one.
 * @param plain makes every tenant `ok` and without a trait, for benchmarks.
 * @param usersPerTenant number of users of each tenant. Undefined: between 4 and 130, by tenant.
 */
export function createCustomers(
  count: number,
  seeded: Seeded,
  plain = false,
  usersPerTenant?: number,
): readonly CustomerTenant[] {
  return Array.from({ length: count }, (_, index) => {
    const { state, trait } = plain ? ordinary : conditionOf(index);
    const name = nameOf(index);
    const label = name.toLowerCase().replaceAll(' ', '');
    const initialDomain = `${label}.onmicrosoft.com`;
    const refusals = refusalsOf[state];
    return {
      index,
      tenantId: seeded.guid('tenant', index),
      name,
      contractName: trait === 'name_differs' ? `${name} (formerly ${label} Ltd)` : name,
      initialDomain,
      defaultDomain: index % 3 === 1 ? `${label}.example` : initialDomain,
      ...(trait === undefined ? {} : { trait }),
      sources: sourcesOf(index, state),
      userCount: usersPerTenant ?? userCountOf(index, seeded),
      delegation: {
        withoutRoles: new Set<string>(),
        moreRoles: new Set<string>(),
        unassignedRoles: new Set<string>(),
        endsMs: undefined,
        assignedFromMs: undefined,
      },
      lacks: new Set(trait === 'no_exchange' ? [exchangeAppId] : []),
      deletedApplications: new Set<string>(),
      state,
      refusal: refusals[Math.floor(index / 20) % refusals.length] ?? 0,
    };
  });
}
