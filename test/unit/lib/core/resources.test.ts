import { expect, test } from 'vitest';
import { clouds, createResourceRegistry } from '../../../../src/lib/core/resources.ts';

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
