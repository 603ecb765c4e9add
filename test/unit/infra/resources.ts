import type { Resource } from './bicep.ts';

const builtInRoles = {
  '0ad04412-c4d5-4796-b79c-f76d14c8d402': 'Durable Task Data Contributor',
  '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3': 'Storage Table Data Contributor',
  '3913510d-42f4-4e42-8a64-420c390055eb': 'Monitoring Metrics Publisher',
  '73c42c96-874c-492b-b04d-ab87d138a893': 'Log Analytics Reader',
  '974c5e8b-45b9-4653-ba55-5f855dd0fb88': 'Storage Queue Data Contributor',
  'b7e6dc6d-f1e8-4753-8033-0f276bb0955b': 'Storage Blob Data Owner',
  '12338af0-0e69-4776-bea7-57ae8d297424': 'Key Vault Crypto User',
  'b86a8fe4-44ce-4948-aee5-eccb2c155cd7': 'Key Vault Secrets Officer',
  'ba92f5b4-2d11-453d-a403-e96b0029c9fe': 'Storage Blob Data Contributor',
} as const;

/** All resources of a type. */
export const ofType = (resources: readonly Resource[], type: string): Resource[] =>
  resources.filter((resource) => resource.type === type);

/** The only resource of a type. @throws Error if there is none or more than one. */
export function the(resources: readonly Resource[], type: string): Resource {
  const [found, ...more] = ofType(resources, type);
  if (found === undefined || more.length > 0) throw new Error(`${more.length + (found ? 1 : 0)} of ${type}`);
  return found;
}

/** @throws Error if the resource lacks the property. */
export function property(resource: Resource, name: string): unknown {
  if (resource.properties?.[name] === undefined) throw new Error(`${resource.name} has no property ${name}`);
  return resource.properties[name];
}

/** Object id of the operator in the test deployments. */
export const operator = '33333333-3333-3333-3333-333333333333';

/** Type of the resource that an assignment belongs to: every second part of the path in its id. */
function scopeOf(id: string): string {
  const [namespace = '', ...parts] = id.split('/providers/').at(-2)?.split('/') ?? [];
  if (namespace === '') return 'the resource group';
  return [namespace, ...parts.filter((_, index) => index % 2 === 0)].join('/');
}

/** The role assignments of the app or of the operator, as `role on type of resource`, sorted. */
export function rolesOf(resources: readonly Resource[], who: 'app' | 'operator'): string[] {
  return ofType(resources, 'Microsoft.Authorization/roleAssignments')
    .filter(({ properties }) => (properties?.['principalId'] === operator) === (who === 'operator'))
    .map(({ properties, id }) => {
      const role = String(properties?.['roleDefinitionId']).split('/').at(-1) ?? '';
      return `${builtInRoles[role as keyof typeof builtInRoles] ?? 'custom'} on ${scopeOf(id)}`;
    })
    .toSorted();
}
