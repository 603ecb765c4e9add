import { randomBytes } from 'node:crypto';
import { generate } from 'selfsigned';

export interface Certificates {
  /** PEM of the authority that clients are told to trust. */
  readonly authority: string;
  /** PEM of the certificate and key that the listeners present, for `localhost` and the loopback addresses. */
  readonly certificate: string;
  readonly key: string;
}

const lifetimeMs = 30 * 24 * 3600 * 1000;

/**
 * An authority and a leaf made for one run: nothing to install, nothing to leave behind. The validity begins an hour
 * ago, so that a client whose clock is a little late accepts it. The authority's name is its own: a client that trusts
 * two of them finds the issuer of a leaf by name.
 */
export async function createCertificates(nowMs: number): Promise<Certificates> {
  const validity = { notBeforeDate: new Date(nowMs - 3_600_000), notAfterDate: new Date(nowMs + lifetimeMs) };
  const name = `Partner Token Broker local cloud ${randomBytes(4).toString('hex')}`;
  const authority = await generate([{ name: 'commonName', value: name }], {
    ...validity,
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const leaf = await generate([{ name: 'commonName', value: 'localhost' }], {
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
  return { authority: authority.cert, certificate: leaf.cert, key: leaf.private };
}
