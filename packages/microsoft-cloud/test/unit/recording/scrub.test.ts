import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { roots } from '../../../src/graph/schema/roots.ts';
import { createScrubber, unscrubbedPlaces, Unsaved } from '../../../src/recording/scrub.ts';

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
        path: "/v1.0/users/user-1%40domain-1.example?$select=id%2Cmail&$filter=startswith(displayName%2C'text-1')%20and%20accountEnabled%20eq%20true",
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
          '@odata.context': 'https://graph.microsoft.com/v1.0/$metadata#users',
          'manager@odata.type': '#microsoft.graph.user',
          value: [{ id: '00000000-0000-4000-8000-000000000001', accountEnabled: true, userCount: 1, mail: null }],
        },
      },
    });
  });

  it('has items of every type', () => {
    const items = ['user', 'user', 'user', 'user', 'group'].map((type) => ({
      '@odata.type': `#microsoft.graph.${type}`,
    }));
    const { body } = scrub({ responseBody: JSON.stringify({ value: items }) }).response;
    expect(body).toEqual({ value: [...items.slice(0, 3), ...items.slice(4)] });
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

  it.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])('replaces the name %s as any other', (name) => {
    const body = JSON.parse(`{"${name}":"Ada","error":{"${name}":{"code":"Ada"}}}`) as unknown;
    expect(JSON.stringify(scrub({ responseBody: JSON.stringify(body) }).response.body)).toBe(
      '{"name-1":"text-1","error":{"name-1":{"code":"text-1"}}}',
    );
    expect(path(`/v1.0/${name}?$filter=${name} eq 'Ada'`)).not.toMatch(/Ada/);
  });

  it('is refused if it still holds what the caller sent as a secret', () => {
    const responseBody = JSON.stringify({ displayName: 'Ada' });
    const sent = (authorization: string) => () => scrub({ requestHeaders: { authorization }, responseBody });
    expect(sent('Bearer displayName')).toThrow('the pair still looks like it holds a secret');
    expect(sent('Bearer another')).not.toThrow();
  });

  it('keeps a code of an error only', () => {
    const body = { error: { code: 'BadRequest', details: [{ code: 'Contoso' }] }, code: 'Fabrikam' };
    const text = JSON.stringify(scrub({ responseBody: JSON.stringify(body) }));
    expect(text).toContain('BadRequest');
    expect(text).not.toMatch(/Contoso|Fabrikam/);
  });

  it('has nothing of a body that is not JSON', () => {
    const csv = { responseHeaders: { 'content-type': 'text/csv' }, responseBody: 'Ada,ada@contoso.com' };
    expect(scrub(csv).response).toEqual({ status: 200, headers: { 'content-type': 'text/csv' } });
  });

  it.each([
    [{ responseBody: '{"displayName":"Ada' }, 'the reply says that it is JSON, and is none or ends early'],
    [{ requestBody: '{"displayName":"Ada' }, 'the request says that it is JSON, and is none or ends early'],
    [{ status: 500 }, 'status 500 tells of an overloaded or failing service, not of how it answers'],
    [{ status: 429 }, 'status 429 tells of an overloaded or failing service, not of how it answers'],
    [{ target: '/Ada/users' }, 'only paths below /v1.0 and /beta are recorded'],
    [{ method: 'TRACE' }, 'only GET, POST, PATCH, PUT, DELETE are recorded'],
  ])('is not made of %j, for a reason that quotes nothing', (change, reason) => {
    expect(() => scrub(change)).toThrow(new Unsaved(reason));
  });

  it('keeps values that the schema lists for the property, and no others', () => {
    const body = { state: 'enabled', userType: 'Guest', status: 'Ada', displayName: 'enabled' };
    const pair = scrub({
      target: "/v1.0/users?$filter=userType eq 'Guest' and displayName eq 'Guest'",
      responseBody: JSON.stringify(body),
    });
    expect(decodeURIComponent(pair.request.path)).toContain("userType eq 'Guest' and displayName eq 'text-1'");
    expect(pair.response.body).toEqual({ ...body, status: 'text-2', displayName: 'text-3' });
  });

  it('holds one time for all, so that a known one does not tell the others', () => {
    const body = {
      value: [
        { createdDateTime: '2026-03-01T10:00:00Z', never: '0001-01-01T00:00:00Z' },
        { createdDateTime: '2026-03-01T10:00:01.5000000Z' },
        { createdDateTime: '2026-03-01T12:00:02+02:00', employeeId: '1984-05-06' },
      ],
      birthday: '2026-03-01',
      error: { innerError: { date: '2026-11-24T10:11:12' } },
    };
    const pair = scrub({
      target: '/v1.0/users?$filter=createdDateTime ge 2026-03-01T10:00:00Z and birthday eq 2026-03-01',
      responseBody: JSON.stringify(body),
    });
    const [day, moment] = ['2000-01-01', '2000-01-01T00:00:00Z'];
    expect(decodeURIComponent(pair.request.path)).toContain(`createdDateTime ge ${moment} and birthday eq ${day}`);
    expect(pair.response.body).toEqual({
      value: [
        { createdDateTime: moment, 'name-1': '0001-01-01T00:00:00Z' },
        { createdDateTime: moment },
        { createdDateTime: moment, employeeId: day },
      ],
      birthday: day,
      error: { innerError: { date: moment } },
    });
  });

  it('joins users with their domains, and objects with links, contexts, keys and filters', () => {
    const scrubber = createScrubber({ services: ['https://graph.example'] });
    const id = '5d3b1a2c-1111-4222-8333-444455556666';
    const first = scrubber.scrub({
      ...plain,
      responseBody: JSON.stringify({
        '@odata.context': `https://graph.example/v1.0/$metadata#users('${id}')/memberOf(id,mail)`,
        '@odata.nextLink': `https://graph.example/v1.0/users?$filter=id%20eq%20'${id}'&$skiptoken=Ada`,
        value: [
          { id: id.toUpperCase(), mail: 'ada@contoso.com' },
          { id: 'contoso.com', mail: 'eva@CONTOSO.com' },
        ],
      }),
    });
    const pseudonym = '00000000-0000-4000-8000-000000000001';
    const next = `/v1.0/users?$filter=id%20eq%20'${pseudonym}'&$skiptoken=text-1`;
    expect(first.response.body).toEqual({
      '@odata.context': `https://graph.microsoft.com/v1.0/$metadata#users('${pseudonym}')/memberOf(id,mail)`,
      '@odata.nextLink': `https://graph.microsoft.com${next}`,
      value: [
        { id: pseudonym, mail: 'user-1@domain-1.example' },
        { id: 'domain-1.example', mail: 'user-2@domain-1.example' },
      ],
    });
    const link = `/v1.0/users?$filter=id%20eq%20'${id}'&$skiptoken=Ada`;
    expect(scrubber.scrub({ ...plain, target: link }).request.path).toBe(next);
  });

  it('takes a word of the schema for a key where a key stands', () => {
    expect(path('/v1.0/users/manager/manager')).toBe('/v1.0/users/text-1/manager');
    expect(path('/v1.0/groups/finance/members/microsoft.graph.user')).toBe(
      '/v1.0/groups/text-1/members/microsoft.graph.user',
    );
    expect(path("/v1.0/reports/getMailboxUsageDetail(period='D7')")).toBe(
      "/v1.0/reports/getMailboxUsageDetail(period='D7')",
    );
  });

  it.each([
    ['/v1.0/me/drive/root:/Reports/Members/Security/Alice.docx:', '/v1.0/me/drive/text-1/text-2/text-3/text-4/text-5'],
    ['/v1.0/me/drive/root:/Reports/Members', '/v1.0/me/drive/text-1/text-2/text-3'],
    ['/v1.0/drives/b!x/items/7%3A/Security:/children', '/v1.0/drives/text-1/items/text-2/text-3/children'],
    ['/v1.0/sites/contoso.sharepoint.com:/teams/Groups:/lists', '/v1.0/sites/text-1/text-2/text-3/lists'],
  ])('takes the folders in %s for keys', (target, scrubbed) => {
    expect(path(target)).toBe(scrubbed);
    expect(unscrubbedPlaces(scrub({ target }))).toEqual([]);
  });

  it('keeps no value of a personal property, even if the schema lists it', () => {
    const body = { gender: 'male', relationship: 'spouse', proficiency: 'elementary', studentAgeGroup: 'minor' };
    expect(Object.values(scrub({ responseBody: JSON.stringify(body) }).response.body as object)).toEqual([
      'text-1',
      'text-2',
      'text-3',
      'text-4',
    ]);
  });

  it('keeps what tells about order, page size and statuses of a batch', () => {
    const list = scrub({
      target: '/v1.0/users?$orderby=displayName&$top=2',
      responseBody: JSON.stringify({ value: [{ displayName: 'Eva' }, { displayName: 'Ada' }, { displayName: 'Bob' }] }),
    });
    expect(list.response.list).toEqual({ isSorted: false, isWithinTop: false });
    const batch = scrub({
      method: 'POST',
      target: '/v1.0/$batch',
      requestBody: JSON.stringify({ requests: [{ id: '1', method: 'GET', url: '/users/ada@contoso.com?$select=id' }] }),
      responseBody: JSON.stringify({ responses: [{ id: '1', status: 404, body: { status: 404 } }] }),
    });
    expect(batch.request.body).toEqual({
      requests: [{ id: '1', method: 'GET', url: '/users/user-1%40domain-1.example?$select=id' }],
    });
    expect(batch.response.body).toEqual({ responses: [{ id: '1', status: 404, body: { status: 1 } }] });
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
