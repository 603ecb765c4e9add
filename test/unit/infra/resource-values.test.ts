import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { projectRoot } from '../../paths.ts';
import { skippedBecause } from '../../support/skipped.ts';
import { evaluate, noBicep, type Resource } from './bicep.ts';
import { chosenParameters, chosenResources, usualResources } from './expected-resources.ts';
import { ofType, operator, the } from './resources.ts';

// bicep.test.ts says why values matter. This file compares all of them.

/** Other tests compare these: bicep.test.ts the roles, alerts.test.ts the rules. */
const comparedElsewhere = /Microsoft\.Authorization\/|Microsoft\.Insights\/scheduledQueryRules/;

/** Shortens ids and references in the prediction of the compiler, as expected-resources.ts writes them. */
function readable(resources: readonly Resource[]): readonly Resource[] {
  const text = JSON.stringify(resources)
    .replaceAll(/reference\('([^']+)', '[\d-]+'\)/g, '$1')
    .replaceAll(/\/subscriptions\/[0-9-]{36}\/resourceGroups\/rg-try\/providers\//g, '')
    .replaceAll(/resourceId\('[0-9-]{36}', 'rg-try', /g, 'resourceId(')
    .replaceAll('z7mc4afpn5eoo', '*')
    .replaceAll(/\/workbooks\/[\da-f-]{36}/g, '/workbooks/*');
  return JSON.parse(text) as readonly Resource[];
}

/** Id → properties of each resource that has any. */
function propertiesOf(resources: readonly Resource[]): Readonly<Record<string, unknown>> {
  const compared = readable(resources).filter(
    ({ type, properties }) => properties !== undefined && !comparedElsewhere.test(type),
  );
  return Object.fromEntries(compared.map(({ id, type, name, properties }) => [nameOf(id, type, name), properties]));
}

/** The compiler cannot evaluate the id of a link to a zone whose name depends on the cloud. */
const nameOf = (id: string, type: string, name: string): string =>
  type.endsWith('/virtualNetworkLinks') ? `link of ${/^\[format\('\{0\}\/\{1\}', (.*), 'link-/.exec(name)?.[1]}` : id;

describe('the values of infra/main.bicep', { timeout: 600_000, ...skippedBecause(noBicep) }, () => {
  let usual: readonly Resource[];
  let chosen: readonly Resource[];
  beforeAll(async () => {
    [usual, chosen] = await Promise.all([
      evaluate({
        operatorObjectId: operator,
        alertEmail: 'operator@example.com',
        brokerAudiences: 'client-id,api://broker',
        signInClientId: 'sign-in-id',
      }),
      evaluate(chosenParameters),
    ]);
  });

  it('are these by default', () => {
    expect(propertiesOf(usual)).toEqual(usualResources);
  });

  it('follow every parameter', async () => {
    const template = await readFile(join(projectRoot, 'infra/main.bicep'), 'utf8');
    const parameters = [...template.matchAll(/^param (\w+) /gm)].map(([, name]) => name ?? '');
    const inBoth = ['environmentName', 'location'];
    const onlyInUsual = ['brokerAudiences', 'signInClientId', 'operatorObjectId', 'operatorType', 'alertEmail'];
    expect([...Object.keys(chosenParameters), ...inBoth, ...onlyInUsual].toSorted()).toEqual(parameters.toSorted());
    expect(propertiesOf(chosen)).toEqual(chosenResources);
  });

  it('include the kind and price of each resource', () => {
    const priced = (resources: readonly Resource[]): unknown[] =>
      readable(resources).flatMap(({ type, kind, sku }) =>
        kind === undefined && sku === undefined ? [] : [[type.split('/').at(-1), kind, sku]],
      );
    const storage = (name: string): unknown[] => ['storageAccounts', 'StorageV2', { name }];
    const others = [
      ['serverfarms', 'functionapp', { tier: 'FlexConsumption', name: 'FC1' }],
      ['sites', 'functionapp,linux', undefined],
    ];
    const insights = [
      ['components', 'web', undefined],
      ['workbooks', 'shared', undefined],
    ];
    const rules = ofType(usual, 'Microsoft.Insights/scheduledQueryRules').map(({ kind }) => kind);
    expect(rules.length).toBeGreaterThan(12);
    expect(new Set(rules)).toEqual(new Set(['LogAlert']));
    const withoutRules = (resources: readonly Resource[]): readonly Resource[] =>
      resources.filter(({ type }) => !comparedElsewhere.test(type));
    expect(priced(withoutRules(usual))).toEqual([...insights, storage('Standard_LRS'), ...others]);
    expect(priced(withoutRules(chosen))).toEqual([...insights, storage('Standard_ZRS'), ...others]);
  });

  it('include the containers of the package, the policy and the checkpoints, and the task hub', () => {
    const bare = (resources: readonly Resource[]): string[] =>
      readable(resources)
        .filter(({ type, properties }) => properties === undefined && /containers$|taskHubs$/.test(type))
        .map(({ name }) => name);
    const containers = ['st*/default/audit-checkpoints', 'st*/default/app-package', 'st*/default/access-policy'];
    expect(bare(usual)).toEqual(containers);
    expect(bare(chosen)).toEqual([...containers, 'dts-*/PartnerTokenBroker']);
  });

  it('tag every resource that can have tags, and the app with the service of azure.yaml', () => {
    const tagged = chosen.flatMap(({ type, tags }) => (tags === undefined ? [] : [[type, tags]]));
    expect(tagged.length).toBeGreaterThan(25);
    const tags = { owner: 'operations', 'azd-env-name': 'try' };
    const different = tagged.filter(([type]) => type !== 'Microsoft.Web/sites');
    expect(different).toEqual(different.map(([type]) => [type, tags]));
    expect(the(chosen, 'Microsoft.Web/sites')['tags']).toEqual({ ...tags, 'azd-service-name': 'broker' });
    const located = chosen.filter(({ location }) => location !== undefined);
    expect(located.map(({ tags: present }) => present !== undefined)).toEqual(located.map(() => true));
  });

  it("authenticate the app as the user-assigned identity, which is also the assignee of the app's roles", () => {
    const id = 'Microsoft.ManagedIdentity/userAssignedIdentities/id-ptb-*';
    const [site] = ofType(readable(usual), 'Microsoft.Web/sites');
    expect(site?.['identity']).toEqual({ type: 'UserAssigned', userAssignedIdentities: { [id]: {} } });
    const assignments = ofType(readable(usual), 'Microsoft.Authorization/roleAssignments').filter(
      ({ properties }) => properties?.['principalId'] !== operator,
    );
    expect(assignments.map(({ properties }) => [properties?.['principalId'], properties?.['principalType']])).toEqual(
      Array.from({ length: 7 }, () => [`[${id}.principalId]`, 'ServicePrincipal']),
    );
  });
});
