import type { KeyVaultSecret, SecretProperties } from '@azure/keyvault-secrets';
import { BrokerError } from '../model/errors.ts';
import { parseTenantId } from '../model/identifiers.ts';
import { Secret } from '../model/secret.ts';
import { parseCertificate } from './certificate.ts';
import {
  type ClientCredential,
  refreshTokenLifeMs,
  type StoredClientCredential,
  type StoredRefreshToken,
} from '../model/credential.ts';
import type {
  ClientCredentialVersion,
  NewClientCredential,
  NewRefreshToken,
  StoredVersion,
} from './credential-store.ts';

/** Converts credentials to Key Vault secrets and back: the value is the secret itself, everything else is in tags. */

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

/** Converts a refresh token. Key Vault shows its end as the expiry of the secret. */
export const writeRefreshToken = (application: string, token: NewRefreshToken): SecretToStore => ({
  value: token.secret.reveal(),
  contentType: 'refresh-token',
  expiresOn: new Date(token.expiresAtMs),
  tags: {
    application,
    clientId: token.clientId,
    account: token.account,
    accountObjectId: token.accountObjectId,
    obtainedAt: new Date(token.obtainedAtMs).toISOString(),
    mfa: String(token.mfa),
  },
});

/** @param state `proposed`: stored as a disabled version. */
export function writeClientCredential(
  application: string,
  { credential, clientId, tenantId, endsAtMs, keyId }: NewClientCredential,
  state: 'in use' | 'proposed' = 'in use',
): SecretToStore {
  const { kind } = credential;
  return {
    value: valueOf(credential),
    contentType: contentTypes[kind],
    ...(endsAtMs === undefined ? {} : { expiresOn: new Date(endsAtMs) }),
    ...(state === 'proposed' ? { enabled: false } : {}),
    tags: {
      application,
      clientId,
      tenantId,
      kind,
      ...(keyId ? { keyId } : {}),
      ...(state === 'proposed' ? { proposed: 'true' } : {}),
    },
  };
}

/** Returns the part of a client credential that becomes the value of the Key Vault secret. */
function valueOf(credential: ClientCredential): string {
  switch (credential.kind) {
    case 'secret':
      return credential.secret.reveal();
    case 'certificate':
      return `${credential.privateKey.reveal().trim()}\n${credential.certificate.trim()}\n`;
    case 'federated':
      // Key Vault rejects an empty value. This text is not a secret.
      return 'federated';
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
export function readClientCredentialVersion(listed: SecretProperties): ClientCredentialVersion {
  const { kind = 'secret', clientId, keyId, proposed } = tagsOf(listed);
  return {
    ...readVersion(listed),
    ...(isKind(kind) ? { kind } : {}),
    ...(clientId ? { clientId } : {}),
    ...(keyId ? { keyId } : {}),
    ...(proposed === 'true' ? { proposed: true } : {}),
  };
}

/**
 * Reads a client credential.
 * @throws BrokerError credential_missing if the value is empty, a tag is missing or the kind is unknown;
 * client_credential_rejected for a broken certificate; key_vault_unavailable if the reply has no version.
 */
export function readClientCredential(stored: KeyVaultSecret): StoredClientCredential {
  const tags = tagsOf(stored.properties);
  const clientId = tags['clientId'];
  const tenantId = parseTenantId(tags['tenantId']);
  const endsAtMs = timeOf(stored.properties.expiresOn);
  if (!isText(stored.value) || !clientId || !tenantId) {
    throw new BrokerError(
      'credential_missing',
      `The Key Vault secret "${stored.name}" lacks the tags clientId and tenantId.`,
    );
  }
  return {
    clientId,
    tenantId,
    credential: readCredential(tags['kind'], stored.value, stored.name),
    version: versionOf(stored.properties),
    ...(endsAtMs === undefined ? {} : { endsAtMs }),
    ...(tags['keyId'] ? { keyId: tags['keyId'] } : {}),
  };
}

const isKind = (kind: string): kind is ClientCredential['kind'] => Object.hasOwn(contentTypes, kind);

function readCredential(kind: string | undefined, value: string, name: string): ClientCredential {
  if (kind === 'federated') return { kind };
  if (kind === 'certificate') return parseCertificate(value);
  if (kind === undefined || kind === 'secret') return { kind: 'secret', secret: new Secret(value) };
  throw new BrokerError('credential_missing', `The Key Vault secret "${name}" has an unknown kind.`);
}

/**
 * Reads a refresh token. Returns undefined for an empty value.
 * @throws BrokerError key_vault_unavailable if the reply has no version.
 */
export function readRefreshToken(stored: KeyVaultSecret): StoredRefreshToken | undefined {
  if (!isText(stored.value)) return undefined;
  const tags = tagsOf(stored.properties);
  const obtained = Date.parse(tags['obtainedAt'] ?? '');
  // A token that was stored by hand has no tags. The creation time of its version is the best estimate.
  const obtainedAtMs = Number.isNaN(obtained) ? (timeOf(stored.properties.createdOn) ?? 0) : obtained;
  return {
    secret: new Secret(stored.value),
    version: versionOf(stored.properties),
    obtainedAtMs,
    expiresAtMs: timeOf(stored.properties.expiresOn) ?? obtainedAtMs + refreshTokenLifeMs,
    account: tags['account'] ?? '',
    accountObjectId: tags['accountObjectId'] ?? '',
    mfa: tags['mfa'] === 'true',
  };
}
