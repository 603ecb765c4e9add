import { X509Certificate } from 'node:crypto';
import { type JsonObject, textOf } from '../../microsoft/reply.ts';
import type { StoredClientCredential } from '../../core/secrets.ts';

type Stored = Pick<StoredClientCredential, 'credential' | 'keyId'>;

/**
 * Compares what Entra shows of a value: the first characters of a secret, or the certificate. Graph returns the certificate
 * itself only for a single object. Otherwise this compares the field that holds its thumbprint, which whoever adds a
 * certificate may set to another value ("keyCredential resource type", customKeyIdentifier). Pure.
 */
export function isValueOf(entry: JsonObject, { credential }: Pick<Stored, 'credential'>): boolean {
  if (credential.kind === 'federated') return false;
  if (credential.kind === 'secret') {
    const hint = textOf(entry, 'hint');
    return hint !== undefined && hint !== '' && credential.secret.reveal().startsWith(hint);
  }
  const own = new X509Certificate(credential.certificate);
  const key = textOf(entry, 'key');
  if (key !== undefined && key !== '') return fingerprintOf(key) === own.fingerprint256;
  const thumbprint = Buffer.from(own.fingerprint.replaceAll(':', ''), 'hex');
  // Graph's documentation and its answers differ in the form.
  return ['hex', 'base64'].some(
    (form) =>
      textOf(entry, 'customKeyIdentifier')?.toLowerCase() ===
      thumbprint.toString(form as 'hex' | 'base64').toLowerCase(),
  );
}

/** Undefined if it is not a certificate. */
function fingerprintOf(key: string): string | undefined {
  try {
    return new X509Certificate(Buffer.from(key, 'base64')).fingerprint256;
  } catch {
    return undefined;
  }
}

/**
 * When a client credential that works ends, by Entra's list. A person may have stored it without the id of its key, or
 * with that of another. If several entries fit, the earliest end that is not past counts. Pure.
 * @param entries all entries of its kind in Entra.
 * @returns undefined if no entry fits.
 */
export function endInEntra(entries: readonly JsonObject[], client: Stored, nowMs: number): number | undefined {
  const byId = entries.filter((entry) => client.keyId !== undefined && textOf(entry, 'keyId') === client.keyId);
  const byValue = entries.filter((entry) => isValueOf(entry, client));
  const both = byId.filter((entry) => byValue.includes(entry));
  const found = [both, byValue, byId].find(({ length }) => length > 0) ?? [];
  const ends = found.map((entry) => Date.parse(textOf(entry, 'endDateTime') ?? '')).filter((end) => !Number.isNaN(end));
  const future = ends.filter((end) => end > nowMs);
  return ends.length === 0 ? undefined : Math.min(...(future.length > 0 ? future : ends));
}
