import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseCertificate } from '../../../../../src/lib/tokens/credential/stored-secret.ts';
import { createCertificate } from '../../../../../src/lib/tokens/credential/client-certificate.ts';

let created: { certificate: string; privateKey: string };
let issuer: string;
beforeAll(async () => {
  const validity = { notBeforeMs: Date.now(), notAfterMs: Date.now() + 86_400_000 };
  created = await createCertificate({ commonName: 'broker', ...validity });
  issuer = (await createCertificate({ commonName: 'issuer', ...validity })).certificate;
});

const thumbprint = (pem: string): string => new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase();

describe('parseCertificate', () => {
  it('accepts the key before or after the certificates, and keeps the chain', () => {
    for (const pem of [
      `${created.privateKey}\n${created.certificate}\n${issuer}`,
      `${created.certificate}\n${issuer}\n${created.privateKey}`,
    ]) {
      const parsed = parseCertificate(pem);
      expect(parsed.privateKey.reveal()).toBe(created.privateKey.trim());
      expect(parsed.certificate).toBe(`${created.certificate.trim()}\n${issuer.trim()}`);
      expect(parsed.thumbprintSha256).toBe(thumbprint(created.certificate));
      expect(parsed.thumbprintSha256).toMatch(/^[0-9a-f]{64}$/);
    }
  });

  it.each(['AA==', 'no base64!', 'TUlJ'])('rejects a certificate whose text is %j, without quoting it', (text) => {
    const pem = `${created.privateKey}\n-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----`;
    expect(() => parseCertificate(pem)).toThrow(
      expect.objectContaining({
        code: 'client_credential_rejected',
        detail: 'The stored certificate cannot be parsed.',
      }) as Error,
    );
  });

  it.each([
    ['private key', () => created.certificate],
    ['certificate', () => created.privateKey],
    ['private key', () => ''],
  ])('rejects a text without a %s and does not quote it', (missing, pem) => {
    expect(() => parseCertificate(pem())).toThrow(
      expect.objectContaining({
        code: 'client_credential_rejected',
        detail: `The stored certificate has no ${missing} in PEM form.`,
      }) as Error,
    );
  });
});
