import { describe, expect, it } from 'vitest';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import {
  application,
  changed,
  day,
  nowMs,
  partnerTenantId,
  plan,
  stored,
  texts,
} from '../../operator/setup/plan-bench.ts';

describe('planSteps of the client credential', () => {
  const certificate = {
    ...stored,
    credential: { kind: 'certificate', privateKey: new Secret('k'), certificate: 'c', thumbprintSha256: 't' },
    keyId: 'certificate',
  } as const;

  it.each([
    ['is missing', undefined],
    ['is for another application', { ...stored, clientId: 'another' }],
    ['is of another kind', certificate],
    ['expires within a month', { ...stored, endsAtMs: nowMs + 30 * day }],
    ['is unknown to Entra', { ...stored, keyId: 'gone' }],
  ])('creates a new one when the stored one %s', (_, found) => {
    expect(texts({ stored: found })).toEqual(['Create a client secret and store it in Key Vault']);
  });

  it('keeps one that Entra lists among others', () => {
    const others = { keyId: 'another', displayName: 'theirs', startsAtMs: 0 };
    expect(changed({ secrets: [others, ...application.secrets] })).toEqual([]);
    expect(
      plan(
        {
          stored: certificate,
          application: { ...application, keyCredentials: [{ keyId: 'x' }, { keyId: 'certificate' }] },
        },
        { credential: 'certificate' },
      ),
    ).toEqual([]);
  });

  it('keeps one that expires in more than 30 days or never', () => {
    expect(plan({ stored: { ...stored, endsAtMs: nowMs + 31 * day } })).toEqual([]);
    const { endsAtMs: _, ...endless } = stored;
    expect(plan({ stored: endless })).toEqual([]);
  });

  it('keeps a certificate while Entra lists its key', () => {
    expect(plan({ stored: certificate }, { credential: 'certificate' })).toEqual([]);
    const create = expect.stringMatching(/^Create a certificate/) as string;
    expect(texts({ stored: { ...certificate, keyId: 'gone' } }, { credential: 'certificate' })).toEqual([create]);
    expect(texts({ application: undefined, stored: undefined }, { credential: 'certificate' })).toContainEqual(create);
  });

  describe('of kind federated', () => {
    const trust = {
      id: 'trust',
      name: 'partner-token-broker-1',
      issuer: `https://login.test/${partnerTenantId}/v2.0`,
      subject: 'identity',
      audiences: ['api://audience'],
    };
    const federated = { ...stored, credential: { kind: 'federated' } } as const;

    const trusting = 'Trust the managed identity identity instead of a secret';

    it('adds the trust and stores the kind once', () => {
      expect(texts({}, { credential: 'federated' })).toEqual([
        trusting,
        'Use the managed identity as the client credential, once Entra accepts it',
      ]);
      expect(plan({ stored: federated, federatedTrusts: [trust] }, { credential: 'federated' })).toEqual([]);
    });

    it.each([
      ['issuer', { ...trust, issuer: 'https://login.other' }],
      ['subject', { ...trust, subject: 'another identity' }],
      ['audience', { ...trust, audiences: ['api://other'] }],
    ])('adds a trust when the existing one has another %s', (_, other) => {
      expect(texts({ stored: federated, federatedTrusts: [other] }, { credential: 'federated' })).toEqual([trusting]);
    });

    it('throws without a managed identity', () => {
      expect(() => plan({}, { credential: 'federated', managedIdentityObjectId: undefined })).toThrow(
        /MANAGED_IDENTITY_CLIENT_ID/,
      );
    });
  });
});
