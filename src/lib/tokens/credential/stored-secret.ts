import { X509Certificate } from 'node:crypto';
import type { KeyVaultSecret, SecretProperties } from '@azure/keyvault-secrets';
import { minuteMs } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import { parseTenantId } from '../../core/identifiers.ts';
import { defined } from '../../core/objects.ts';
import {
  type ClientCredential,
  refreshTokenLifeMs,
  Secret,
  type StoredClientCredential,
  type StoredRefreshToken,
} from '../../core/secrets.ts';
import type {
  ClientCredentialVersion,
  NewClientCredential,
  NewRefreshToken,
  RefreshTokenVersion,
  StoredVersion,
} from './credential-store.ts';

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
const certificateEndMs = (credential: ClientCredential): number | undefined =>
  credential.kind === 'certificate' ? new X509Certificate(credential.certificate).validToDate.getTime() : undefined;

// Converts credentials to Key Vault secrets and back: the value is the secret itself, everything else is in tags.

/** The content of a new version of a Key Vault secret. */
export interface SecretToStore {
  readonly value: string;
  readonly contentType: string;
  readonly expiresOn?: Date;
  readonly enabled?: false;
  readonly tags: Record<string, string>;
}

/** Content types tell people who look at the vault what a value is. */
const contentTypes = {
  secret: 'client-secret',
  certificate: 'application/x-pem-file',
  federated: 'federated-credential',
} as const;

/** The content type of a version that a run has yet to put in use. */
const stagedType = 'client-credential-staged';

/** The content type of a version in use. Undefined for an unknown kind. */
export const clientContentType = (kind: ClientCredential['kind'] | undefined): string | undefined =>
  kind && contentTypes[kind];

/**
 * The content type of a refresh token. A staged version is disabled, and does not count as a consent. One that was stored by
 * hand has neither type: a person can remove the tag that names the consent.
 */
export const refreshTokenTypes = { inUse: 'refresh-token', staged: 'refresh-token-staged' } as const;

/** Converts a refresh token. Key Vault shows its end as the expiry of the secret. */
export const writeRefreshToken = (
  application: string,
  token: NewRefreshToken,
  state: keyof typeof refreshTokenTypes = 'inUse',
): SecretToStore => ({
  value: token.secret.reveal(),
  contentType: refreshTokenTypes[state],
  ...(state === 'staged' ? { enabled: false } : {}),
  expiresOn: new Date(token.expiresAtMs),
  tags: {
    application,
    clientId: token.clientId,
    account: token.account,
    accountObjectId: token.accountObjectId,
    obtainedAt: new Date(token.obtainedAtMs).toISOString(),
    mfa: String(token.mfa),
    ...(token.consentedAtMs === undefined ? {} : { consentedAt: new Date(token.consentedAtMs).toISOString() }),
  },
});

/** @param state `staged` and `proposed`: stored as a disabled version. */
export function writeClientCredential(
  application: string,
  { credential, clientId, tenantId, endsAtMs, keyId }: NewClientCredential,
  state: 'in use' | 'staged' | 'proposed' = 'in use',
): SecretToStore {
  const { kind } = credential;
  return defined({
    value: valueOf(credential),
    contentType: state === 'staged' ? stagedType : contentTypes[kind],
    expiresOn: endsAtMs === undefined ? undefined : new Date(endsAtMs),
    enabled: state === 'in use' ? undefined : false,
    tags: defined({
      application,
      clientId,
      tenantId,
      kind,
      keyId: keyId || undefined,
      endsAt: endsAtMs === undefined ? undefined : new Date(endsAtMs).toISOString(),
      proposed: state === 'proposed' ? 'true' : undefined,
    }),
  });
}

/** Key Vault rejects an empty value. This text is not a secret. */
const federatedValue = 'federated';

/** Returns the part of a client credential that becomes the value of the Key Vault secret. */
function valueOf(credential: ClientCredential): string {
  switch (credential.kind) {
    case 'secret':
      return credential.secret.reveal();
    case 'certificate':
      return `${credential.privateKey.reveal().trim()}\n${credential.certificate.trim()}\n`;
    case 'federated':
      return federatedValue;
  }
}

/** Returns the version. @throws BrokerError key_vault_unavailable if the reply has none. */
export function versionOf(properties: SecretProperties): string {
  if (typeof properties.version !== 'string' || properties.version === '')
    throw new BrokerError('key_vault_unavailable', 'Key Vault returned a secret without a version.');
  return properties.version;
}

/** Milliseconds, or undefined if the value is not a valid date. The SDK passes on values that it cannot convert. */
function timeOf(value: unknown): number | undefined {
  const time = value instanceof Date ? value.getTime() : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

/** Milliseconds, or undefined if the tag is missing or not a date. */
const timeIn = (tag: string | undefined): number | undefined => timeOf(new Date(tag ?? ''));

/** The earliest of the times that are known. */
export function earliest(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

const isRefreshTokenType = (type: unknown): boolean => Object.values<unknown>(refreshTokenTypes).includes(type);

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

/** Returns the tags whose value is a string. The SDK passes on any value in the reply. */
export function tagsOf(properties: SecretProperties): Readonly<Record<string, string>> {
  const tags: Readonly<Record<string, unknown>> = properties.tags ?? {};
  return Object.fromEntries(
    Object.entries(tags).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** Reads the properties of one version. @throws BrokerError key_vault_unavailable if the reply has no version. */
export const readVersion = (listed: SecretProperties): StoredVersion => ({
  version: versionOf(listed),
  createdAtMs: timeOf(listed.createdOn) ?? 0,
  enabled: listed.enabled ?? true,
});

/** Reads the properties of one version. @throws BrokerError key_vault_unavailable if the reply has no version. */
export function readRefreshTokenVersion(listed: SecretProperties): RefreshTokenVersion {
  const { account, accountObjectId, clientId, consentedAt } = tagsOf(listed);
  const consentedAtMs = timeIn(consentedAt);
  return defined({
    ...readVersion(listed),
    account: account || undefined,
    accountObjectId: accountObjectId || undefined,
    clientId: clientId || undefined,
    consentedAtMs,
    isByHand: consentedAtMs === undefined && !isRefreshTokenType(listed.contentType) ? true : undefined,
    staged: listed.contentType === refreshTokenTypes.staged ? true : undefined,
  });
}

/** Reads the properties of one version. @throws BrokerError key_vault_unavailable if the reply has no version. */
export function readClientCredentialVersion(listed: SecretProperties): ClientCredentialVersion {
  const { kind = 'secret', clientId, keyId, proposed } = tagsOf(listed);
  return defined({
    ...readVersion(listed),
    kind: isKind(kind) ? kind : undefined,
    clientId: clientId || undefined,
    keyId: keyId || undefined,
    proposed: proposed === 'true' ? true : undefined,
    staged: listed.enabled === false && listed.contentType === stagedType ? true : undefined,
  });
}

/**
 * Reads a client credential.
 * @throws BrokerError credential_missing if the value is empty, a tag is missing or the kind is unknown;
 * client_credential_rejected for a broken certificate, or a value of another kind; key_vault_unavailable if the reply has no version.
 */
export function readClientCredential(stored: KeyVaultSecret): StoredClientCredential {
  const tags = tagsOf(stored.properties);
  const clientId = tags['clientId'];
  const tenantId = parseTenantId(tags['tenantId']);
  if (!isText(stored.value) || !clientId || !tenantId) {
    throw new BrokerError(
      'credential_missing',
      `The Key Vault secret "${stored.name}" is empty, or lacks the tags clientId and tenantId.`,
    );
  }
  const credential = readCredential(tags['kind'] ?? 'secret', stored.value, stored.name);
  // A person can change each of these dates in the vault, except the one in the certificate.
  const endsAtMs = earliest(timeOf(stored.properties.expiresOn), timeIn(tags['endsAt']), certificateEndMs(credential));
  return defined({
    clientId,
    tenantId,
    credential,
    version: versionOf(stored.properties),
    endsAtMs,
    keyId: tags['keyId'] || undefined,
  });
}

const isKind = (kind: string): kind is ClientCredential['kind'] => Object.hasOwn(contentTypes, kind);

/** What a value looks like, in words. A value of another kind than its tag says must not be sent to Entra. */
const looks = {
  secret: 'a secret',
  certificate: 'a certificate',
  federated: 'the placeholder of a managed identity',
} as const;

const looksLike = (value: string): keyof typeof looks =>
  value === federatedValue ? 'federated' : value.includes('-----BEGIN ') ? 'certificate' : 'secret';

function readCredential(kind: string, value: string, name: string): ClientCredential {
  if (!isKind(kind)) throw new BrokerError('credential_missing', `The Key Vault secret "${name}" has an unknown kind.`);
  const found = looksLike(value);
  if (found !== kind) {
    const detail = `The Key Vault secret "${name}" has the tag kind "${kind}", but its value looks like ${looks[found]}. Correct the tag.`;
    throw new BrokerError('client_credential_rejected', detail);
  }
  if (kind === 'federated') return { kind };
  return kind === 'certificate' ? parseCertificate(value) : { kind, secret: new Secret(value) };
}

/** How far the clock of the machine that stored a token may be ahead of the vault's. */
const clockToleranceMs = 5 * minuteMs;

/** A token that was stored by hand has no tag. A token cannot be obtained after it was stored: such a tag is wrong. */
function obtainedAt(tagMs: number | undefined, createdMs: number | undefined): number {
  if (tagMs === undefined || createdMs === undefined) return tagMs ?? createdMs ?? 0;
  return tagMs > createdMs + clockToleranceMs ? createdMs : tagMs;
}

/**
 * Reads a refresh token. Returns undefined for an empty value.
 * @throws BrokerError key_vault_unavailable if the reply has no version.
 */
export function readRefreshToken(stored: KeyVaultSecret): StoredRefreshToken | undefined {
  if (!isText(stored.value)) return undefined;
  const tags = tagsOf(stored.properties);
  const obtainedAtMs = obtainedAt(timeIn(tags['obtainedAt']), timeOf(stored.properties.createdOn));
  const consentedAtMs = timeIn(tags['consentedAt']);
  return defined({
    secret: new Secret(stored.value),
    version: versionOf(stored.properties),
    obtainedAtMs,
    // Entra ends it 90 days after its issue, whatever date the vault shows.
    expiresAtMs: Math.min(
      timeOf(stored.properties.expiresOn) ?? Number.POSITIVE_INFINITY,
      obtainedAtMs + refreshTokenLifeMs,
    ),
    account: tags['account'] ?? '',
    accountObjectId: tags['accountObjectId'] ?? '',
    mfa: tags['mfa'] === 'true',
    clientId: tags['clientId'] || undefined,
    consentedAtMs,
  });
}
