import { X509Certificate } from 'node:crypto';
import { expect, it } from 'vitest';
import { createCertificate } from '../../../../../src/lib/tokens/credential/client-certificate.ts';
import { startMs } from './certificate-fixture.ts';

it('a new certificate has a key of 3,072 bits, its name and its period, and is for clients that sign', async () => {
  const notAfterMs = startMs + 86_400_000;
  const created = await createCertificate({ commonName: 'partner', notBeforeMs: startMs, notAfterMs });
  const certificate = new X509Certificate(created.certificate);
  expect(certificate.subject).toBe('CN=partner');
  expect([certificate.validFromDate.getTime(), certificate.validToDate.getTime()]).toEqual([startMs, notAfterMs]);
  expect(certificate.publicKey.asymmetricKeyType).toBe('rsa');
  expect(certificate.publicKey.asymmetricKeyDetails?.modulusLength).toBe(3072);
  expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
  expect(created.privateKey).toMatch(/^-----BEGIN PRIVATE KEY-----/);
  // id-ce-keyUsage, critical, with digitalSignature only.
  expect(certificate.raw.toString('hex')).toMatch(/0603551d0f0101ff0404030207?[0-9a-f]?80/);
});
