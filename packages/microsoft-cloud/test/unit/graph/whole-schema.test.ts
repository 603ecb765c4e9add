import { describe, expect, it } from 'vitest';
import { roots } from '../../../src/graph/schema/roots.ts';
import { type Schema, schemaOf, type TypeInfo, type Version } from '../../../src/graph/schema/schema.ts';
import { applicationSets } from '../../../src/graph/sets/applications.ts';
import { declarations } from '../../../src/population/graph/declarations.ts';
import { ask, withP2 } from '../served-engine.ts';

interface Place {
  readonly path: string;
  readonly isList: boolean;
}

/** Every list and singleton that a path without a key reaches, each type once on a path. */
function placesBelow(place: Place, type: TypeInfo, schema: Schema, seen: readonly string[]): readonly Place[] {
  if (place.isList) return [place];
  const below = type.properties().flatMap((property) => {
    const next = property.kind === 'navigation' ? schema.type(property.typeName) : undefined;
    if (next === undefined || seen.includes(next.name)) return [];
    const path = `${place.path}/${property.name}`;
    return placesBelow({ path, isList: property.isList }, next, schema, [...seen, next.name]);
  });
  return [place, ...below];
}

/** Lists and singletons of an object, by the first object of each list with data. */
const placesOfObjects = (schema: Schema): readonly Place[] =>
  declarations.flatMap((each) => {
    if (each.kind !== 'set' || each.path.includes('{') || each.needsType === true) return [];
    const id = ask(withP2, each.path).rows[0]?.['id'];
    const type = schema.type(each.type);
    if (id === undefined || type === undefined) return [];
    return type
      .properties()
      .filter(({ kind }) => kind === 'navigation')
      .map(({ name, isList }) => ({ path: `${each.path}/${String(id)}/${name}`, isList }));
  });

const placesOf = (version: Version): readonly Place[] => {
  const schema = schemaOf(version);
  const first = [...roots.values()].flatMap(({ name, typeName, isList, isBeta }) => {
    const type = isBeta && version !== 'beta' ? undefined : schema.type(typeName);
    return type === undefined ? [] : placesBelow({ path: name, isList }, type, schema, [type.name]);
  });
  return [...first, ...placesOfObjects(schema)];
};

/** Whether somebody wrote down what the tenant has there, be it nothing. */
const isDeclared = (path: string): boolean => {
  const pattern = path.split('/');
  return [...applicationSets, ...declarations].some(({ path: declared }) => {
    const wanted = declared.split('/');
    return (
      wanted.length === pattern.length &&
      wanted.every((part, at) => part === '{id}' || part.toLowerCase() === pattern[at]?.toLowerCase())
    );
  });
};

describe.each(['v1.0', 'beta'] as const)('of all lists and singletons of the schema of %s', (version) => {
  const places = placesOf(version);
  const answers = places.map(({ path }) => ({ path, answer: ask(withP2, path, version) }));

  it('there are more than a thousand', () => {
    expect(places.length).toBeGreaterThan(1000);
  });

  it('those without data are unmatched, and those with data are not', () => {
    const wrong = answers
      .filter(({ path, answer }) => answer.unmatched === isDeclared(path))
      .map(({ path, answer }) => `${answer.status} ${path}`);
    expect(wrong).toEqual([]);
  });
});

describe('what every tenant has', () => {
  it.each([
    'admin/sharepoint/settings',
    'admin/people/pronouns',
    'admin/people/itemInsights',
    'admin/microsoft365Apps/installationOptions',
    'policies/authenticationFlowsPolicy',
    'policies/defaultAppManagementPolicy',
    'policies/deviceRegistrationPolicy',
  ])('is an object with values at %s', (path) => {
    const { status, body } = ask(undefined, path);
    expect(status).toBe(200);
    expect(Object.values(body).filter((value) => value !== null).length).toBeGreaterThan(1);
  });

  it.each([
    'policies/authenticationStrengthPolicies',
    'identity/conditionalAccess/templates',
    'groupSettingTemplates',
    'policies/permissionGrantPolicies',
    'policies/roleManagementPolicies',
    'policies/roleManagementPolicyAssignments',
  ])('is a list with objects at %s', (path) => {
    expect(ask(undefined, path).rows.length).toBeGreaterThan(0);
  });

  it('is a policy for each assignment of one', () => {
    const policies = new Set(ask(withP2, 'policies/roleManagementPolicies').rows.map(({ id }) => id));
    for (const { policyId } of ask(withP2, 'policies/roleManagementPolicyAssignments').rows)
      expect(policies.has(policyId)).toBe(true);
  });
});
