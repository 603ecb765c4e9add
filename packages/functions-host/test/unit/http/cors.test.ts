import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { applyCors } from '../../../src/http/cors.ts';

function answer(origins: readonly string[], credentials: boolean, origin: string | undefined, method = 'GET') {
  const headers: Record<string, string> = {};
  const preflight = method === 'OPTIONS' ? { 'access-control-request-method': 'PUT' } : {};
  const request = { method, headers: { ...(origin === undefined ? {} : { origin }), ...preflight } };
  const response = { setHeader: (name: string, value: string) => void (headers[name] = value) };
  const isPreflight = applyCors(
    { origins, credentials },
    request as unknown as IncomingMessage,
    response as unknown as ServerResponse,
  );
  return { isPreflight, headers };
}

describe('applyCors', () => {
  it('names the origin, and says that the answer depends on it', () => {
    expect(answer(['https://page.test'], false, 'https://PAGE.test')).toEqual({
      isPreflight: false,
      headers: { 'access-control-allow-origin': 'https://PAGE.test', vary: 'Origin' },
    });
  });

  it('answers every origin alike with *, except with credentials', () => {
    expect(answer(['*'], false, 'https://page.test').headers).toEqual({ 'access-control-allow-origin': '*' });
    expect(answer(['*'], true, 'https://page.test').headers).toEqual({
      'access-control-allow-origin': 'https://page.test',
      'access-control-allow-credentials': 'true',
      vary: 'Origin',
    });
  });

  it('adds no header for another origin or without one', () => {
    expect(answer(['https://page.test'], true, 'https://other.test').headers).toEqual({});
    expect(answer(['https://page.test'], true, undefined)).toEqual({ isPreflight: false, headers: {} });
  });

  it('answers a preflight request with the method', () => {
    expect(answer(['https://page.test'], false, 'https://page.test', 'OPTIONS')).toMatchObject({
      isPreflight: true,
      headers: { 'access-control-allow-methods': 'PUT' },
    });
  });
});
