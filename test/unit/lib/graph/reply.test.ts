import { describe, expect, it } from 'vitest';
import type { BrokerError } from '../../../../src/lib/model/errors.ts';
import {
  failureOf,
  isJsonObject,
  isTransientStatus,
  objectOf,
  textOf,
  valueOf,
} from '../../../../src/lib/graph/reply.ts';

const nowMs = Date.UTC(2026, 10, 24);
const reply = (status: number, body: string, headers: Record<string, string> = {}) => ({
  status,
  headers: new Headers(headers),
  body,
});
const failed = (status: number, body: unknown = {}, wait?: number): BrokerError =>
  failureOf('Microsoft Graph', status, body, wait);
const graphError = (code: string, message = ''): object => ({ error: { code, message } });

describe('what a status stands for', () => {
  it.each([
    [400, 'job_failed'],
    [404, 'job_failed'],
    [499, 'job_failed'],
    [401, 'access_denied'],
    [403, 'access_denied'],
    [429, 'throttled'],
    [500, 'resource_error'],
    [502, 'resource_error'],
    [503, 'resource_error'],
    [504, 'resource_error'],
    [501, 'resource_error'],
    [302, 'resource_error'],
  ])('%i is %s', (status, code) => {
    expect(failed(status).code).toBe(code);
  });

  it.each([429, 500, 502, 503, 504])('%i may pass', (status) => expect(isTransientStatus(status)).toBe(true));
  it.each([200, 400, 403, 404, 501, 505])('%i does not pass', (status) =>
    expect(isTransientStatus(status)).toBe(false),
  );

  it('waits as the peer says, a minute where it says nothing', () => {
    expect(failed(429, {}, 7).retryAfterSeconds).toBe(7);
    expect(failed(429).retryAfterSeconds).toBe(60);
    expect(failed(503, {}, 9).retryAfterSeconds).toBe(9);
    expect(failed(503).retryAfterSeconds).toBeUndefined();
  });

  it('is told with the code of the peer', () => {
    expect(failed(404, graphError('NotFound')).detail).toBe('Microsoft Graph refuses the request (404 NotFound).');
    expect(failed(404).detail).toBe('Microsoft Graph refuses the request (404).');
    expect(failed(403, graphError('Denied')).detail).toBe('Microsoft Graph refuses access (403 Denied).');
    expect(failed(503, graphError('Busy')).detail).toBe('Microsoft Graph answers 503 Busy.');
    expect(failed(429).detail).toBe('Microsoft Graph throttles the requests for this tenant.');
    expect(failed(302).detail).toBe('Microsoft Graph answers 302, which nobody expects.');
  });

  it('keeps the words of the peer for the log, cut to a length', () => {
    expect(failed(400, graphError('c'.repeat(200), 'm'.repeat(500))).logFields).toEqual({
      peer: 'Microsoft Graph',
      status: 400,
      resourceCode: 'c'.repeat(100),
      resourceMessage: 'm'.repeat(300),
    });
    expect(failed(400).logFields).toMatchObject({ resourceCode: undefined, resourceMessage: undefined });
    expect(failed(401, { code: 900420, description: 'MFA' }).logFields).toMatchObject({
      resourceCode: '900420',
      resourceMessage: 'MFA',
    });
  });
});

describe('a licence that is missing', () => {
  it.each([
    ['Authentication_RequestFromNonPremiumTenantOrB2CTenant', ''],
    ['BadRequest', 'This is not applicable to target tenant'],
    ['Forbidden', 'The tenant does not have an Intune licence'],
    ['Forbidden', 'The user does not have a Premium license'],
    ['Forbidden', 'tenant is not premium'],
    ['Forbidden', 'Tenant is not licensed for this feature'],
    ['AadPremiumLicenseRequired', ''],
  ])('shows as %s "%s", with 400 and 403 only', (code, message) => {
    expect(failed(403, graphError(code, message))).toMatchObject({
      code: 'resource_unavailable',
      detail: `Microsoft Graph answers that the tenant has no licence for this (403 ${code}).`,
    });
    expect(failed(400, graphError(code, message)).code).toBe('resource_unavailable');
    expect(failed(404, graphError(code, message)).code).toBe('job_failed');
  });

  it('is no guess from any refusal', () => {
    expect(failed(403, graphError('Authorization_RequestDenied', 'Insufficient privileges')).code).toBe(
      'access_denied',
    );
  });
});

describe('the value of a reply', () => {
  const value = (status: number, body: string, headers?: Record<string, string>) =>
    valueOf('Partner Center', reply(status, body, headers), nowMs);

  it('is its JSON, a byte order mark before it or not; nothing with 204', () => {
    expect(value(200, '\uFEFF{"a":1}')).toEqual({ a: 1 });
    expect(value(299, '[1]')).toEqual([1]);
    expect(value(204, 'ignored')).toBeUndefined();
    expect(() => value(200, '{}\uFEFF')).toThrow('not JSON');
  });

  it('is none where it is no JSON, which the log describes', () => {
    expect(() => value(200, '<html>', { 'content-type': 'text/html' })).toThrow(
      expect.objectContaining({
        code: 'resource_error',
        detail: 'Partner Center sends a reply that is not JSON.',
        logFields: { peer: 'Partner Center', status: 200, contentType: 'text/html', bytes: 6 },
      }),
    );
    expect(() => value(200, '')).toThrow(
      expect.objectContaining({ logFields: expect.objectContaining({ contentType: undefined }) as object }),
    );
  });

  it('is a failure outside of 200 to 299', () => {
    expect(() => value(199, '{}')).toThrow(expect.objectContaining({ code: 'resource_error' }));
    expect(() => value(300, '{}')).toThrow(expect.objectContaining({ code: 'resource_error' }));
    expect(() => value(429, 'slow', { 'retry-after': '3' })).toThrow(expect.objectContaining({ retryAfterSeconds: 3 }));
  });
});

describe('reading JSON', () => {
  it('takes nothing for an object that is none', () => {
    for (const none of [null, undefined, [], 'text', 3, true]) expect(isJsonObject(none)).toBe(false);
    expect(isJsonObject({})).toBe(true);
  });

  it('gives texts and objects only', () => {
    const object = { text: 'a', number: 1, inner: { b: 2 }, list: [] };
    expect([textOf(object, 'text'), textOf(object, 'number'), textOf(undefined, 'text')]).toEqual([
      'a',
      undefined,
      undefined,
    ]);
    expect([objectOf(object, 'inner'), objectOf(object, 'list'), objectOf(undefined, 'x')]).toEqual([
      { b: 2 },
      undefined,
      undefined,
    ]);
  });
});
