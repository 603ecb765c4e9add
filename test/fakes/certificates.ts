import { createPublicKey } from 'node:crypto';
import selfsigned from 'selfsigned';
import { type CreateCertificate, createCertificate } from '../../src/lib/tokens/credential/client-certificate.ts';

/** Key pairs in turn, so that a certificate never has the key of the one before it. */
const keyPairs = 3;

/**
 * Creates certificates like the product. After a few it uses their keys again, because a key of 3,072 bits takes a fifth
 * of a second of processor time. Each certificate is a new one, with a thumbprint of its own.
 */
export function certificatesWithSharedKeys(): CreateCertificate {
  const keys: string[] = [];
  let created = 0;
  return async (options) => {
    created += 1;
    const privateKey = keys[created % keyPairs];
    if (privateKey === undefined) {
      const first = await createCertificate(options);
      keys[created % keyPairs] = first.privateKey;
      return first;
    }
    const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' });
    const { cert } = await selfsigned.generate([{ name: 'commonName', value: options.commonName }], {
      keyType: 'rsa',
      algorithm: 'sha256',
      keyPair: { privateKey, publicKey: String(publicKey) },
      notBeforeDate: new Date(options.notBeforeMs),
      notAfterDate: new Date(options.notAfterMs),
    });
    return { certificate: cert, privateKey };
  };
}
