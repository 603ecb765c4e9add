import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseCertificate } from '../../../../src/lib/credential/certificate.ts';
import { createCertificate } from '../../../../src/lib/credential/create-certificate.ts';

let made: { certificate: string; privateKey: string };
let issuer: string;
beforeAll(async () => {
  const validity = { notBeforeMs: Date.now(), notAfterMs: Date.now() + 86_400_000 };
  made = await createCertificate({ commonName: 'broker', ...validity });
  issuer = (await createCertificate({ commonName: 'issuer', ...validity })).certificate;
});

const thumbprint = (pem: string): string => new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase();

describe('a certificate out of one PEM text', () => {
  it('is read in whichever order key and certificate stand, with the chain behind the first', () => {
    for (const pem of [
      `${made.privateKey}\n${made.certificate}\n${issuer}`,
      `${made.certificate}\n${issuer}\n${made.privateKey}`,
    ]) {
      const parsed = parseCertificate(pem);
      expect(parsed.privateKey.reveal()).toBe(made.privateKey.trim());
      expect(parsed.certificate).toBe(`${made.certificate.trim()}\n${issuer.trim()}`);
      expect(parsed.thumbprintSha256).toBe(thumbprint(made.certificate));
      expect(parsed.thumbprintSha256).toMatch(/^[0-9a-f]{64}$/);
    }
  });

  it.each([
    ['private key', () => made.certificate],
    ['certificate', () => made.privateKey],
    ['private key', () => ''],
  ])('is refused without a %s, with none of the text', (half, pem) => {
    expect(() => parseCertificate(pem())).toThrow(
      expect.objectContaining({
        code: 'client_credential_rejected',
        detail: `The stored certificate has no ${half} in PEM form.`,
      }) as Error,
    );
  });
});
