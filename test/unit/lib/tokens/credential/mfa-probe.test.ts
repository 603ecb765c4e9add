import { expect, it } from 'vitest';
import { probeMfa } from '../../../../../src/lib/tokens/credential/keep-alive.ts';
import { Secret } from '../../../../../src/lib/core/secrets.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { scriptedFetch } from '../../../../fakes/scripted-fetch.ts';

function probe(status: number, headers: Record<string, string>, body = '{}') {
  const { fetch, seen } = scriptedFetch(() => new Response(body, { status, headers }));
  const deps = { fetch, clock: new FakeClock(), partnerCenterEndpoint: 'https://partner.test' };
  return { result: probeMfa(deps, new Secret('token')), seen };
}

it('asks Partner Center to validate MFA and returns its answer', async () => {
  const yes = probe(200, { isMfaCompliant: 'True' });
  expect(await yes.result).toBe(true);
  const [request] = yes.seen;
  expect(request?.headers.get('validatemfa')).toBe('true');
  expect(request?.headers.get('authorization')).toBe('Bearer token');
  expect([request?.method, request?.url.href]).toEqual(['GET', 'https://partner.test/v1/customers?size=1']);
  expect(await probe(200, { isMfaCompliant: 'false' }).result).toBe(false);
});

it('returns false when Partner Center refuses the token for missing MFA', async () => {
  expect(await probe(401, {}, '{"code":900421,"description":"MFA is required."}').result).toBe(false);
});

it('returns undefined when Partner Center does not report MFA', async () => {
  expect(await probe(200, {}).result).toBeUndefined();
  expect(await probe(403, {}, '{"code":900308}').result).toBeUndefined();
  expect(await probe(401, {}, '{"code":900308}').result).toBeUndefined();
  expect(await probe(403, {}, '{"code":900421}').result).toBeUndefined();
});

it('throws resource_error when Partner Center is unreachable', async () => {
  const { fetch } = scriptedFetch(() => {
    throw new TypeError('fetch failed');
  });
  const deps = { fetch, clock: new FakeClock(), partnerCenterEndpoint: 'https://partner.test' };
  await expect(probeMfa(deps, new Secret('token'))).rejects.toMatchObject({
    code: 'resource_error',
    detail: 'Partner Center could not be reached.',
  });
});

it.each([429, 500, 503])('throws resource_error for status %i', async (status) => {
  await expect(probe(status, {}).result).rejects.toMatchObject({
    code: 'resource_error',
    detail: `Partner Center answered HTTP ${status}.`,
  });
});
