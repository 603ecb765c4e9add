import { X509Certificate } from 'node:crypto';
import { BrokerError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import type { ClientCredential } from '../../core/secrets.ts';

// Base64 contains no hyphen (RFC 7468 section 3).
const keyPattern = /-----BEGIN (?:RSA |EC |)PRIVATE KEY-----[^-]+-----END (?:RSA |EC |)PRIVATE KEY-----/;
const certificatePattern = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * Parses a certificate and its private key from one PEM text, the format of Key Vault for `application/x-pem-file`.
 * @throws BrokerError client_credential_rejected if the key or the certificate is missing or broken. The error contains nothing
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
  const thumbprintSha256 = parseLeaf(leaf).fingerprint256.replaceAll(':', '').toLowerCase();
  return {
    kind: 'certificate',
    privateKey: new Secret(privateKey),
    certificate: certificates.join('\n'),
    thumbprintSha256,
  };
}

function parseLeaf(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    // The error of the parser may contain a part of the text.
    throw new BrokerError('client_credential_rejected', 'The stored certificate cannot be parsed.');
  }
}

/** When a certificate expires, by its own date; undefined for any other kind of client credential. */
export const certificateEndMs = (credential: ClientCredential): number | undefined =>
  credential.kind === 'certificate' ? new X509Certificate(credential.certificate).validToDate.getTime() : undefined;
