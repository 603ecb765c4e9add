import type { BudgetedRequest } from '../../core/share.ts';
import type { Budget } from './ledger.ts';

/**
 * Limits of Microsoft Graph for one application in one customer tenant, and what requests cost ("Microsoft Graph
 * service-specific throttling limits", Microsoft Learn, January 2025). They are said for a time; a steady rate and a first
 * burst that are within them for each such time are used here.
 *
 * Not counted: 130,000 requests in 10 seconds of one application in all tenants, because fewer than 20 instances cannot send
 * that many; and the limits of mailboxes, sites, Teams and Intune, which the answers tell.
 */
export interface RateLimit {
  readonly perSecond: number;
  /** Units that may leave at once, of all instances together. */
  readonly burst: number;
}

const within = (units: number, seconds: number): RateLimit => {
  const burst = Math.max(1, units * 0.05);
  return { perSecond: (units - burst) / seconds, burst };
};

export const graphLimits = {
  /** Identity and access, resource units of a tenant with fewer than 50 users. Larger ones: {@link unitsPerSecond}. */
  'graph-units': within(3_500, 10),
  'graph-writes': within(3_000, 150),
  /** Identity and access reports: sign-ins, audits, registration of authentication methods. */
  'graph-reports': within(5, 10),
  /** Identity protection and Conditional Access: one request per second, of all applications. */
  'graph-access': { perSecond: 1, burst: 1 },
} as const satisfies Readonly<Record<string, RateLimit>>;

/** Resource units per second of a tenant, by the number of its users. */
export function unitsPerSecond(users: number): number {
  if (users < 50) return graphLimits['graph-units'].perSecond;
  return within(users <= 500 ? 5_000 : 8_000, 10).perSecond;
}

type GraphLimit = keyof typeof graphLimits;

const reports = [
  'auditlogs',
  'reports/authenticationmethods',
  'reports/credentialuserregistrationdetails',
  'reports/usercredentialusagedetails',
  'reports/getazureadapplicationsigninsummary',
  'reports/applicationsignindetailedsummary',
];
const access = ['identity/conditionalaccess', 'identityprotection'];

/** Resource units of reading, by the last segment that is no id. Others cost 1. */
const costs: ReadonlyMap<string, number> = new Map([
  ['applications', 2],
  ['contracts', 3],
  ['domainnamereferences', 4],
  ['members', 3],
  ['transitivemembers', 5],
  ['licensedetails', 2],
  ['memberof', 2],
  ['ownedobjects', 2],
  ['transitivememberof', 2],
  ['oauth2permissiongrants', 2],
  ['approleassignments', 2],
  ['subscribedskus', 3],
  ['users', 2],
]);

/** The segments of a path below the version, in lower case. */
export const segmentsOf = (path: string): readonly string[] =>
  (path.split('?')[0] ?? '').toLowerCase().split('/').slice(2);

/** The limit by which Graph counts a request apart from all others; undefined for most. Pure. */
export function limitOf(path: string): 'graph-reports' | 'graph-access' | undefined {
  const below = `${segmentsOf(path).join('/')}/`;
  const isBelow = (start: string): boolean => below.startsWith(`${start}/`);
  // Sign-in activity of users counts as a report (microsoft-graph-docs-contrib, issue 8653).
  const readsActivity = isBelow('users') && (path.split('?')[1] ?? '').toLowerCase().includes('signinactivity');
  if (readsActivity || reports.some(isBelow)) return 'graph-reports';
  return access.some(isBelow) ? 'graph-access' : undefined;
}

const directory = [
  'applications',
  'contracts',
  'devices',
  'directoryobjects',
  'directoryroles',
  'domains',
  'groups',
  'oauth2permissiongrants',
  'organization',
  'serviceprincipals',
  'subscribedskus',
  'users',
];

/**
 * Whether a 429 is about resource units, unless it says otherwise: a request to the directory itself. Others, as of mailboxes,
 * Teams and Intune, may have limits of their own. Pure.
 */
export function isLimitedByUnits(path: string): boolean {
  const segments = segmentsOf(path);
  if (limitOf(path) !== undefined || !directory.includes(segments[0] ?? '')) return false;
  return segments.length <= 2 || costs.has(segments.at(-1) ?? '');
}

/**
 * Resource units of a request: the cost of its path, changed by its options. Never less than 1. Pure.
 * @param path path and query with the version.
 */
export function unitsOf(method: string, path: string): number {
  if (method !== 'GET') return 1;
  const options = new URLSearchParams((path.split('?')[1] ?? '').toLowerCase());
  const option = (name: string): string | null => options.get(name) ?? options.get(`$${name}`);
  const isShort = Number(option('top') ?? Number.NaN) < 20;
  const change = (option('expand') === null ? 0 : 1) - (option('select') === null ? 0 : 1) - (isShort ? 1 : 0);
  return Math.max(1, (costs.get(segmentsOf(path).at(-1) ?? '') ?? 1) + change);
}

interface Spend {
  readonly limit: GraphLimit;
  readonly units: number;
}

/** What a request spends of which limit. Pure. */
export function spendsOf({ method, paths }: Pick<BudgetedRequest, 'method' | 'paths'>): readonly Spend[] {
  const units = new Map<GraphLimit, number>();
  const add = (limit: GraphLimit, more: number): void => void units.set(limit, (units.get(limit) ?? 0) + more);
  for (const path of paths) {
    const apart = limitOf(path);
    add(apart ?? 'graph-units', apart === undefined ? unitsOf(method, path) : 1);
    if (method !== 'GET') add('graph-writes', 1);
  }
  return [...units].map(([limit, spent]) => ({ limit, units: spent }));
}

/**
 * @returns the budget with a name: `entra`, or the name of a limit of Microsoft Graph and, after a space, what it is counted
 * for.
 */
export const budgetNamed =
  (entraConcurrency: number) =>
  (name: string): Budget => {
    if (name === 'entra') return { total: entraConcurrency, whole: true };
    const limit = Object.entries(graphLimits).find(([known]) => name.startsWith(`${known} `));
    // An unknown one is from a newer version. It is kept in the ledger, and this version gives it nothing.
    const rate = { total: limit?.[1].perSecond ?? 0, whole: false };
    return limit?.[0] === 'graph-units' ? { ...rate, largest: unitsPerSecond(Infinity) } : rate;
  };
