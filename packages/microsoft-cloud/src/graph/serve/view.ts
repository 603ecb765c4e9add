import { dayMs } from '../../clock.ts';
import type { TenantDirectory } from '../../directory/tenant-directory.ts';
import type { CustomerTenant } from '../../population/tenant.ts';
import type { World } from '../../world.ts';
import type { Declaration, EntitySet, Inverse, References, Row, Singleton, TenantView } from '../declaration.ts';
import { shortName } from '../schema/schema.ts';
import type { Catalog } from './catalog.ts';
import { type Changes, overlay } from './changes.ts';
import type { Store } from './store.ts';

/** A tenant as the engine sees it, during one request. */
export interface View extends TenantView {
  readonly changes: Changes;
  readonly catalog: Catalog;
  /** Rows of a set, or of the objects behind references, with `@odata.type` where a path mixes types. */
  related(declared: Declaration, keys: readonly string[]): readonly Row[];
  /** Finds a row by its key, also one that lists do not show yet. */
  find(set: EntitySet, keys: readonly string[], key: string): Row | undefined;
  singletonRow(declared: Singleton, keys: readonly string[]): Row | undefined;
  /** Finds an object by id in several sets. */
  findIn(paths: readonly string[], id: string): { readonly row: Row; readonly set: EntitySet } | undefined;
}

interface ViewOptions {
  readonly world: World;
  readonly tenantId: string;
  readonly customer: CustomerTenant | undefined;
  readonly catalog: Catalog;
  readonly store: Store;
  readonly isAgent: boolean;
}

/** Where changes to a path are kept. */
export const placeOf = (path: string, keys: readonly string[]): string => [path, ...keys].join('\n');

export const keyOf = (set: EntitySet, row: Row): string => String(row[set.key ?? 'id']);

type Index = ReadonlyMap<string, Row>;
const indexes = new WeakMap<readonly Row[], Index>();

/** Rows by key in lower case. Built once for a list. */
function indexOf(set: EntitySet, rows: readonly Row[]): Index {
  const known = indexes.get(rows);
  if (known !== undefined) return known;
  const index = new Map(rows.map((row) => [keyOf(set, row).toLowerCase(), row]));
  indexes.set(rows, index);
  return index;
}

const typedRows = new WeakMap<Row, Row>();

/** A row with its type, for lists of several types. Made once for a row: a group may have thousands of members. */
function typed(row: Row, { type }: EntitySet): Row {
  const known = typedRows.get(row);
  if (known !== undefined) return known;
  const made = { '@odata.type': `#${type}`, ...row };
  typedRows.set(row, made);
  return made;
}

export function createView(options: ViewOptions): View {
  return new TenantViewOfRequest(options);
}

class TenantViewOfRequest implements View {
  readonly world: World;
  readonly tenantId: string;
  readonly customer: CustomerTenant | undefined;
  readonly changes: Changes;
  readonly isAgent: boolean;
  readonly catalog: Catalog;
  readonly #store: Store;
  /** What this request has computed. */
  readonly #rows = new Map<string, readonly Row[]>();
  readonly #references = new Map<string, readonly string[]>();
  readonly #inverses = new Map<string, ReadonlyMap<string, readonly string[]>>();

  constructor({ world, tenantId, customer, catalog, store, isAgent }: ViewOptions) {
    this.world = world;
    this.tenantId = tenantId;
    this.customer = customer;
    this.isAgent = isAgent;
    this.catalog = catalog;
    this.#store = store;
    this.changes = store.changesOf(tenantId);
  }

  get directory(): TenantDirectory {
    const { customer, world } = this;
    return customer === undefined ? world.partner.directory : world.directoryOf(customer);
  }

  get todayMs(): number {
    const nowMs = this.world.clock.nowMs();
    return nowMs - (nowMs % dayMs);
  }

  rows(path: string, ...keys: readonly string[]): readonly Row[] {
    return this.related(this.catalog.required(path), keys);
  }

  row(path: string, key: string): Row | undefined {
    const declared = this.catalog.required(path);
    return declared.kind === 'set' ? this.find(declared, [], key) : undefined;
  }

  hasWrites(path: string): boolean {
    return this.changes.rowsAt(path) !== undefined;
  }

  related(declared: Declaration, keys: readonly string[]): readonly Row[] {
    switch (declared.kind) {
      case 'set':
        return this.#setRows(declared, keys);
      case 'references':
        return this.#objects(declared, declared.targets, this.#idsOf(declared, keys));
      case 'inverse':
        return this.#objects(declared, declared.of.map(ownerPath), this.#inverseIds(declared, keys));
      case 'singleton': {
        const row = this.singletonRow(declared, keys);
        return row === undefined ? [] : [row];
      }
      case 'report':
        return [];
    }
  }

  find(set: EntitySet, keys: readonly string[], key: string): Row | undefined {
    const change = this.changes.rowsAt(placeOf(set.path, keys))?.get(key.toLowerCase());
    // An object can be read by its key before lists show it.
    if (change !== undefined) return change.row;
    return indexOf(set, this.#setRows(set, keys)).get(key.toLowerCase());
  }

  findIn(paths: readonly string[], id: string): { readonly row: Row; readonly set: EntitySet } | undefined {
    for (const path of paths) {
      const set = this.catalog.at(path);
      const row = set?.kind === 'set' ? this.find(set, [], id) : undefined;
      if (row !== undefined && set?.kind === 'set') return { row, set };
    }
    return undefined;
  }

  references(path: string, ...keys: readonly string[]): readonly string[] {
    const declared = this.catalog.required(path);
    if (declared.kind !== 'references') throw new RangeError(`The path ${path} has no references.`);
    return this.#idsOf(declared, keys);
  }

  singletonRow(declared: Singleton, keys: readonly string[]): Row | undefined {
    const change = this.changes.rowsAt(placeOf(declared.path, keys))?.get('');
    if (change !== undefined) return change.row;
    return this.#kept(declared, keys, () => {
      const row = declared.row(this, ...keys);
      return row === undefined ? [] : [row];
    })[0];
  }

  #setRows(set: EntitySet, keys: readonly string[]): readonly Row[] {
    const place = placeOf(set.path, keys);
    const known = this.#rows.get(place);
    if (known !== undefined) return known;
    const created = this.#kept(set, keys, () => set.rows(this, ...keys));
    const lower = (row: Row): string => keyOf(set, row).toLowerCase();
    const rows = overlay(created, this.changes.rowsAt(place), lower, this.world.clock.nowMs());
    this.#rows.set(place, rows);
    return rows;
  }

  #kept(declared: Declaration, keys: readonly string[], create: () => readonly Row[]): readonly Row[] {
    if (declared.live === true) return create();
    const todayMs = declared.refresh === 'daily' ? this.todayMs : undefined;
    return this.#store.rows(this.tenantId, placeOf(declared.path, keys), todayMs, create);
  }

  #idsOf(declared: References, keys: readonly string[]): readonly string[] {
    const place = placeOf(declared.path, keys);
    const known = this.#references.get(place);
    if (known !== undefined) return known;
    const changed = this.changes.referencesAt(place);
    const created = declared.ids(this, ...keys);
    const ids =
      changed === undefined
        ? created
        : [...new Set([...created, ...changed.keys()])].filter((id) => changed.get(id)?.isAdded !== false);
    this.#references.set(place, ids);
    return ids;
  }

  /** Object → the objects that refer to it. */
  #inverseOf(path: string): ReadonlyMap<string, readonly string[]> {
    const known = this.#inverses.get(path);
    if (known !== undefined) return known;
    const owners = new Map<string, string[]>();
    const owner = this.catalog.required(ownerPath(path));
    if (owner.kind === 'set') {
      for (const row of this.#setRows(owner, [])) {
        const ownerId = keyOf(owner, row);
        for (const id of this.references(path, ownerId)) {
          const list = owners.get(id);
          if (list === undefined) owners.set(id, [ownerId]);
          else list.push(ownerId);
        }
      }
    }
    this.#inverses.set(path, owners);
    return owners;
  }

  #inverseIds({ of, transitive }: Inverse, keys: readonly string[]): readonly string[] {
    const found = new Set<string>();
    const add = (id: string): void => {
      for (const path of of) {
        for (const ownerId of this.#inverseOf(path).get(id) ?? []) {
          if (found.has(ownerId)) continue;
          found.add(ownerId);
          if (transitive === true) add(ownerId);
        }
      }
    };
    add(keys.at(-1) ?? '');
    return [...found];
  }

  #objects(declared: References | Inverse, targets: readonly string[], ids: readonly string[]): readonly Row[] {
    const base = shortName(declared.type).toLowerCase();
    return ids.flatMap((id) => {
      const found = this.findIn(targets, id);
      if (found === undefined) return [];
      const { row, set } = found;
      const isMixed = shortName(set.type).toLowerCase() !== base;
      return [isMixed && row['@odata.type'] === undefined ? typed(row, set) : row];
    });
  }
}

/** `groups/{id}/members` → `groups`. */
const ownerPath = (path: string): string => path.slice(0, path.lastIndexOf('/{'));
