import { describe, expect, it } from 'vitest';
import type { DocumentedRoute } from '../../../../src/lib/api/route.ts';
import { startRunSchema } from '../../../../src/lib/api/requests.ts';
import { addressOf, samplesOf } from '../../../../src/lib/api/samples.ts';

const route: DocumentedRoute = {
  name: 'things-do',
  method: 'POST',
  path: '/things/{id}/parts',
  group: 'Tenants',
  summary: 'Things',
  description: 'Things.',
  access: 'Runs.Write',
  pathParameters: { id: { description: 'Which.', example: 'a b@2026-11-24T05:00Z' } },
  queryExample: { by: 'name & age' },
  body: startRunSchema,
  bodyExample: { note: "it's", list: ['x', 2, true] },
  answers: [],
  failures: [],
};

describe('the code samples of a route', () => {
  it('encode path and query', () => {
    expect(addressOf(route)).toBe('/api/things/a%20b%402026-11-24T05%3A00Z/parts?by=name+%26+age');
  });

  it('read the token and the address from the environment', () => {
    expect(samplesOf(route)).toHaveLength(3);
    for (const { source } of samplesOf(route)) {
      expect(source).toContain('BROKER_URL');
      expect(source).toContain('CALLER_TOKEN');
      expect(source).not.toMatch(/https?:/);
    }
  });

  it('quote the body as each language requires', () => {
    const [, powerShell, typeScript] = samplesOf(route).map(({ source }) => source);
    expect(powerShell).toContain("@{ note = 'it''s'; list = @('x', 2, $true) }");
    expect(typeScript).toContain("{ note: 'it\\'s', list: ['x', 2, true] }");
  });
});
