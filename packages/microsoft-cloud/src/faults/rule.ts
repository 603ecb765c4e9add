import { serviceNames, type ServiceName } from '../web/http.ts';

/**
 * What goes wrong where a rule says no status, body or AADSTS number of its own:
 * - `drop`: the connection is closed before anything is done
 * - `lost_reply`: the work is done, then the connection is closed
 * - `drip`: the true reply, a few bytes at a time
 * - `truncated`: the first half of the true reply, then the connection is closed
 * - `html`: an HTML page, as a proxy or gateway sends it, with status 503
 * - `huge`: a JSON reply of 10 MB
 * - `empty_json`: `{}` with status 200
 * - `plain_429`: `Too Many Requests` as plain text
 * - `delay`: the true reply, `delayMs` late
 */
export const faultKinds = [
  'drop',
  'lost_reply',
  'drip',
  'truncated',
  'html',
  'huge',
  'empty_json',
  'plain_429',
  'delay',
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** Which requests a rule is about, and what happens to them. Everything named must fit. */
export interface FaultRule {
  readonly service?: ServiceName;
  readonly tenantId?: string;
  /** A regular expression for the path, without regard to case. */
  readonly path?: string;
  readonly method?: string;
  /** OAuth grant of a token request: `refresh_token`, `client_credentials` and so on. */
  readonly grant?: string;
  /** The resource of a token request, as it was asked for. */
  readonly resource?: string;
  /** The first fitting request that is affected, from 1. */
  readonly from?: number;
  /** How many fitting requests are affected; all from `from` on when absent. */
  readonly count?: number;
  /** Only every nth fitting request is affected, from 1. */
  readonly every?: number;
  /** Chance in (0, 1] that a fitting request is affected, drawn from the cloud's seed. */
  readonly probability?: number;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly kind?: FaultKind;
  /** Milliseconds before the reply, whatever else happens. */
  readonly delayMs?: number;
  /** Entra refuses with this number, worded as Entra does. */
  readonly aadsts?: number;
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
  probability: (value) => typeof value === 'number' && value > 0 && value <= 1,
  status: (value) => Number.isInteger(value) && (value as number) >= 200 && (value as number) <= 599,
  headers: (value) => typeof value === 'object' && value !== null && Object.values(value).every(isText),
  body: isText,
  kind: (value) => faultKinds.some((kind) => kind === value),
  delayMs: (value) => typeof value === 'number' && value >= 0 && value <= 600_000,
  aadsts: isCount,
};

function isExpression(source: string): boolean {
  try {
    return new RegExp(source, 'i').source.length > 0;
  } catch {
    return false;
  }
}

/**
 * The rule that a JSON value describes. `host` may be written for `service`.
 * @throws TypeError naming the first field that is unknown or wrong, and for a rule that does nothing.
 */
export function parseFaultRule(value: unknown): FaultRule {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError('a fault rule is an object');
  const { host, ...rest } = value as Record<string, unknown>;
  const fields: Record<string, unknown> = host === undefined ? rest : { service: host, ...rest };
  for (const [name, content] of Object.entries(fields)) {
    if (!Object.hasOwn(checks, name)) throw new TypeError(`a fault rule has no field "${name}"`);
    if (!checks[name as keyof FaultRule](content)) throw new TypeError(`"${name}" of the fault rule is not valid`);
  }
  const rule = fields as FaultRule;
  if (rule.status === undefined && rule.kind === undefined && rule.aadsts === undefined && rule.delayMs === undefined) {
    throw new TypeError('a fault rule needs one of status, kind, aadsts and delayMs');
  }
  return rule;
}
