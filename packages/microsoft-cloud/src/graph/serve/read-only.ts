import type { Row } from '../declaration.ts';
import { badRequest } from '../graph-error.ts';
import type { TypeInfo } from '../schema/schema.ts';
import type { Located } from './locate.ts';

/**
 * What the descriptions leave out: `assignLicense` sets the licences of a user, and a deletion its time. Extension
 * attributes are read-only only for users that are synchronized from an Active Directory.
 */
const setByService: ReadonlySet<string> = new Set(['user.assignedLicenses', 'directoryObject.deletedDateTime']);
const settable: ReadonlySet<string> = new Set(['user.onPremisesExtensionAttributes']);

interface Written {
  readonly type: TypeInfo;
  readonly located: Located;
  readonly values: Row;
  /** Undefined: the object is new. */
  readonly before?: Row | undefined;
  /** Properties that a create request must have, whatever their description says. */
  readonly required?: readonly string[] | undefined;
}

/**
 * Intune ignores such properties, so that a client can send back the object that it has read.
 * @throws GraphError 400 for a property that only the service sets, unless its value stays the same.
 */
export function checkReadOnly({ type, located, values, before, required = [] }: Written): void {
  if (/^device(?:app)?management\//i.test(located.pattern)) return;
  for (const [name, value] of Object.entries(values)) {
    if (!isReadOnly(type, name) || (before === undefined && required.includes(name))) continue;
    if (before !== undefined && JSON.stringify(value) === JSON.stringify(before[name])) continue;
    throw badRequest(`Property '${name}' is read-only and cannot be set.`);
  }
}

const isReadOnly = (type: TypeInfo, name: string): boolean =>
  [...setByService].some((each) => isProperty(type, name, each)) ||
  (type.find(name)?.readOnly === true && ![...settable].some((each) => isProperty(type, name, each)));

const isProperty = (type: TypeInfo, name: string, property: string): boolean => {
  const [owner = '', own] = property.split('.');
  return own === name && type.isA(owner);
};
