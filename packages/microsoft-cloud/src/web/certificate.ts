import { randomBytes } from 'node:crypto';

export interface Certificates {
  /** PEM of the certificate authority that clients must trust. */
  readonly authority: string;
  /** PEM of the certificate for `localhost` and the loopback addresses. */
  readonly certificate: string;
  /** PEM of the certificate's private key. */
  readonly key: string;
}

const lifetimeMs = 30 * 24 * 3600 * 1000;

/**
 * Creates a certificate authority and a server certificate for one run. They are valid from an hour ago, so that clients
 * whose clock is slow accept them. Each authority has a name of its own, because a client that trusts several of them
 * finds the issuer of a certificate by name.
 */
export async function createCertificates(nowMs: number): Promise<Certificates> {
  // Takes longer to load than all services, so that it must not delay the creation of other keys.
  const { default: selfsigned } = await import('selfsigned');
  const validity = { notBeforeDate: new Date(nowMs - 3_600_000), notAfterDate: new Date(nowMs + lifetimeMs) };
  const name = `microsoft-cloud ${randomBytes(4).toString('hex')}`;
  const authority = await selfsigned.generate([{ name: 'commonName', value: name }], {
    ...validity,
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const leaf = await selfsigned.generate([{ name: 'commonName', value: 'localhost' }], {
    ...validity,
    keyType: 'ec',
    algorithm: 'sha256',
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
          { type: 7, ip: '::1' },
        ],
      },
    ],
  });
  // A file that other certificates are appended to needs the end of its last line.
  return { authority: `${authority.cert.trimEnd()}\n`, certificate: leaf.cert, key: leaf.private };
}
