import { describe, expect, it } from 'vitest';
import type { DocumentedRoute } from '../../../../src/lib/api/route.ts';
import { startRunSchema } from '../../../../src/lib/api/requests.ts';
import { addressOf, samplesOf } from '../../../../src/lib/api/openapi.ts';

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

  it('are what a person would write', () => {
    expect(samplesOf(route).map(({ lang, label }) => [lang, label])).toEqual([
      ['Shell', 'curl'],
      ['PowerShell', 'PowerShell'],
      ['TypeScript', 'TypeScript'],
    ]);
    const [curl, powerShell, typeScript] = samplesOf({
      ...route,
      method: 'PUT',
      path: '/parts/{id}/{*rest}',
      pathParameters: {
        id: { description: 'Which.', example: 'a b' },
        rest: { description: 'Where.', example: 'x/y' },
      },
      queryExample: {},
      bodyExample: { note: 'no', deep: { at: 'a\\b', none: null } },
    }).map(({ source }) => source);
    expect(curl).toBe(
      [
        'curl -sS --fail-with-body -X PUT "$BROKER_URL/api/parts/a%20b/x/y" \\',
        '  -H "authorization: Bearer $CALLER_TOKEN" \\',
        "  -H 'content-type: application/json' \\",
        `  -d '{"note":"no","deep":{"at":"a\\\\b","none":null}}'`,
      ].join('\n'),
    );
    expect(powerShell).toBe(
      [
        '$headers = @{ Authorization = "Bearer $env:CALLER_TOKEN" }',
        "$body = @{ note = 'no'; deep = @{ at = 'a\\b'; none = $null } } | ConvertTo-Json",
        `Invoke-RestMethod "$env:BROKER_URL/api/parts/a%20b/x/y" -Method Put -Headers $headers -ContentType 'application/json' -Body $body`,
      ].join('\n'),
    );
    expect(typeScript).toBe(
      [
        "import { env } from 'node:process';",
        '',
        'const response = await fetch(`${env.BROKER_URL}/api/parts/a%20b/x/y`, {',
        "  method: 'PUT',",
        "  headers: { authorization: `Bearer ${env.CALLER_TOKEN}`, 'content-type': 'application/json' },",
        "  body: JSON.stringify({ note: 'no', deep: { at: 'a\\\\b', none: null } }),",
        '});',
        'if (!response.ok) throw new Error(await response.text());',
        'console.log(await response.text());',
      ].join('\n'),
    );
  });

  it('leave out what a request does not need', () => {
    const { bodyExample: _body, ...bare } = route;
    const json = { status: 200, description: 'All.', contents: [{ mediaType: 'application/json' }] };
    const reading = { ...bare, method: 'GET', path: '/parts', queryExample: {}, answers: [json] } as const;
    const sources = samplesOf(reading).map(({ source }) => source);
    expect(sources[0]).toBe(
      'curl -sS --fail-with-body "$BROKER_URL/api/parts" \\\n  -H "authorization: Bearer $CALLER_TOKEN"',
    );
    expect(sources[1]?.split('\n')[1]).toBe('Invoke-RestMethod "$env:BROKER_URL/api/parts" -Headers $headers');
    expect(sources[2]).not.toContain('method:');
    expect(sources[2]).not.toContain('body:');
    expect(sources[2]).toContain('await response.json()');
    const asText = samplesOf({ ...reading, queryExample: { format: 'csv' } }).map(({ source }) => source);
    expect(asText[2]).toContain('await response.text()');
    // Without a body, curl would send GET.
    expect(samplesOf({ ...bare, method: 'POST' })[0]?.source).toContain('-X POST ');
    expect(samplesOf({ ...route, method: 'POST' })[0]?.source).not.toContain('-X');
    expect(samplesOf({ ...bare, method: 'DELETE' })[0]?.source).toContain('-X DELETE ');
  });
});
