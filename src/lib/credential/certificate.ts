import { X509Certificate } from 'node:crypto';
import { BrokerError } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';
import type { ClientCredential } from '../model/credential.ts';

// Base64 contains no hyphen (RFC 7468 section 3).
const keyPattern = /-----BEGIN (?:RSA |EC |)PRIVATE KEY-----[^-]+-----END (?:RSA |EC |)PRIVATE KEY-----/;
const certificatePattern = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * Parses a certificate and its private key from one PEM text, the format of Key Vault for `application/x-pem-file`.
 * @throws BrokerError client_credential_rejected if the key or the certificate is missing. The error contains nothing
 * of the text.
 */
export function parseCertificate(pem: string): Extract<ClientCredential, { kind: 'certificate' }> {
  const privateKey = keyPattern.exec(pem)?.[0];
  const certificates = pem.match(certificatePattern);
  const leaf = certificates?.[0];
  if (privateKey === undefined || leaf === undefined || certificates === null) {
    throw new BrokerError(
      'client_credential_rejected',
      `The stored certificate has no ${privateKey === undefined ? 'private key' : 'certificate'} in PEM form.`,
    );
  }
  const thumbprintSha256 = new X509Certificate(leaf).fingerprint256.replaceAll(':', '').toLowerCase();
  return {
    kind: 'certificate',
    privateKey: new Secret(privateKey),
    certificate: certificates.join('\n'),
    thumbprintSha256,
  };
}
