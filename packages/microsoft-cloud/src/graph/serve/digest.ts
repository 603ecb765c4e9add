import { createHash } from 'node:crypto';
import { GraphError } from '../graph-error.ts';
import type { View } from './view.ts';

/** A digest of what Graph returns of a tenant: of everything, and of each path. */
export interface TenantDigest {
  readonly digest: string;
  readonly paths: Readonly<Record<string, string>>;
}

/**
 * Digests the sets, singletons and changed references of a tenant. Equal digests mean equal data. Logs and scores that
 * follow the clock are left out, and so is what belongs to single objects and was not changed: it follows from the rest.
 */
export function digestOf(view: View): TenantDigest {
  const paths: Record<string, string> = {};
  for (const declared of view.catalog.all) {
    const isLog = declared.refresh === 'daily';
    if (isLog || declared.kind === 'report' || declared.path.includes('{') || declared.path === 'directoryObjects')
      continue;
    const rows = rowsOrRefusal(() => {
      declared.check?.(view);
      return view.related(declared, []);
    });
    if (rows !== undefined) paths[declared.path] = hash(rows);
  }
  for (const place of view.changes.referencePlacesSince(0)) {
    const [path = '', ...keys] = place.split('\n');
    paths[`${path} ${keys.join(' ')}`] = hash(view.references(path, ...keys));
  }
  return { digest: hash(paths), paths };
}

function rowsOrRefusal<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    // The tenant lacks the licence.
    if (error instanceof GraphError) return undefined;
    throw error;
  }
}

const hash = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32);
