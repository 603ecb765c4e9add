import { expect, it } from 'vitest';
import { identityTrust, isTrustIn, trustOfAssertion } from '../../../../../src/lib/tokens/credential/identity-trust.ts';
import type { TenantId } from '../../../../../src/lib/core/identifiers.ts';

const options = {
  entraEndpoint: 'https://login.test',
  partnerTenantId: '99999999-9999-4999-8999-999999999999' as TenantId,
  federationAudience: 'api://AzureADTokenExchange',
};
const expected = {
  issuer: 'https://login.test/99999999-9999-4999-8999-999999999999/v2.0',
  subject: 'identity',
  audience: 'api://AzureADTokenExchange',
};
const assertion = (claims: object): string =>
  ['{}', JSON.stringify(claims), 'x'].map((part) => Buffer.from(part).toString('base64url')).join('.');

it('the trust in a managed identity is named by its tenant, its object and the audience of the cloud', () => {
  expect(identityTrust(options, 'identity')).toEqual(expected);
  expect(trustOfAssertion(options, assertion({ oid: 'identity', sub: 'other' }))).toEqual(expected);
});

it.each(['', 'opaque', assertion({ sub: 'identity' })])(
  'an assertion without an object needs no known trust: %s',
  (text) => {
    expect(trustOfAssertion(options, text)).toBeUndefined();
  },
);

it.each([
  ['the same', {}, true],
  ['another issuer', { issuer: 'https://evil.example' }, false],
  ['another subject', { subject: 'other' }, false],
  ['another audience', { audiences: ['other'] }, false],
  ['no audience', { audiences: [] }, false],
  ['a second audience', { audiences: [expected.audience, 'other'] }, false],
])('a listed federated credential with %s is the expected one: %s', (_, change, isExpected) => {
  const { audience, ...rest } = expected;
  const listed = { ...rest, audiences: [audience], ...change };
  expect(isTrustIn(expected, listed)).toBe(isExpected);
  expect(isTrustIn(undefined, listed)).toBe(false);
});
