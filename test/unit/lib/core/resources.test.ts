import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, expectTypeOf, it, test } from 'vitest';
import {
  aliasByName,
  builtInResources,
  clouds,
  createResourceRegistry,
  isAudienceOf,
  type ResourceFacts,
} from '../../../../src/lib/core/resources.ts';
import { isExchangeHost } from '../../../../src/lib/gateway/send/judge-non-graph.ts';
import { projectRoot } from '../../../paths.ts';

const builtIn = Object.entries(builtInResources) as [string, ResourceFacts][];
const identifiersOf = ({ identifiers }: ResourceFacts): readonly string[] =>
  Object.values(identifiers).filter((identifier) => identifier !== undefined);
const read = (path: string): string => readFileSync(join(projectRoot, path), 'utf8');

describe('the table of resources', () => {
  it('does not compile with a fact missing', () => {
    const { applicationId: _, ...withoutId } = builtInResources.graph;
    // @ts-expect-error: tokens of version 2.0 for this resource would be refused.
    const table = { withoutId } satisfies Readonly<Record<string, ResourceFacts>>;
    expect(table.withoutId).not.toHaveProperty('applicationId');

    type Graph = typeof builtInResources.graph;
    type Dispensable = { [F in keyof Graph]: Omit<Graph, F> extends ResourceFacts ? F : never }[keyof Graph];
    expectTypeOf<Dispensable>().toBeNever();
  });

  it('does not compile with a resource of the broker that a cloud lacks', () => {
    const { identifiers, ...others } = builtInResources.graph;
    // @ts-expect-error: the broker uses the resource in every cloud.
    const facts: ResourceFacts = { ...others, identifiers: { ...identifiers, china: undefined } };
    expect(identifiersOf(facts)).toHaveLength(2);
  });

  // Without it, tokens of version 2.0 for the resource are discarded.
  it.each(builtIn)('has the application id of %s among its audiences in every cloud', (alias, facts) => {
    const known = Object.values(clouds).flatMap(({ resources }) => new Map(Object.entries(resources)).get(alias) ?? []);
    expect(known.length).toBeGreaterThan(0);
    expect(known).toEqual(identifiersOf(facts));
    for (const identifier of known) expect(isAudienceOf(facts.applicationId, identifier)).toBe(true);
  });

  it.each(builtIn)(
    'says of %s whether its hosts are those of Exchange, as the gateway tells by their names',
    (_, facts) => {
      for (const identifier of identifiersOf(facts))
        expect(isExchangeHost(identifier)).toBe(facts.judgedBy === 'cmdlets');
    },
  );

  it('gives each name of a resource to one alias', () => {
    expect(aliasByName.get('https://management.core.windows.net')).toBe('arm');
    expect(aliasByName.get(builtInResources.compliance.applicationId)).toBe('exchange');
    expect(new Set(aliasByName.values())).toEqual(new Set(Object.keys(builtInResources)));
  });
});

describe('what is compared with the table of resources', () => {
  const aliases = Object.keys(builtInResources);
  const quotedIn = (text: string | undefined): string[] =>
    [...(text ?? '').matchAll(/[`']([a-z-]+)[`']/g)].map(([, name]) => name ?? '');

  it('docs/policy.md', () => {
    const section = read('docs/policy.md').split('\n## Resources\n')[1]?.split('\n## ')[0] ?? '';
    const ofBroker = builtIn.flatMap(([alias, { endpoint }]) => (endpoint === undefined ? [] : [alias]));
    expect(quotedIn(/^Besides.*?, callers/m.exec(section)?.[0]).toSorted()).toEqual(ofBroker.toSorted());
    const further = builtIn.filter(([, { endpoint }]) => endpoint === undefined);
    const entries = section.split('\n').filter((line) => line.startsWith('- `'));
    expect(entries.map((line) => /^- `([^`]+)`/.exec(line)?.[1])).toEqual(further.map(([alias]) => alias));
    for (const [index, [alias, { identifiers, applicationId }]] of further.entries()) {
      expect(entries[index]).toContain(`\`${identifiers.public}\``);
      const isShared = aliasByName.get(applicationId) !== alias;
      expect(entries[index]).toContain(isShared ? 'that of Exchange Online' : `\`${applicationId}\``);
    }
  });

  it('what the PowerShell module completes', () => {
    const module = read('clients/powershell/PartnerTokenBroker/Private/Completion.ps1');
    expect(quotedIn(/^\$script:KnownResources = (.*)$/m.exec(module)?.[1])).toEqual(aliases);
    const help = read('clients/powershell/PartnerTokenBroker/Public/Get-PartnerToken.ps1');
    const [, listed = ''] = /Alias of the resource: (.*), or an alias/.exec(help) ?? [];
    expect(listed.split(', ').toSorted()).toEqual(aliases.toSorted());
  });
});

const defender = ['defender', 'https://api.securitycenter.microsoft.com'] as const;

test('createResourceRegistry adds configured resources to the built-in ones', () => {
  const registry = createResourceRegistry(clouds.public, [defender]);
  expect(registry.get('defender').identifier).toBe('https://api.securitycenter.microsoft.com');
  expect(registry.list().map(({ alias }) => alias)).toContain('graph');
});

test('createResourceRegistry has the resources that partners use in the public cloud', () => {
  const identifiers = Object.fromEntries(
    createResourceRegistry(clouds.public, [])
      .list()
      .map(({ alias, identifier }) => [alias, identifier]),
  );
  expect(identifiers).toMatchObject({
    'office-management': 'https://manage.office.com',
    defender: 'https://api.securitycenter.microsoft.com',
    teams: '48ac35b8-9aa8-4d74-927d-1f4a14a0b239',
    compliance: 'https://ps.compliance.protection.outlook.com',
  });
});

test('createResourceRegistry names the resource that a misspelt one may be', () => {
  expect(() => createResourceRegistry(clouds.public, []).get('exhcange')).toThrow(
    expect.objectContaining({ detail: expect.stringContaining('; did you mean "exchange"?') as string }),
  );
});

test('createResourceRegistry lacks these resources in the national clouds, and RESOURCES adds them', () => {
  for (const cloud of [clouds.usgovernment, clouds.china]) {
    expect(() => createResourceRegistry(cloud, []).get('defender')).toThrow(
      expect.objectContaining({ code: 'resource_not_allowed' }),
    );
    expect(createResourceRegistry(cloud, [defender]).get('defender').identifier).toBe(defender[1]);
  }
});

test('createResourceRegistry lets RESOURCES replace a resource that the broker itself does not use', () => {
  const registry = createResourceRegistry(clouds.public, [['teams', 'https://teams.example']]);
  expect(registry.get('teams').identifier).toBe('https://teams.example');
});

// Anyone can read the problem at /api/health, so it must not quote the setting.
test.each([
  ['a built-in alias', 'graph'],
  ['the alias of an earlier entry', 'defender'],
])('createResourceRegistry rejects %s and names only the position of the entry', (_, alias) => {
  const add = () => createResourceRegistry(clouds.public, [defender, [alias, 'https://example.com']]);
  expect(add).toThrow(
    expect.objectContaining({ code: 'config_invalid', detail: 'RESOURCES: entry 2 has an alias that is taken.' }),
  );
});

const teams = '48ac35b8-9aa8-4d74-927d-1f4a14a0b239';
const other = '11111111-2222-4333-8444-555555555555';

describe('isAudienceOf a built-in resource', () => {
  it.each([
    ['the identifier', 'https://manage.office.com', 'https://manage.office.com'],
    ['a trailing slash', 'https://manage.office.com/', 'https://manage.office.com'],
    ['the application id', 'c5393580-f805-4401-95e8-94b7a6ef2fc2', 'https://manage.office.com'],
    [
      'the application id of Defender',
      'fc780465-2017-40d4-a0c5-307022471b92',
      'https://api.securitycenter.microsoft.com',
    ],
    ['the newer address of Defender', 'https://api.security.microsoft.com', 'https://api.securitycenter.microsoft.com'],
    [
      'the application id of Exchange for compliance',
      '00000002-0000-0ff1-ce00-000000000000',
      'https://ps.compliance.protection.outlook.com',
    ],
    ['a GUID that is the identifier itself', teams, teams],
    ['a GUID in capitals', teams.toUpperCase(), teams],
  ])('accepts %s', (_, audience, identifier) => {
    expect(isAudienceOf(audience, identifier)).toBe(true);
  });

  it.each([
    [other, teams],
    [other, 'https://manage.office.com'],
    ['https://graph.microsoft.com', 'https://manage.office.com'],
    [teams, 'https://graph.microsoft.com'],
  ])('rejects %s for %s', (audience, identifier) => {
    expect(isAudienceOf(audience, identifier)).toBe(false);
  });
});

describe('isAudienceOf a resource of RESOURCES', () => {
  it('accepts a GUID for an address only if it is configured as the application id', () => {
    expect(isAudienceOf('https://example.com', 'https://example.com')).toBe(true);
    expect(isAudienceOf(other, 'https://example.com')).toBe(false);
    expect(isAudienceOf(other, 'https://example.com', other)).toBe(true);
    expect(isAudienceOf('https://other.example', 'https://example.com')).toBe(false);
  });

  it('accepts only the same GUID for a GUID', () => {
    expect(isAudienceOf(other, other.toUpperCase())).toBe(true);
    expect(isAudienceOf(`api://${other}`, other)).toBe(true);
    expect(isAudienceOf(teams, other)).toBe(false);
    expect(isAudienceOf('https://example.com', other)).toBe(false);
  });
});
