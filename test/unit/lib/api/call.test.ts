import { HttpRequest } from '@azure/functions';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { bindRoute } from '../../../../src/lib/api/call.ts';
import { silentLogger } from '../../../../src/lib/core/log.ts';

const things = bindRoute(
  {
    name: 'things',
    method: 'POST',
    path: '/things/{thing}/parts/{part}',
    access: 'anonymous',
    query: z.strictObject({ limit: z.coerce.number().default(5) }),
    body: z.strictObject({ note: z.string() }),
    maxBodyBytes: 100,
    failures: [],
    document: () => Promise.reject(new Error('A request does not need the documentation.')),
  },
  async (_services, { path, query, body }) => ({
    status: 200,
    jsonBody: { thing: path.thing, part: path.part, double: query.limit * 2, note: body.note },
  }),
);

const answer = (query: Record<string, string>, body: unknown) => {
  const request = new HttpRequest({
    method: 'POST',
    url: 'http://localhost/api/things/a/parts/b',
    params: { thing: 'a', part: 'b' },
    query,
    body: { string: JSON.stringify(body) },
  });
  return things.answer(undefined, { request, caller: undefined, correlationId: '', log: silentLogger });
};

describe('bindRoute', () => {
  it('passes the parsed path parameters, query and body to the handler', async () => {
    expect(await answer({ limit: '7' }, { note: 'x' })).toMatchObject({
      jsonBody: { thing: 'a', part: 'b', double: 14, note: 'x' },
    });
    expect(await answer({}, { note: 'x' })).toMatchObject({ jsonBody: { double: 10 } });
  });

  it.each([
    ['a query', { limits: '7' }, { note: 'x' }, 'request_invalid'],
    ['a body', {}, { notes: 'x' }, 'request_invalid'],
    ['the size of a body', {}, { note: 'x'.repeat(100) }, 'request_too_large'],
  ])('rejects %s that the definition does not allow', async (_part, query, body, code) => {
    await expect(answer(query, body)).rejects.toMatchObject({ code });
  });
});
