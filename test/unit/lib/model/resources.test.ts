import { expect, test } from 'vitest';
import { createResourceRegistry } from '../../../../src/lib/model/resources.ts';
import { clouds } from '../../../../src/lib/model/clouds.ts';

const defender = ['defender', 'https://api.securitycenter.microsoft.com'] as const;

test('createResourceRegistry adds configured resources to the built-in ones', () => {
  const registry = createResourceRegistry(clouds.public, [defender]);
  expect(registry.get('defender').identifier).toBe('https://api.securitycenter.microsoft.com');
  expect(registry.list().map(({ alias }) => alias)).toContain('graph');
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
