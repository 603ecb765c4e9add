import type { JsonObject } from '../../microsoft/reply.ts';
import { type StoredRow, tenantColumns } from './row.ts';

/** Annotations describe the answer and not the object, and their links lead elsewhere. The type is part of the object. */
const isKept = (name: string): boolean => name === '@odata.type' || !name.includes('@');

const reserved: ReadonlySet<string> = new Set(tenantColumns);

/** A property with the name of a column of the tenant gets `graph.` before it, so that neither hides the other. */
export const columnOf = (property: string): string => (reserved.has(property) ? `graph.${property}` : property);

/** An object of Microsoft Graph as a row. */
export const objectRow = (object: JsonObject): StoredRow =>
  Object.fromEntries(
    Object.entries(object)
      .filter(([name]) => isKept(name))
      .map(([name, value]) => [columnOf(name), value]),
  );
