import { expect, test } from 'vitest';
import { createResourceRegistry } from '../../../../src/lib/model/resources.ts';
import { clouds } from '../../../../src/lib/model/clouds.ts';

const defender = ['defender', 'https://api.securitycenter.microsoft.com'] as const;

test('an added resource stands beside the built-in ones', () => {
  const registry = createResourceRegistry(clouds.public, [defender]);
  expect(registry.get('defender').identifier).toBe('https://api.securitycenter.microsoft.com');
  expect(registry.list().map(({ alias }) => alias)).toContain('graph');
});

test.each([
  ['a built-in alias', 'graph'],
  ['the alias of an earlier entry', 'defender'],
])('%s is refused by the position of its entry, never quoted: /api/health shows it to everybody', (_, alias) => {
  const add = () => createResourceRegistry(clouds.public, [defender, [alias, 'https://example.com']]);
  expect(add).toThrow(
    expect.objectContaining({ code: 'config_invalid', detail: 'RESOURCES: entry 2 has an alias that is taken.' }),
  );
});
