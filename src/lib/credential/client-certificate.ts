import { X509Certificate } from 'node:crypto';
import { dayMs } from '../model/durations.ts';
import type { Clock } from '../runtime/clock.ts';
import { BrokerError } from '../model/errors.ts';
import type { GraphClient } from '../graph/client.ts';
import { isJsonObject, type JsonObject, textOf } from '../graph/reply.ts';
import type { GraphWriter } from '../graph/write.ts';
import { parseCertificate } from './certificate.ts';
import { type ClientCredential, clientCredentialName, type StoredClientCredential } from '../model/credential.ts';

/** A certificate lives longer than a secret: its key never travels, only signatures do. */
const certificateLifeMs = 365 * dayMs;

/** Makes a self-signed RSA certificate that is good for the time given; both halves in PEM. */
export type CreateCertificate = (subject: {
  readonly commonName: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}) => Promise<{ readonly certificate: string; readonly privateKey: string }>;

export interface CertificateDeps {
  /** Microsoft Graph as somebody who may change the application. */
  readonly graph: Pick<GraphClient, 'get'>;
  readonly writer: GraphWriter;
  readonly createCertificate: CreateCertificate;
  readonly newId: () => string;
  readonly clock: Clock;
}

type Certificate = Extract<ClientCredential, { kind: 'certificate' }>;

export interface RegisteredCertificate {
  readonly credential: Certificate;
  readonly keyId: string;
  readonly endsAtMs: number;
}

/**
 * Makes a certificate and registers it with the application, beside those it has.
 * @param applicationPath `/applications/{objectId}` or `/applications(appId='…')`.
 * @param name what it is called at Entra.
 * @throws BrokerError from Graph.
 */
export async function registerCertificate(
  deps: CertificateDeps,
  applicationPath: string,
  name: string,
): Promise<RegisteredCertificate> {
  const notBeforeMs = deps.clock.nowMs();
  const notAfterMs = notBeforeMs + certificateLifeMs;
  const made = await deps.createCertificate({ commonName: clientCredentialName, notBeforeMs, notAfterMs });
  const credential = parseCertificate(`${made.privateKey}\n${made.certificate}`);
  const keyId = deps.newId();
  const entry = entryOf(credential, keyId, name);
  await replaceCertificates(deps, applicationPath, (present) => [...present, entry]);
  return { credential, keyId, endsAtMs: Date.parse(entry.endDateTime) };
}

/** Takes certificates off the application; those that are gone already count as taken off. */
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
 * Puts a certificate of ours back that somebody else's list left out, see {@link replaceCertificates}. An application
 * without any certificate is left so: that is what `ptb revoke` makes.
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

/** The application's certificates, whoever made them. @throws BrokerError resource_error when the answer is no list. */
export async function listCertificates(
  { graph }: Pick<CertificateDeps, 'graph'>,
  applicationPath: string,
): Promise<readonly JsonObject[]> {
  const application = await graph.get(`${applicationPath}?$select=id,keyCredentials`);
  const listed = application['keyCredentials'];
  if (Array.isArray(listed) && listed.every(isJsonObject)) return listed;
  // Taken for none, it would be replaced by a list without other people's certificates.
  throw new BrokerError('resource_error', 'Microsoft Graph does not list the certificates of the application.');
}

/**
 * Graph replaces the list as a whole, and entries that are sent back without their key stay as they are ("Update
 * application", keyCredentials). So it is read just before it is written. What remains of the race: between the two,
 * one round trip apart, somebody else's write can come and is undone by ours, as applications know no If-Match. A
 * certificate of ours that is lost so shows when it is proven, and is put back; one that another program adds in that
 * moment, once a year, is lost to it. The list is never written to say what it says already.
 */
async function replaceCertificates(
  deps: Pick<CertificateDeps, 'graph' | 'writer'>,
  applicationPath: string,
  change: (present: readonly JsonObject[]) => readonly JsonObject[],
): Promise<void> {
  const present = await listCertificates(deps, applicationPath);
  const wanted = change(present);
  if (wanted.length === present.length) return;
  const keyCredentials = wanted.map((entry) => (present.includes(entry) ? { ...entry, key: null } : entry));
  await deps.writer.patch(applicationPath, { keyCredentials });
}

/** Its times are the certificate's own, which count whole seconds: Graph takes no end that is later. */
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
