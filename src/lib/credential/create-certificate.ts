import type { CreateCertificate } from './client-certificate.ts';

/**
 * A self-signed RSA certificate: Entra takes no elliptic curves for client assertions. The library is loaded with the
 * first certificate, which is once a year: nothing of it may slow the start.
 */
export const createCertificate: CreateCertificate = async ({ commonName, notBeforeMs, notAfterMs }) => {
  // CommonJS: in a bundle it has no other export than the default.
  const { default: selfsigned } = await import('selfsigned');
  const made = await selfsigned.generate([{ name: 'commonName', value: commonName }], {
    keyType: 'rsa',
    keySize: 3072,
    algorithm: 'sha256',
    notBeforeDate: new Date(notBeforeMs),
    notAfterDate: new Date(notAfterMs),
    extensions: [
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', clientAuth: true },
    ],
  });
  return { certificate: made.cert, privateKey: made.private };
};
