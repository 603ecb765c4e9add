import type { IncomingMessage } from 'node:http';
import { expect, it } from 'vitest';
import type { RoutedExchange } from '../../../src/http/routed-exchange.ts';
import { streamedMetadata } from '../../../src/http/streamed-metadata.ts';

function metadataOf(query: string, params: Record<string, string>, body?: string): Record<string, unknown> {
  const exchange = {
    request: { rawHeaders: ['Accept', '*/*'] } as unknown as IncomingMessage,
    url: new URL(`http://host.test/api/a${query}`),
    params,
  } as unknown as RoutedExchange;
  return streamedMetadata(exchange, body === undefined ? undefined : Buffer.from(body));
}

/** Without what every request has. */
function fieldsOf(...given: Parameters<typeof metadataOf>): Record<string, unknown> {
  const { Query: _query, Headers: _headers, ...fields } = metadataOf(...given);
  return fields;
}

it('has the query with the key, and the headers, as JSON', () => {
  expect(metadataOf('?a=1&code=secret', {})).toEqual({
    a: { string: '1' },
    Query: { json: '{"a":"1","code":"secret"}' },
    Headers: { json: '{"accept":"*/*"}' },
  });
});

it('prefers route values to the query, and the query to the body, without regard to case', () => {
  expect(fieldsOf('?B=query&c=query', { C: 'route' }, '{"a":"body","b":"body","c":"body"}')).toEqual({
    a: { string: 'body' },
    b: { string: 'query' },
    c: { string: 'route' },
  });
});

it('leaves out the key of the query', () => {
  expect(fieldsOf('?code=secret&CODE=secret&codes=kept', {})).toEqual({ codes: { string: 'kept' } });
});

it('writes the values of a body as .NET does, and leaves out null and lists', () => {
  const body = JSON.stringify({
    text: 'a',
    yes: true,
    no: false,
    number: 1.5,
    object: { b: 1 },
    list: [1],
    nothing: null,
  });
  expect(fieldsOf('', {}, `  ${body}\n`)).toEqual({
    text: { string: 'a' },
    yes: { string: 'True' },
    no: { string: 'False' },
    number: { string: '1.5' },
    object: { json: '{"b":1}' },
  });
});

it.each(['', '[{"a":1}]', '{"a":', '"a"', 'null'])('finds no fields in the body %s', (body) => {
  expect(fieldsOf('', {}, body)).toEqual({});
});
