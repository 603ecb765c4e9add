import { describe, expect, it } from 'vitest';
import { X509Certificate } from 'node:crypto';
import { keyMark } from '../../../../../src/lib/tokens/credential/client-keys.ts';
import { identityTrust } from '../../../../../src/lib/tokens/credential/identity-trust.ts';
import { createCertificate } from '../../../../../src/lib/tokens/credential/client-certificate.ts';
import { parseCertificate } from '../../../../../src/lib/tokens/credential/stored-secret.ts';
import { describeKey, namesOf, unknownKeys } from '../../../../../src/lib/tokens/credential/registered-keys.ts';
import { Secret, type StoredClientCredential } from '../../../../../src/lib/core/secrets.ts';
import type { JsonObject } from '../../../../../src/lib/core/objects.ts';
import type { TenantId } from '../../../../../src/lib/core/identifiers.ts';

const partner = '99999999-9999-4999-8999-999999999999' as TenantId;
const nowMs = Date.UTC(2026, 10, 24);
const minutesAgo = (minutes: number): string => new Date(nowMs - minutes * 60_000).toISOString();
const version = { version: 'v1', createdAtMs: 0, enabled: true, keyId: 'in use', kind: 'secret' } as const;
const mark = keyMark('vault.example', 'default', [
  version,
  { ...version, keyId: 'certificate', kind: 'certificate' },
  { ...version, keyId: 'revoked', enabled: false },
  { ...version, keyId: 'staged', enabled: false, staged: true, createdAtMs: nowMs - 60_000 },
  { ...version, keyId: 'abandoned', enabled: false, staged: true, createdAtMs: nowMs - 61 * 60_000 },
]);
const stored: StoredClientCredential = {
  clientId: 'client',
  tenantId: partner,
  credential: { kind: 'secret', secret: new Secret('Abc~secret') },
  keyId: 'in use',
  version: 'v1',
};
const trust = identityTrust(
  { entraEndpoint: 'https://login.test', partnerTenantId: partner, federationAudience: 'api://AzureADTokenExchange' },
  'identity',
);
const unknown = (lists: Partial<Record<'secrets' | 'certificates' | 'trusts', JsonObject[]>>, credential = stored) =>
  unknownKeys({ secrets: [], certificates: [], trusts: [], ...lists }, { mark, stored: credential, trust }, nowMs);

describe('unknownKeys', () => {
  it('knows a key by the id of an enabled version, and the new key of a run that is about to store it', () => {
    const secrets = [
      { keyId: 'in use' },
      { keyId: 'staged' },
      { keyId: 'new', displayName: mark.name, startDateTime: minutesAgo(1) },
    ];
    expect(unknown({ secrets })).toEqual([]);
  });

  it('names a key that has the id of a disabled version', () => {
    const secrets = [{ keyId: 'revoked' }, { keyId: 'abandoned' }];
    expect(unknown({ secrets }).map(({ id }) => id)).toEqual(['revoked', 'abandoned']);
  });

  it('names a certificate that has the id of a stored client secret', () => {
    expect(unknown({ certificates: [{ keyId: 'in use' }] }).map(({ id }) => id)).toEqual(['in use']);
  });

  describe('for an id of this vault that somebody else chose for a key', () => {
    const certificate = async () => {
      const created = await createCertificate({ commonName: 'x', notBeforeMs: nowMs, notAfterMs: nowMs + 86_400_000 });
      const credential = parseCertificate(`${created.privateKey}\n${created.certificate}`);
      const { raw, fingerprint } = new X509Certificate(created.certificate);
      return { credential, key: raw.toString('base64'), sha1: fingerprint.replaceAll(':', '') };
    };

    it('compares the certificate itself, or its thumbprint if Entra does not show it', async () => {
      const [own, evil] = [await certificate(), await certificate()];
      const versions = [{ ...version, keyId: 'own', kind: 'certificate' as const }];
      const withValue = keyMark('vault.example', 'default', versions, new Map([['v1', own.credential]]));
      const found = (entry: JsonObject, used = withValue) =>
        unknownKeys(
          { secrets: [], certificates: [{ keyId: 'own', ...entry }], trusts: [] },
          { mark: used, stored: undefined, trust },
          nowMs,
        ).length;
      expect(found({ key: own.key })).toBe(0);
      expect(found({ key: null, customKeyIdentifier: own.sha1 })).toBe(0);
      expect(found({ customKeyIdentifier: evil.sha1 })).toBe(1);
      // Whoever adds a certificate also chooses this field.
      expect(found({ key: evil.key, customKeyIdentifier: own.sha1 })).toBe(1);
      expect(found({ key: 'AAAA', customKeyIdentifier: own.sha1 })).toBe(1);
      expect(found({ key: own.key }, keyMark('vault.example', 'default', versions))).toBe(1);
    });

    it('names every entry of an id that is listed twice, and a secret that begins otherwise', () => {
      expect(unknown({ secrets: [{ keyId: 'in use' }, { keyId: 'in use' }] })).toHaveLength(2);
      const values = new Map([['v1', stored.credential]]);
      const found = (hint: string) =>
        unknownKeys(
          { secrets: [{ keyId: 'in use', hint }], certificates: [], trusts: [] },
          { mark: { ...mark, values }, stored, trust },
          nowMs,
        ).length;
      expect([found('Abc'), found(''), found('Xyz')]).toEqual([0, 0, 1]);
    });

    it('names every key of the service principal', () => {
      const ofPrincipal = { secrets: [{ keyId: 'in use' }], certificates: [{ keyId: 'certificate' }] };
      const found = unknownKeys(
        { secrets: [{ keyId: 'in use' }], certificates: [], trusts: [], ofPrincipal },
        { mark, stored, trust },
        nowMs,
      );
      expect(namesOf(found)).toBe(
        'certificate of the service principal certificate, client secret of the service principal in use',
      );
    });
  });

  it('names every other key, whatever name it has', () => {
    const found = unknown({
      secrets: [
        { keyId: 'a', displayName: 'partner-token-broker:0123456789ab', startDateTime: minutesAgo(1) },
        { keyId: 'b', displayName: mark.name, startDateTime: minutesAgo(61) },
        { keyId: 'c', displayName: mark.name, startDateTime: minutesAgo(-5) },
      ],
      certificates: [{ keyId: 'd', displayName: 'CN=x' }],
      trusts: [{ id: 'e', name: 'github', issuer: 'https://token.actions.githubusercontent.com' }],
    });
    expect(found.map(({ id, isMarked }) => [id, isMarked])).toEqual([
      ['a', true],
      ['b', true],
      ['c', true],
      ['d', false],
      ['e', false],
    ]);
  });

  const { issuer, subject, audience } = trust;
  it.each([
    ['the identity of this broker', {}, 0],
    ['another issuer', { issuer: 'https://evil.test' }, 1],
    ['an issuer that contains the partner tenant', { issuer: `https://evil.test/${partner}/v2.0` }, 1],
    ['another subject of the same issuer', { subject: 'another' }, 1],
    ['no subject', { subject: undefined }, 1],
    ['another audience', { audiences: ['another'] }, 1],
    ['a second audience', { audiences: [audience, 'another'] }, 1],
    ['no audience', { audiences: undefined }, 1],
  ])('judges a trust in %s, whatever name it has', (_what, more, count) => {
    const listed = { id: 'id', name: 'partner-token-broker-0123', issuer, subject, audiences: [audience], ...more };
    expect(unknown({ trusts: [listed] })).toHaveLength(count);
    expect(unknown({ trusts: [{ ...listed, name: 'mine' }] })).toHaveLength(count);
  });

  it('compares what Entra shows of a value that was stored without the id of its key', async () => {
    const { keyId: _, ...byHand } = stored;
    const secrets = [
      { keyId: 'x', hint: 'Abc' },
      { keyId: 'y', hint: 'Xyz' },
    ];
    expect(unknown({ secrets }, byHand).map(({ id }) => id)).toEqual(['y']);
    const created = await createCertificate({ commonName: 'x', notBeforeMs: nowMs, notAfterMs: nowMs + 86_400_000 });
    const credential = parseCertificate(`${created.privateKey}\n${created.certificate}`);
    const sha1 = new X509Certificate(created.certificate).fingerprint.replaceAll(':', '');
    const certificates = [
      { keyId: 'hex', customKeyIdentifier: sha1 },
      { keyId: 'base64', customKeyIdentifier: Buffer.from(sha1, 'hex').toString('base64') },
      { keyId: 'other', customKeyIdentifier: 'AAAA' },
    ];
    expect(unknown({ certificates }, { ...byHand, credential }).map(({ id }) => id)).toEqual(['other']);
  });
});

it('namesOf sorts the keys, names at most twenty and shows control characters', () => {
  const keys = Array.from({ length: 22 }, (_, at) => ({
    kind: 'client secret' as const,
    id: `k${String(22 - at).padStart(2, '0')}`,
    name: '',
    isMarked: false,
  }));
  expect(namesOf(keys)).toMatch(/^client secret k01, .*client secret k20, and 2 more$/);
  expect(namesOf(keys.slice(2))).not.toContain('more');
  expect(describeKey({ id: 'id', name: '\u001b[31mred\u0000' })).toBe(String.raw`id ("\u001b[31mred\u0000")`);
});
