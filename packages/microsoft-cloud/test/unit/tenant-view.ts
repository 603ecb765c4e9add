import { createHash } from 'node:crypto';
import { createCloudClock } from '../../src/clock.ts';
import type { SigningKeys } from '../../src/entra/keys.ts';
import type { Declaration, Row, TenantView } from '../../src/graph/declaration.ts';
import { GraphError } from '../../src/graph/graph-error.ts';
import { declarations } from '../../src/population/graph/declarations.ts';
import type { CustomerTenant } from '../../src/population/tenant.ts';
import { createSeeded } from '../../src/seeded.ts';
import { createWorld, type Settings, type World } from '../../src/world.ts';

export const startMs = Date.parse('2026-11-26T10:00:00Z');
export const dayMs = 86_400_000;

/** Customers of the worlds whose population tests go through. */
export const customerCount = Number(process.env['PTB_TEST_CUSTOMERS'] ?? 25);

/** A world without services and listeners. */
export function worldOf(seed: number, tenants: number, nowMs = startMs, usersPerTenant?: number): World {
  return createWorld({
    tenants,
    usersPerTenant,
    plain: false,
    clock: createCloudClock({ nowMs: () => nowMs }),
    seeded: createSeeded(seed),
    settings: { consentPropagationMs: 0 } as Settings,
    keys: {} as SigningKeys,
    publishedMap: undefined,
    addresses: () => {
      throw new Error('no addresses');
    },
  });
}

function declared<Kind extends Declaration['kind']>(path: string, kind: Kind): Extract<Declaration, { kind: Kind }> {
  const found = declarations.find((each) => each.path === path && each.kind === kind);
  if (found === undefined) throw new RangeError(`${path} is not declared.`);
  return found as Extract<Declaration, { kind: Kind }>;
}

/** Reads the declared data as it is, without writes. */
export function viewOf(world: World, customer: CustomerTenant | undefined): TenantView {
  const view: TenantView = {
    world,
    tenantId: customer?.tenantId ?? world.partner.tenantId,
    customer,
    directory: customer === undefined ? world.partner.directory : world.directoryOf(customer),
    isAgent: false,
    todayMs: Math.floor(world.clock.nowMs() / dayMs) * dayMs,
    rows: (path, ...keys) => declared(path, 'set').rows(view, ...keys),
    row: (path, key) => view.rows(path).find(({ id }) => id === key),
    references: (path, ...keys) => declared(path, 'references').ids(view, ...keys),
    hasWrites: () => false,
  };
  return view;
}

/** Rows of a path, or undefined where Graph refuses the request for want of a licence. */
export function rowsOrRefusal(view: TenantView, path: string, ...keys: readonly string[]): readonly Row[] | undefined {
  try {
    declared(path, 'set').check?.(view);
    return view.rows(path, ...keys);
  } catch (error) {
    if (error instanceof GraphError) return undefined;
    throw error;
  }
}

/** The error of a path, if Graph refuses it. */
export function refusalOf(
  view: TenantView,
  path: string,
): { readonly status: number; readonly code: string } | undefined {
  try {
    declared(path, 'set').check?.(view);
    return undefined;
  } catch (error) {
    if (error instanceof GraphError) return { status: error.status, code: error.code };
    throw error;
  }
}

export const rowOf = (view: TenantView, path: string, ...keys: readonly string[]): Row | undefined =>
  declared(path, 'singleton').row(view, ...keys);

/** Lines of a usage report over 30 days, as objects. */
export function reportOf(view: TenantView, name: string): readonly Readonly<Record<string, string>>[] {
  const [head = [], ...lines] = declared(`reports/${name}(period='{period}')`, 'report').lines(view, 'D30');
  return lines.map((line) => {
    if (line.length !== head.length) throw new Error(`${name}: ${line.length} values for ${head.length} columns`);
    return Object.fromEntries(head.map((column, at) => [column, line[at] ?? '']));
  });
}

/** Everything that is declared for a tenant, in one text. */
export function everything(view: TenantView): string {
  const users = view.rows('users').map(({ id }) => String(id));
  const groups = view.rows('groups').map(({ id }) => String(id));
  const keysOf = (path: string): readonly (readonly string[])[] => {
    if (!path.includes('{id}')) return [[]];
    if (path.startsWith('users/')) return users.map((id) => [id]);
    return path.startsWith('groups/') ? groups.map((id) => [id]) : [];
  };
  const lines = declarations.flatMap((each) =>
    keysOf(each.path).map((keys) => {
      if (each.kind === 'set') return JSON.stringify([each.path, keys, rowsOrRefusal(view, each.path, ...keys)]);
      if (each.kind === 'singleton') return JSON.stringify([each.path, keys, each.row(view, ...keys)]);
      if (each.kind === 'references') return JSON.stringify([each.path, keys, each.ids(view, ...keys)]);
      const reported = each.path.includes('{date}')
        ? new Date(view.todayMs - 4 * dayMs).toISOString().slice(0, 10)
        : 'D7';
      return each.kind === 'report' ? JSON.stringify([each.path, each.lines(view, reported)]) : '';
    }),
  );
  return lines.join('\n');
}

export const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
