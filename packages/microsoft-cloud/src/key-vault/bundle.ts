import { dayMs } from '../clock.ts';
import { type SecretDetails, retentionDays, type SecretVersion, type StoredSecret } from './secrets.ts';

const seconds = (ms: number): number => Math.floor(ms / 1000);

type Dated = Pick<SecretVersion, 'enabled' | 'notBeforeSeconds' | 'expiresSeconds' | 'createdMs' | 'updatedMs'>;

/** The attributes that a version of a secret and one of a key share. */
export function attributesOf(version: Dated): Readonly<Record<string, unknown>> {
  return {
    enabled: version.enabled,
    ...(version.notBeforeSeconds === undefined ? {} : { nbf: version.notBeforeSeconds }),
    ...(version.expiresSeconds === undefined ? {} : { exp: version.expiresSeconds }),
    created: seconds(version.createdMs),
    updated: seconds(version.updatedMs),
    recoveryLevel: 'Recoverable+Purgeable',
    recoverableDays: retentionDays,
  };
}

const described = (version: SecretVersion): Readonly<Record<string, unknown>> => ({
  ...(version.contentType === undefined ? {} : { contentType: version.contentType }),
  attributes: attributesOf(version),
  ...(version.tags === undefined ? {} : { tags: version.tags }),
});

/** A version with its value. The replies to an update and a deletion have no value. */
export const bundleOf = (
  vault: string,
  name: string,
  version: SecretVersion,
  withValue = true,
): Readonly<Record<string, unknown>> => ({
  ...(withValue ? { value: version.value } : {}),
  id: `${vault}/secrets/${name}/${version.version}`,
  ...described(version),
});

/** An item of a list. The list of secrets has no versions. */
export const itemOf = (
  vault: string,
  name: string,
  version: SecretVersion,
  withVersion: boolean,
): Readonly<Record<string, unknown>> => ({
  id: withVersion ? `${vault}/secrets/${name}/${version.version}` : `${vault}/secrets/${name}`,
  ...described(version),
});

/** The deletion fields of a soft-deleted secret. */
export function deletionOf(vault: string, secret: StoredSecret): Readonly<Record<string, unknown>> {
  const deletedMs = secret.deletedMs ?? 0;
  return {
    recoveryId: `${vault}/deletedsecrets/${secret.name}`,
    deletedDate: seconds(deletedMs),
    scheduledPurgeDate: seconds(deletedMs + retentionDays * dayMs),
  };
}

/** Reads the details of a set or update request. @throws TypeError for a field of the wrong type. */
export function detailsOf(body: Readonly<Record<string, unknown>>): SecretDetails {
  const attributes = body['attributes'] ?? {};
  if (typeof attributes !== 'object' || attributes === null) throw new TypeError("Property 'attributes' is not valid.");
  const { enabled, nbf, exp } = attributes as Record<string, unknown>;
  return {
    contentType: optional(body['contentType'], isText, 'contentType'),
    tags: optional(body['tags'], isTags, 'tags'),
    enabled: optional(enabled, isFlag, 'enabled'),
    notBeforeSeconds: optional(nbf, isNumber, 'nbf'),
    expiresSeconds: optional(exp, isNumber, 'exp'),
  };
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isFlag = (value: unknown): value is boolean => typeof value === 'boolean';
const isNumber = (value: unknown): value is number => Number.isInteger(value);
const isTags = (value: unknown): value is Readonly<Record<string, string>> =>
  typeof value === 'object' && value !== null && Object.values(value).every(isText) && Object.keys(value).length <= 15;

function optional<T>(value: unknown, check: (value: unknown) => value is T, name: string): T | undefined {
  if (value === undefined || value === null) return undefined;
  if (!check(value)) throw new TypeError(`Property '${name}' is not valid.`);
  return value;
}
