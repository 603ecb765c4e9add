import { describe, expect, it } from 'vitest';
import type { BrokerError } from '../../../../src/lib/core/errors.ts';
import { isObject, objectOf, textOf } from '../../../../src/lib/core/objects.ts';
import { failureOf, isTransientStatus, valueOf } from '../../../../src/lib/microsoft/reply.ts';

const nowMs = Date.UTC(2026, 10, 24);
const reply = (status: number, body: string, headers: Record<string, string> = {}) => ({
  status,
  headers: new Headers(headers),
  body,
});
const failed = (status: number, body: unknown = {}, wait?: number): BrokerError =>
  failureOf('Microsoft Graph', status, body, wait);
const graphError = (code: string, message = ''): object => ({ error: { code, message } });

describe('failureOf and isTransientStatus', () => {
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
  ])('map status %i to %s', (status, code) => {
    expect(failed(status).code).toBe(code);
  });

  it.each([429, 500, 502, 503, 504])('treat status %i as transient', (status) =>
    expect(isTransientStatus(status)).toBe(true),
  );
  it.each([200, 400, 403, 404, 501, 505])('treat status %i as permanent', (status) =>
    expect(isTransientStatus(status)).toBe(false),
  );

  it('take the delay of the peer, and one minute for a 429 without one', () => {
    expect(failed(429, {}, 7).retryAfterSeconds).toBe(7);
    expect(failed(429).retryAfterSeconds).toBe(60);
    expect(failed(503, {}, 9).retryAfterSeconds).toBe(9);
    expect(failed(503).retryAfterSeconds).toBeUndefined();
  });

  it('include the error code of the peer in the detail', () => {
    expect(failed(404, graphError('NotFound')).detail).toBe('Microsoft Graph refuses the request (404 NotFound).');
    expect(failed(404).detail).toBe('Microsoft Graph refuses the request (404).');
    expect(failed(403, graphError('Denied')).detail).toBe('Microsoft Graph refuses access (403 Denied).');
    expect(failed(503, graphError('Busy')).detail).toBe('Microsoft Graph answers 503 Busy.');
    expect(failed(429).detail).toBe('Microsoft Graph throttles the requests for this tenant.');
    expect(failed(302).detail).toBe('Microsoft Graph answers with an unexpected status (302).');
  });

  it('log the code and the message of the peer, truncated', () => {
    expect(failed(400, graphError('c '.repeat(100), 'm '.repeat(250))).logFields).toEqual({
      peer: 'Microsoft Graph',
      status: 400,
      resourceCode: 'c '.repeat(50),
      resourceMessage: 'm '.repeat(150),
    });
    expect(failed(400).logFields).toMatchObject({ resourceCode: undefined, resourceMessage: undefined });
    expect(failed(401, { code: 900420, description: 'MFA' }).logFields).toMatchObject({
      resourceCode: '900420',
      resourceMessage: 'MFA',
    });
  });
});

it('failureOf scrubs code and message before it cuts them', () => {
  const secret = `0.A${'s'.repeat(500)}`;
  const { logFields } = failed(400, {
    error: { code: `c ${'x'.repeat(70)} ${secret}`, message: `${'x'.repeat(270)} ${secret}` },
  });
  expect(JSON.stringify(logFields)).not.toContain('sss');
});

describe('failureOf for a missing licence', () => {
  it.each([
    ['Authentication_RequestFromNonPremiumTenantOrB2CTenant', ''],
    ['BadRequest', 'This is not applicable to target tenant'],
    ['Forbidden', 'The tenant does not have an Intune licence'],
    ['Forbidden', 'The user does not have a Premium license'],
    ['Forbidden', 'tenant is not premium'],
    ['Forbidden', 'Tenant is not licensed for this feature'],
    ['AadPremiumLicenseRequired', ''],
  ])('recognizes %s "%s" with status 400 and 403 only', (code, message) => {
    expect(failed(403, graphError(code, message))).toMatchObject({
      code: 'resource_unavailable',
      detail: `Microsoft Graph reports that the tenant has no licence for this (403 ${code}).`,
    });
    expect(failed(400, graphError(code, message)).code).toBe('resource_unavailable');
    expect(failed(404, graphError(code, message)).code).toBe('job_failed');
  });

  it('does not take any other refusal for a missing licence', () => {
    expect(failed(403, graphError('Authorization_RequestDenied', 'Insufficient privileges')).code).toBe(
      'access_denied',
    );
  });
});

describe('valueOf', () => {
  const value = (status: number, body: string, headers?: Record<string, string>) =>
    valueOf('Partner Center', reply(status, body, headers), nowMs);

  it('parses JSON with or without a byte order mark, and returns undefined for a 204', async () => {
    expect(await value(200, '\uFEFF{"a":1}')).toEqual({ a: 1 });
    expect(await value(299, '[1]')).toEqual([1]);
    expect(await value(204, 'ignored')).toBeUndefined();
    await expect(value(200, '{}\uFEFF')).rejects.toThrow('not JSON');
  });

  it('throws for a body that is not JSON, and describes it for the log', async () => {
    await expect(value(200, '<html>', { 'content-type': 'text/html' })).rejects.toThrow(
      expect.objectContaining({
        code: 'resource_error',
        detail: 'Partner Center sends a reply that is not JSON.',
        logFields: { peer: 'Partner Center', status: 200, contentType: 'text/html', bytes: 6 },
      }),
    );
    await expect(value(200, '')).rejects.toThrow(
      expect.objectContaining({ logFields: expect.objectContaining({ contentType: undefined }) as object }),
    );
  });

  it('says that a reply holds too much to be read', async () => {
    const members = Array.from({ length: 20_000 }, (_, at) => `"name${at}":1`).join(',');
    await expect(value(200, `{${members}}`)).rejects.toThrow(
      'Partner Center sends a reply that cannot be read: an object has too many members.',
    );
  });

  it('throws for a status outside of 200 to 299', async () => {
    await expect(value(199, '{}')).rejects.toThrow(expect.objectContaining({ code: 'resource_error' }));
    await expect(value(300, '{}')).rejects.toThrow(expect.objectContaining({ code: 'resource_error' }));
    await expect(value(429, 'slow', { 'retry-after': '3' })).rejects.toThrow(
      expect.objectContaining({ retryAfterSeconds: 3 }),
    );
  });
});

describe('isObject, textOf and objectOf', () => {
  it('accept only objects as objects', () => {
    for (const other of [null, undefined, [], 'text', 3, true]) expect(isObject(other)).toBe(false);
    expect(isObject({})).toBe(true);
  });

  it('return only texts and objects', () => {
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
