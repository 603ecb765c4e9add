import type { CreateCertificate } from './client-certificate.ts';

/**
 * Creates a self-signed certificate with a 3072-bit RSA key: Entra accepts no elliptic curves for client assertions.
 * Loads the library at first use, about once a year, so that it does not slow down the start.
 */
export const createCertificate: CreateCertificate = async ({ commonName, notBeforeMs, notAfterMs }) => {
  // The library is CommonJS: in a bundle it has only the default export.
  const { default: selfsigned } = await import('selfsigned');
  const created = await selfsigned.generate([{ name: 'commonName', value: commonName }], {
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
  return { certificate: created.cert, privateKey: created.private };
};
