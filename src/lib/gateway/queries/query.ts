import { consistencyHeader } from '../../microsoft/consistency.ts';
import { BrokerError } from '../../core/errors.ts';
import { scrub } from '../../core/log.ts';
import { selectOf } from '../../runs/job/selected-columns.ts';

/** One GET to Microsoft Graph, for many tenants. */
export interface Query {
  /** Path and query from the version on, percent-encoded: `/v1.0/users?$select=id`. */
  readonly path: string;
  /** Whether the further pages of the answer are read too. */
  readonly allPages: boolean;
}

/** What a caller sends. */
export interface QueryText {
  readonly path: string;
  /** Names for `$select`. */
  readonly select?: readonly string[] | undefined;
  readonly allPages?: boolean | undefined;
}

/** Longest path with its query, in characters. It is stored with the run and shown in lists. */
export const maxPathLength = 4_000;

/** A property, or a path to one: `displayName`, `signInActivity/lastSignInDateTime`, `extension_4711_level`. */
const propertyName = /^[A-Za-z_][\w.]*(?:\/[A-Za-z_][\w.]*)*$/;

/**
 * Reads a query. A path without a version is one of `v1.0`. Whether a rule opens it, and whether Microsoft Graph could read it
 * in another way, the judge decides (`open-query.ts`).
 * @throws BrokerError request_invalid
 */
export function readQuery({ path: given, select = [], allPages = false }: QueryText): Query {
  const text = given.trim().replaceAll(' ', '%20');
  if (/^[a-z][a-z\d+.-]*:/i.test(text)) {
    throw wrongPath('is an address. Send the path alone, such as /v1.0/users.');
  }
  const path = withSelect(`/${withVersion(text.replace(/^\/+/, ''))}`, select);
  if (path.length > maxPathLength) throw wrongPath(`has more than ${maxPathLength} characters.`);
  if (scrub(path) !== path) {
    throw wrongPath('contains something that looks like a secret, and the run would keep it. Leave it out.');
  }
  return { path, allPages };
}

const withVersion = (path: string): string => (/^(?:v1\.0|beta)(?:[/?]|$)/i.test(path) ? path : `v1.0/${path}`);

function withSelect(path: string, select: readonly string[]): string {
  if (select.length === 0) return path;
  const wrong = select.find((name) => !propertyName.test(name));
  if (wrong !== undefined) {
    throw new BrokerError('request_invalid', `select: "${scrub(wrong).slice(0, 60)}" is no name of a property.`);
  }
  if (selectOf(path).length > 0) {
    throw new BrokerError('request_invalid', 'select: the path has $select already. Name the properties in one place.');
  }
  return `${path}${path.includes('?') ? '&' : '?'}$select=${select.join(',')}`;
}

/** The headers of the request. */
export const queryHeaders = ({ path }: Query): Readonly<Record<string, string>> => ({
  accept: 'application/json',
  ...consistencyHeader(path),
});

const wrongPath = (problem: string): BrokerError => new BrokerError('request_invalid', `path: ${problem}`);
