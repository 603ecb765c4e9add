import { BrokerError } from '../errors.ts';
import type { ClientCredential } from '../credential/credential.ts';
import { parseCertificate } from '../credential/certificate.ts';
import { type JsonObject } from '../graph/reply.ts';
import type { GraphWriter } from '../graph/write.ts';

/** A certificate lives longer than a secret: its key never travels, only signatures do. */
export const certificateLifeMs = 365 * 86_400_000;

/** Makes a self-signed RSA certificate; both halves in PEM. */
export type CreateCertificate = (
  commonName: string,
  notAfterMs: number,
) => Promise<{ readonly certificate: string; readonly privateKey: string }>;

export interface RegisteredCertificate {
  readonly credential: Extract<ClientCredential, { kind: 'certificate' }>;
  readonly keyId: string;
  readonly endsAtMs: number;
}

export interface CertificateDeps {
  readonly writer: GraphWriter;
  readonly createCertificate: CreateCertificate;
  readonly newId: () => string;
}

/**
 * Makes a certificate and registers it with the application, beside those it has: the list is only ever replaced as a
 * whole, and entries that are sent back without their key stay as they are ("Update application", keyCredentials).
 */
export async function registerCertificate(
  deps: CertificateDeps,
  applicationPath: string,
  commonName: string,
  present: readonly JsonObject[],
  nowMs: number,
): Promise<RegisteredCertificate> {
  const endsAtMs = nowMs + certificateLifeMs;
  const made = await deps.createCertificate(commonName, endsAtMs);
  const credential = parseCertificate(`${made.privateKey}\n${made.certificate}`);
  const keyId = deps.newId();
  const entry = {
    keyId,
    displayName: `CN=${commonName}`,
    type: 'AsymmetricX509Cert',
    usage: 'Verify',
    key: derOf(credential.certificate),
    endDateTime: new Date(endsAtMs).toISOString(),
  };
  await deps.writer.patch(applicationPath, { keyCredentials: [...present.map(withoutKey), entry] });
  return { credential, keyId, endsAtMs };
}

/** Puts the list back as it was before {@link registerCertificate}. */
export async function unregisterCertificate(
  writer: GraphWriter,
  applicationPath: string,
  present: readonly JsonObject[],
): Promise<void> {
  await writer.patch(applicationPath, { keyCredentials: present.map(withoutKey) });
}

const withoutKey = (entry: JsonObject): JsonObject => ({ ...entry, key: null });

/** The base64 inside a PEM certificate: its DER. */
function derOf(pem: string): string {
  const body = /-----BEGIN CERTIFICATE-----([\s\S]+?)-----END CERTIFICATE-----/.exec(pem)?.[1];
  if (body === undefined) throw new BrokerError('client_credential_rejected', 'The certificate is not in PEM form.');
  return body.replaceAll(/\s+/g, '');
}
