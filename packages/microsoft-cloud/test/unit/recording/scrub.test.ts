import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { roots } from '../../../src/graph/schema/roots.ts';
import { createScrubber } from '../../../src/recording/scrub.ts';

const headers: Readonly<Record<string, string>> = { 'content-type': 'application/json; charset=utf-8' };
const noHeaders: Readonly<Record<string, string>> = {};
const plain = {
  method: 'GET',
  target: '/v1.0/users',
  requestHeaders: noHeaders,
  requestBody: '',
  status: 200,
  responseHeaders: headers,
  responseBody: '',
};
const scrub = (change: Partial<typeof plain>) => createScrubber().scrub({ ...plain, ...change });
const path = (target: string): string => scrub({ target }).request.path;

describe('a scrubbed pair', () => {
  it('keeps the names of paths', () => {
    for (const { name } of roots.values()) expect(path(`/v1.0/${name}`)).toBe(`/v1.0/${name}`);
  });

  it('keeps status, error code, names, types and the headers that matter', () => {
    const pair = scrub({
      method: 'GET',
      target:
        "/v1.0/users/ada@contoso.com?$select=id,mail&$filter=startswith(displayName,'Ada') and accountEnabled eq true",
      requestHeaders: { consistencylevel: 'eventual', authorization: 'Bearer abc', 'user-agent': 'Contoso/1' },
      status: 404,
      responseHeaders: { 'content-type': 'application/json; odata.metadata=minimal', 'retry-after': '17', 'x-ms': 'y' },
      responseBody: JSON.stringify({
        error: {
          code: 'Request_ResourceNotFound',
          message: "Resource 'ada@contoso.com' does not exist",
          innerError: {},
        },
        '@odata.context': 'https://graph.microsoft.com/v1.0/$metadata#users',
        'manager@odata.type': '#microsoft.graph.user',
        value: [{ id: '5d3b1a2c-1111-4222-8333-444455556666', accountEnabled: true, userCount: 42, mail: null }],
      }),
    });
    expect(pair).toEqual({
      request: {
        method: 'GET',
        path: "/v1.0/users/user-1%40domain.example?$select=id%2Cmail&$filter=startswith(displayName%2C'text-3')%20and%20accountEnabled%20eq%20true",
        headers: { consistencylevel: 'eventual' },
      },
      response: {
        status: 404,
        headers: { 'content-type': 'application/json', 'retry-after': '1' },
        body: {
          error: {
            code: 'Request_ResourceNotFound',
            message: expect.stringMatching(/^text-\d$/) as unknown,
            innerError: {},
          },
          '@odata.context': 'https://address-1.example/',
          'manager@odata.type': expect.stringMatching(/^text-\d$/) as unknown,
          value: [{ id: '00000000-0000-4000-8000-000000000001', accountEnabled: true, userCount: 1, mail: null }],
        },
      },
    });
  });

  it('gives one value one pseudonym, in paths and bodies of all pairs', () => {
    const scrubber = createScrubber();
    const id = '5d3b1a2c-1111-4222-8333-444455556666';
    scrubber.scrub({ ...plain, responseBody: JSON.stringify({ value: [{ id: id.replace('5', '6') }, { id }] }) });
    const pair = scrubber.scrub({ ...plain, target: `/v1.0/users/${id.toUpperCase()}` });
    expect(pair.request.path).toBe('/v1.0/users/00000000-0000-4000-8000-000000000002');
  });

  it.each([
    ['/v1.0/sites/contoso.sharepoint.com:/sites/Payroll', /contoso|Payroll/],
    ["/v1.0/applications(appId='5d3b1a2c-1111-4222-8333-444455556666')", /5d3b/],
    ['/v1.0/users?$skiptoken=RFNwdAIAAQAAABc6QWRh', /RFN/],
    ['/v1.0/users?$search="displayName:Ada Lovelace"', /Ada|Lovelace/],
    ["/v1.0/users?$filter=mail eq 'ada@contoso.com'", /ada|contoso/],
    ['/v1.0/users?code=0.AXkAsecret&$filter=employeeId eq Contoso', /AXk|Contoso/],
    ['/v1.0/Contoso/Fabrikam', /Contoso|Fabrikam/],
    ['/v1.0/users/%61da%40contoso.com', /contoso|ada/],
  ])('of %s names nothing of the customer', (target, secret) => {
    expect(path(target)).not.toMatch(secret);
  });

  it('replaces names of properties that are no names of Graph', () => {
    const body = { extension_0a1b2c3d4e5f_salary: 1, Contoso: { 'ada@contoso.com': true }, displayName: 'Ada' };
    const text = JSON.stringify(scrub({ responseBody: JSON.stringify(body) }));
    expect(text).not.toMatch(/salary|Contoso|ada|0a1b/i);
    expect(text).toContain('displayName');
  });

  it('is refused if it still holds what the caller sent as a secret', () => {
    const responseBody = JSON.stringify({ displayName: 'Ada' });
    const sent = (authorization: string) => () => scrub({ requestHeaders: { authorization }, responseBody });
    expect(sent('Bearer displayName')).toThrow('The pair still looks like it holds a secret.');
    expect(sent('Bearer another')).not.toThrow();
  });

  it('keeps a code of an error only', () => {
    const body = { error: { code: 'BadRequest', details: [{ code: 'Contoso' }] }, code: 'Fabrikam' };
    const text = JSON.stringify(scrub({ responseBody: JSON.stringify(body) }));
    expect(text).toContain('BadRequest');
    expect(text).not.toMatch(/Contoso|Fabrikam/);
  });

  it('has nothing of a body that is not JSON', () => {
    expect(scrub({ responseBody: 'Ada,ada@contoso.com' }).response.body).toBeUndefined();
  });

  it('never holds a token or a word of its values, wherever it stands', () => {
    const token = `eyJ${'aB3-'.repeat(20)}.eyJ${'cD4_'.repeat(20)}.${'eF5'.repeat(20)}`;
    const opaque = '0.AXkAxyzzy-PLUGH_42~secret';
    const word = fc.constantFrom(token, opaque, 'Xyzzy Ltd', 'xyzzy@plugh.com', 'xyzzy.plugh.com', `Bearer ${token}`);
    const json = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        word,
        fc.dictionary(fc.oneof(word, fc.constant('displayName')), tie('value')),
        fc.array(tie('value')),
      ),
    })).value;
    fc.assert(
      fc.property(json, fc.array(word, { maxLength: 4 }), word, (body, segments, query) => {
        const target = `/v1.0/users/${segments.map(encodeURIComponent).join('/')}?$filter=mail eq '${query}'&${encodeURIComponent(query)}=${encodeURIComponent(query)}`;
        const headers = {
          authorization: `Bearer ${token}`,
          cookie: opaque,
          prefer: query,
          location: query,
          'x-a': query,
        };
        const written = JSON.stringify(
          scrub({
            target,
            requestHeaders: headers,
            requestBody: JSON.stringify(body),
            responseBody: JSON.stringify({ error: { code: query }, body }),
            responseHeaders: { ...headers, 'content-type': query, 'www-authenticate': `Bearer ${query}` },
          }),
        );
        expect(decodeURIComponent(written)).not.toMatch(/eyJ|xyzzy|plugh|secret/i);
      }),
      { numRuns: 300 },
    );
  });
});
