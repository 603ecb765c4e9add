import { X509Certificate } from 'node:crypto';
import { type Clock, dayMs } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import { type ClientCredential, clientCredentialName, type StoredClientCredential } from '../../core/secrets.ts';
import type { GraphClient, GraphWriter } from '../../microsoft/graph.ts';
import { isObject, type JsonObject, textOf } from '../../core/objects.ts';
import { parseCertificate } from './stored-secret.ts';

/** A certificate lives longer than a secret, because its private key is never sent to Entra. */
const certificateLifeMs = 365 * dayMs;

/** Creates a self-signed RSA certificate for the given period. Returns certificate and private key in PEM form. */
export type CreateCertificate = (subject: {
  readonly commonName: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}) => Promise<{ readonly certificate: string; readonly privateKey: string }>;

export interface CertificateDeps {
  /** Microsoft Graph with permission to change the application. */
  readonly graph: Pick<GraphClient, 'get'>;
  readonly writer: GraphWriter;
  readonly createCertificate: CreateCertificate;
  readonly newId: () => string;
  readonly clock: Clock;
}

type Certificate = Extract<ClientCredential, { kind: 'certificate' }>;

interface RegisteredCertificate {
  readonly credential: Certificate;
  readonly keyId: string;
  readonly endsAtMs: number;
}

/**
 * Creates a certificate, valid for 365 days, and adds it to the application. Existing certificates stay.
 * @param applicationPath `/applications/{objectId}` or `/applications(appId='…')`.
 * @param name display name of the certificate in Entra.
 * @throws BrokerError from Graph.
 */
export async function registerCertificate(
  deps: CertificateDeps,
  applicationPath: string,
  name: string,
): Promise<RegisteredCertificate> {
  const notBeforeMs = deps.clock.nowMs();
  const notAfterMs = notBeforeMs + certificateLifeMs;
  const created = await deps.createCertificate({ commonName: clientCredentialName, notBeforeMs, notAfterMs });
  const credential = parseCertificate(`${created.privateKey}\n${created.certificate}`);
  const keyId = deps.newId();
  const entry = entryOf(credential, keyId, name);
  await replaceCertificates(deps, applicationPath, (present) =>
    present.some((listed) => textOf(listed, 'keyId') === keyId) ? present : [...present, entry],
  );
  return { credential, keyId, endsAtMs: Date.parse(entry.endDateTime) };
}

/** Removes certificates from the application. Ignores ids that no longer exist. @throws BrokerError from Graph. */
export async function unregisterCertificates(
  deps: Pick<CertificateDeps, 'graph' | 'writer'>,
  applicationPath: string,
  keyIds: readonly string[],
): Promise<void> {
  await replaceCertificates(deps, applicationPath, (present) =>
    present.filter((entry) => !keyIds.includes(textOf(entry, 'keyId') ?? '')),
  );
}

/**
 * Registers a certificate again that another program's write has removed, see {@link replaceCertificates}. Only if the
 * broker created it. Does nothing if the application has no certificates at all: that is the result of `ptb revoke`.
 * @throws BrokerError from Graph.
 */
export async function restoreCertificate(
  deps: Pick<CertificateDeps, 'graph' | 'writer'>,
  applicationPath: string,
  { credential, keyId }: Pick<StoredClientCredential, 'credential' | 'keyId'>,
  name: string,
): Promise<void> {
  if (credential.kind !== 'certificate' || keyId === undefined) return;
  if (new X509Certificate(credential.certificate).subject !== `CN=${clientCredentialName}`) return;
  await replaceCertificates(deps, applicationPath, (present) =>
    present.length === 0 || present.some((entry) => textOf(entry, 'keyId') === keyId)
      ? present
      : [...present, entryOf(credential, keyId, name)],
  );
}

/**
 * Lists the application's certificates, whoever created them.
 * @throws BrokerError resource_error for an invalid reply.
 */
export async function listCertificates(
  { graph }: Pick<CertificateDeps, 'graph'>,
  applicationPath: string,
): Promise<readonly JsonObject[]> {
  const application = await graph.get(`${applicationPath}?$select=id,keyCredentials`);
  const listed = application['keyCredentials'];
  if (Array.isArray(listed) && listed.every(isObject)) return listed;
  // Treating this as an empty list would make the next write delete all other certificates.
  throw new BrokerError('resource_error', 'Microsoft Graph did not return the certificates of the application.');
}

/** How often the list is read and written while other programs change it, too. */
const maxWrites = 3;

/**
 * Reads the application's certificates and writes the changed list. Graph replaces the list as a whole, and entries
 * sent back without their key stay as they are ("Update application", keyCredentials). Does not write an unchanged
 * list.
 * Applications have no ETag for If-Match. So the list is read twice, and written only if both agree; then it is read again,
 * and the change is repeated if another program's write has undone it. A certificate that another program adds between
 * the second read and the write, one round trip apart, is lost, because no read has shown it.
 */
async function replaceCertificates(
  deps: Pick<CertificateDeps, 'graph' | 'writer'>,
  applicationPath: string,
  change: (present: readonly JsonObject[]) => readonly JsonObject[],
): Promise<void> {
  let seen = await listCertificates(deps, applicationPath);
  for (let writes = 0; writes < maxWrites; ) {
    if (change(seen).length === seen.length) return;
    const present = await listCertificates(deps, applicationPath);
    if (idsOf(present) === idsOf(seen)) {
      const wanted = change(present);
      const keyCredentials = wanted.map((entry) => (present.includes(entry) ? { ...entry, key: null } : entry));
      await deps.writer.patch(applicationPath, { keyCredentials });
      writes += 1;
      seen = await listCertificates(deps, applicationPath);
      // All certificates were removed meanwhile: that is the result of `ptb revoke`.
      if (seen.length === 0) return;
    } else seen = present;
  }
}

const idsOf = (entries: readonly JsonObject[]): string =>
  entries
    .map((entry) => textOf(entry, 'keyId') ?? '')
    .toSorted()
    .join(' ');

/** Takes start and end from the certificate, which has whole seconds: Graph rejects an end after the certificate's. */
function entryOf({ certificate }: Certificate, keyId: string, displayName: string) {
  const { raw, validFromDate, validToDate } = new X509Certificate(certificate);
  return {
    keyId,
    displayName,
    type: 'AsymmetricX509Cert',
    usage: 'Verify',
    key: raw.toString('base64'),
    startDateTime: validFromDate.toISOString(),
    endDateTime: validToDate.toISOString(),
  };
}

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
