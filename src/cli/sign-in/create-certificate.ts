import { generate } from 'selfsigned';
import type { CreateCertificate } from '../../lib/setup/client-certificate.ts';

/** A self-signed RSA certificate: Entra takes no elliptic curves for client assertions. */
export const createCertificate: CreateCertificate = async (commonName, notAfterMs) => {
  const made = await generate([{ name: 'commonName', value: commonName }], {
    keyType: 'rsa',
    keySize: 3072,
    algorithm: 'sha256',
    notAfterDate: new Date(notAfterMs),
    extensions: [
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', clientAuth: true },
    ],
  });
  return { certificate: made.cert, privateKey: made.private };
};
