import type { Budget } from './heartbeat.ts';

/**
 * Limits of Microsoft Graph for one application in one customer tenant, and what requests cost ("Microsoft Graph
 * service-specific throttling limits", Microsoft Learn, January 2025). They are said for a time; a steady rate and a first
 * burst that are within them for each such time are used here.
 *
 * Not counted: 130,000 requests in 10 seconds of one application in all tenants, because fewer than 20 instances cannot send
 * that many; and the limits of mailboxes, sites, Teams and Intune, which the answers tell.
 */
interface RateLimit {
  readonly perSecond: number;
  /** Units that may leave at once, of all instances together. */
  readonly burst: number;
}

const within = (units: number, seconds: number): RateLimit => {
  const burst = Math.max(1, units * 0.05);
  return { perSecond: (units - burst) / seconds, burst };
};

export const graphLimits = {
  /** Identity and access, resource units of a tenant with fewer than 50 users. Larger tenants have more. */
  'graph-units': within(3_500, 10),
  'graph-writes': within(3_000, 150),
  /** Identity and access reports: sign-ins, audits, registration of authentication methods. */
  'graph-reports': within(5, 10),
  /** Identity protection and Conditional Access: one request per second, of all applications. */
  'graph-access': { perSecond: 1, burst: 1 },
} as const satisfies Readonly<Record<string, RateLimit>>;

export type GraphLimit = keyof typeof graphLimits;

const isGraphLimit = (name: string): name is GraphLimit => Object.hasOwn(graphLimits, name);

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

/** The limit by which Graph counts a request apart from all others; undefined for most. Pure. */
export function limitOf(path: string): 'graph-reports' | 'graph-access' | undefined {
  const [, , ...segments] = (path.split('?')[0] ?? '').toLowerCase().split('/');
  const below = segments.join('/');
  const isBelow = (start: string): boolean => below === start || below.startsWith(`${start}/`);
  if (reports.some(isBelow)) return 'graph-reports';
  return access.some(isBelow) ? 'graph-access' : undefined;
}

/**
 * Resource units of a request: the cost of its path, changed by its options. Never less than 1. Pure.
 * @param path path and query with the version.
 */
export function unitsOf(method: string, path: string): number {
  if (method !== 'GET') return 1;
  const [address = '', query = ''] = path.split('?');
  const last = address.toLowerCase().split('/').at(-1) ?? '';
  const options = new Map(
    query.split('&').map((option) => {
      const [name = '', value = ''] = option.split('=');
      return [name.toLowerCase().replace('%24', '').replace('$', ''), value];
    }),
  );
  const top = Number(options.get('top') ?? Number.NaN);
  const change = (options.has('expand') ? 1 : 0) - (options.has('select') ? 1 : 0) - (top < 20 ? 1 : 0);
  return Math.max(1, (costs.get(last) ?? 1) + change);
}

/**
 * @returns the budget with a name: `entra`, or the name of a limit of Microsoft Graph and, after a space, what it is counted
 * for.
 */
export const budgetNamed =
  (entraConcurrency: number) =>
  (name: string): Budget => {
    if (name === 'entra') return { total: entraConcurrency, whole: true };
    const limit = name.slice(0, name.indexOf(' '));
    // An unknown one is from a newer version. It is kept in the ledger, and this version gives it nothing.
    return { total: isGraphLimit(limit) ? graphLimits[limit].perSecond : 0, whole: false };
  };
