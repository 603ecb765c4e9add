import { expect, it } from 'vitest';
import { retirementHeaders } from '../../src/functions/tokens.ts';
import { clouds, createResourceRegistry } from '../../src/lib/core/resources.ts';

it('announces that Azure AD Graph is retired, and nothing else', () => {
  const resources = createResourceRegistry(clouds.public, []);
  const retired = resources.get('aad-graph').retired;
  expect(retired === undefined ? undefined : retirementHeaders(retired)).toEqual({
    deprecation: `@${Date.UTC(2020, 5, 30) / 1000}`,
    sunset: 'Sun, 31 Aug 2025 00:00:00 GMT',
  });
  for (const alias of ['graph', 'exchange', 'arm', 'partner-center']) {
    expect(resources.get(alias).retired).toBeUndefined();
  }
});
