import { serviceNames, type ServiceName } from '../web/http.ts';

/**
 * Kinds of faults:
 * - `drop`: closes the connection before the request is handled
 * - `late_500`: handles the request, then replies with status 500
 * - `stale_reads`: handles the request; for `forMs`, reads show what it wrote and the state before in turn
 * - `put_back`: handles the request; after `forMs`, another tool has put back what it wrote
 * - `lost_reply`: handles the request, then closes the connection without a reply
 * - `drip`: sends the normal reply a few bytes at a time
 * - `truncated`: sends the first half of the normal reply, then closes the connection
 * - `html`: replies with an HTML page and status 503, as a gateway does
 * - `huge`: replies with 10 MB of JSON
 * - `gzip_bomb`: replies with 1 MB of gzip that expands to 1 GB of blanks
 * - `empty_json`: replies with `{}` and status 200
 * - `plain_429`: replies with status 429 and `Too Many Requests` as plain text
 * - `delay`: sends the normal reply after `delayMs`
 */
export const faultKinds = [
  'drop',
  'late_500',
  'stale_reads',
  'put_back',
  'lost_reply',
  'drip',
  'truncated',
  'html',
  'huge',
  'gzip_bomb',
  'empty_json',
  'plain_429',
  'delay',
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** Selects requests by all fields that are set, and describes what happens to them. */
export interface FaultRule {
  readonly service?: ServiceName;
  /** Tenant that the request, or its token, is for. */
  readonly tenantId?: string;
  /** Regular expression for the path. Letter case does not matter. */
  readonly path?: string;
  readonly method?: string;
  /** OAuth grant of a token request: `refresh_token`, `client_credentials` and so on. */
  readonly grant?: string;
  /** Resource of a token request, as the client wrote it. */
  readonly resource?: string;
  /** Number of the first selected request that is affected, from 1. */
  readonly from?: number;
  /** Number of requests that are affected, from 1. Default: all. */
  readonly count?: number;
  /** Affects every nth selected request, from 1. */
  readonly every?: number;
  /** Probability in (0, 1] that a selected request is affected. Depends on the cloud's seed. */
  readonly probability?: number;
  /** Affects only requests while more than this number of selected ones, from 1, is in flight. */
  readonly concurrent?: number;
  /** Affects only requests beyond a number of selected ones of the same tenant within a time. */
  readonly beyond?: { readonly requests: number; readonly withinMs: number };
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly kind?: FaultKind;
  /** Time before the reply, 0 to 600,000 milliseconds. Combines with every other fault. */
  readonly delayMs?: number;
  /** Of `stale_reads` and `put_back`: milliseconds of the cloud's clock, 0 to 86,400,000. */
  readonly forMs?: number;
  /** Entra refuses with this number and its text. */
  readonly aadsts?: number;
  /** Replaces the text of the AADSTS number, which some numbers share. */
  readonly text?: string;
}

type Check = (value: unknown) => boolean;
const isText: Check = (value) => typeof value === 'string';
const isCount: Check = (value) => Number.isInteger(value) && (value as number) >= 1;

const checks: Readonly<Record<keyof FaultRule, Check>> = {
  service: (value) => serviceNames.some((name) => name === value),
  tenantId: isText,
  path: (value) => typeof value === 'string' && isExpression(value),
  method: isText,
  grant: isText,
  resource: isText,
  from: isCount,
  count: isCount,
  every: isCount,
  concurrent: isCount,
  beyond: (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.keys(value).length === 2 &&
    ['requests', 'withinMs'].every((name) => isCount(Reflect.get(value, name))),
  probability: (value) => typeof value === 'number' && value > 0 && value <= 1,
  status: (value) => Number.isInteger(value) && (value as number) >= 200 && (value as number) <= 599,
  headers: (value) => typeof value === 'object' && value !== null && Object.values(value).every(isText),
  body: isText,
  kind: (value) => faultKinds.some((kind) => kind === value),
  delayMs: (value) => typeof value === 'number' && value >= 0 && value <= 600_000,
  forMs: (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 86_400_000,
  aadsts: isCount,
  text: isText,
};

function isExpression(source: string): boolean {
  try {
    return new RegExp(source, 'i').source.length > 0;
  } catch {
    return false;
  }
}

/**
 * Reads a rule from a JSON value. Accepts `host` for `service`.
 * @throws TypeError for an unknown or invalid field, which it names, and for a rule without an effect.
 */
export function parseFaultRule(value: unknown): FaultRule {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError('A fault rule must be an object.');
  const { host, ...rest } = value as Record<string, unknown>;
  const fields: Record<string, unknown> = host === undefined ? rest : { service: host, ...rest };
  for (const [name, content] of Object.entries(fields)) {
    if (!Object.hasOwn(checks, name)) throw new TypeError(`A fault rule has no field "${name}".`);
    if (!checks[name as keyof FaultRule](content)) throw new TypeError(`"${name}" of the fault rule is not valid.`);
  }
  const rule = fields as FaultRule;
  if (rule.status === undefined && rule.kind === undefined && rule.aadsts === undefined && rule.delayMs === undefined) {
    throw new TypeError('A fault rule needs one of status, kind, aadsts and delayMs.');
  }
  if ((rule.kind === 'stale_reads' || rule.kind === 'put_back') !== (rule.forMs !== undefined))
    throw new TypeError('A fault rule has forMs with the kinds stale_reads and put_back, and only with them.');
  return rule;
}
