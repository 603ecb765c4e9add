import type { TypeInfo } from '../schema/schema.ts';

/**
 * Properties that Graph returns without `$select`, where the descriptions of the properties do not tell. Source: the
 * pages "List users" and "List domains".
 */
const byDefault: Readonly<Record<string, readonly string[]>> = {
  user: [
    'businessPhones',
    'displayName',
    'givenName',
    'jobTitle',
    'mail',
    'mobilePhone',
    'officeLocation',
    'preferredLanguage',
    'surname',
    'userPrincipalName',
    'id',
  ],
};

/** Names of the properties that a type returns without `$select`. @param declared the list of the declaration. */
export const defaultProperties = (type: TypeInfo, declared: readonly string[] | undefined): readonly string[] =>
  declared ??
  byDefault[type.name] ??
  type
    .properties()
    .filter(({ kind, onSelect }) => kind !== 'navigation' && !onSelect)
    .map(({ name }) => name);
