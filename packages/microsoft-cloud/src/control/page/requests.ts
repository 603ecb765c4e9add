import { isoTime } from '../../clock.ts';
import type { Ledger, LedgerEntry } from '../../ledger.ts';
import type { World } from '../../world.ts';
import { markup, type Markup, table } from './html.ts';
import { permissionNeeded } from './permission-needed.ts';

/** How many of the latest requests a filter looks at, and how many are shown. */
const searched = 5000;
const shown = 100;

interface RequestFilter {
  /** Text in any column. Letter case does not matter. */
  readonly search: string;
  /** `failed`: status 400 or above, or no reply. */
  readonly only: string;
}

/** The latest requests, newest first. */
export function requestsPart(world: World, ledger: Ledger, { search, only }: RequestFilter): string {
  const names = applicationNames(world);
  const wanted = search.trim().toLowerCase();
  const rows: (readonly (string | Markup)[])[] = [];
  for (const entry of ledger.latest(searched).toReversed()) {
    if (only === 'unmatched' && entry.unmatched !== true) continue;
    if (only === 'failed' && entry.status < 400 && entry.status !== 0) continue;
    const row = rowOf(world, entry, names);
    if (!row.join('\n').toLowerCase().includes(wanted)) continue;
    rows.push([...row.slice(0, -1), statusOf(entry)]);
    if (rows.length === shown) break;
  }
  const totals = ledger.totals();
  const count = ledger.count();
  const summary = `${count} request${count === 1 ? '' : 's'}, ${totals.unmatched} unmatched, ${totals.throttled} throttled.`;
  if (rows.length === 0)
    return `<p>${summary}</p><p class="note">${count === 0 ? 'Requests to the services appear here.' : 'No request fits the filter.'}</p>`;
  return `<p>${summary}${rows.length === shown ? ` The latest ${shown} that fit are shown.` : ''}</p>${table(
    'Requests, newest first',
    ['Time', 'Service', 'Request', 'Tenant', 'Account or application', 'Permission needed', 'Status'],
    rows,
  )}`;
}

function rowOf(world: World, entry: LedgerEntry, names: ReadonlyMap<string, string>): readonly string[] {
  const { atMs, service, method, path, grant, tenantId, account, application, reads } = entry;
  const parts = path.endsWith('/$batch') ? ` (${reads?.length ?? 0} parts)` : '';
  return [
    isoTime(atMs).slice(11, 19),
    service,
    `${method} ${path}${parts}${grant === undefined ? '' : ` ${grant}`}`,
    tenantName(world, tenantId),
    [account, application === undefined ? undefined : (names.get(application) ?? application)]
      .filter((name) => name !== undefined)
      .join(' by '),
    permissionNeeded(world, entry),
    `${entry.status === 0 ? 'no reply' : entry.status} ${entry.unmatched ? 'unmatched' : 'matched'}`,
  ];
}

const statusOf = ({ status, unmatched }: LedgerEntry): Markup =>
  markup(
    `<strong class="${status === 0 || status >= 400 ? 'bad' : 'good'}">${status === 0 ? 'no reply' : status}</strong>${unmatched ? ' <strong class="tag">unmatched</strong>' : ' matched'}`,
  );

function tenantName(world: World, tenantId: string | undefined): string {
  if (tenantId === undefined) return '';
  return world.isPartner(tenantId) ? world.partner.name : (world.findCustomer(tenantId)?.name ?? tenantId);
}

const applicationNames = ({ partner }: World): ReadonlyMap<string, string> =>
  new Map([...partner.directory.applications.values()].map(({ appId, displayName }) => [appId, displayName]));
