import { describe, expect, it } from 'vitest';
import { identityTrust } from '../../../../src/lib/tokens/credential/identity-trust.ts';
import { unknownKeyNotes } from '../../../../src/operator/setup/setup.ts';
import { application, done, nowMs, options } from './plan-bench.ts';

describe('unknownKeyNotes', () => {
  const { issuer, subject, audience } = identityTrust(options, 'identity');
  const trust = { id: 'trust', name: 'partner-token-broker-0123', issuer, subject, audiences: [audience] };
  const notes = (more: object, managedIdentityObjectId: string | undefined = subject) =>
    unknownKeyNotes(
      {
        ...done,
        application: { ...application, secrets: [], keyCredentials: [] },
        federatedTrusts: [{ ...trust, ...more }],
      },
      { ...options, managedIdentityObjectId },
      nowMs,
    );

  it('knows the trust that setup itself creates', () => {
    expect(notes({})).toEqual([]);
  });

  it('names a key of the service principal', () => {
    const state = { ...done, application: { ...application, secrets: [], keyCredentials: [] }, federatedTrusts: [] };
    const principalKeys = { secrets: [{ keyId: 'key', displayName: 'partner-token-broker:ours' }], certificates: [] };
    expect(unknownKeyNotes({ ...state, principalKeys }, options, nowMs)).toEqual([
      expect.stringContaining('client secret of the service principal key ("partner-token-broker:ours")'),
    ]);
  });

  it.each([{ issuer: 'https://evil.test' }, { subject: 'another' }, { audiences: ['another'] }])(
    'names a trust that differs in %j',
    (more) => {
      expect(notes(more)).toEqual([expect.stringContaining('federated credential trust')]);
    },
  );
});
