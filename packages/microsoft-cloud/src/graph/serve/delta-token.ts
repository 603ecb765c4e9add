import { dayMs } from '../../clock.ts';
import { GraphError } from '../graph-error.ts';
import { optionName } from '../odata/parse-query.ts';

/** What a link of a delta query continues. Tokens are opaque to clients. */
export interface DeltaState {
  /** The run of the cloud. After a restart nothing is known of earlier changes, also with the same seed. */
  readonly run: string;
  /** Version, tenant and list. */
  readonly scope: string;
  /** The last change that the client knows. */
  readonly number: number;
  /** Time of the link, milliseconds since 1970. */
  readonly atMs: number;
  /** The options of the first request: they need not be repeated ("State tokens"). */
  readonly query: string;
  /** Token of the next page, in a link to it. */
  readonly page?: string | undefined;
}

/** "Token duration": for objects of the directory. */
const maxAgeMs = 7 * dayMs;

export const writeToken = (state: DeltaState): string => Buffer.from(JSON.stringify(state)).toString('base64url');

function readToken(text: string): DeltaState | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    return isState(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isState(value: unknown): value is DeltaState {
  if (typeof value !== 'object' || value === null) return false;
  const { run, scope, number, atMs, query, page = '' } = value as Readonly<Record<string, unknown>>;
  return (
    [run, scope, query, page].every((each) => typeof each === 'string') &&
    Number.isSafeInteger(number) &&
    Number.isSafeInteger(atMs)
  );
}

/**
 * The state that a token has. @param address of the first request, where the client starts again.
 * @throws GraphError 410 for a token of another run, version, tenant or list, and for one that is too old.
 */
export function stateOf(
  token: string,
  {
    run,
    scope,
    nowMs,
    address,
  }: Pick<DeltaState, 'run' | 'scope'> & { readonly nowMs: number; readonly address: string },
): DeltaState {
  const state = readToken(token);
  if (state?.run === run && state.scope === scope && nowMs - state.atMs <= maxAgeMs) return state;
  // "Synchronization reset"
  throw new GraphError(
    410,
    'SyncStateNotFound',
    'The sync state generation is not found; continue with a full synchronization.',
    { location: `${address}?$deltatoken=` },
  );
}

/**
 * The query of a request that follows a link, with the options of the first one. Only `$select` may be another one, and
 * only at the end of the list ("Use delta query to track changes in Microsoft Graph data").
 * @throws GraphError 400 for other options than those of the first request.
 */
export function continuedQuery(query: URLSearchParams): URLSearchParams {
  const written = [...query].map(([key, value]) => ({ key, value, name: optionName(key) }));
  const [token, other] = written.filter(({ name }) => name === 'deltatoken' || name === 'skiptoken');
  if (other !== undefined) throw changed();
  const state = token === undefined ? undefined : readToken(token.value);
  if (token === undefined || state === undefined) return query;
  const continued = new URLSearchParams(state.query);
  for (const { key, value, name } of written) {
    if (name === undefined || key === token.key) continue;
    const [known] = [...continued].filter(([each]) => optionName(each) === name);
    if (known?.[1] === value) continue;
    if (name !== 'select' || optionName(token.key) !== 'deltatoken') throw changed();
    if (known !== undefined) continued.delete(known[0]);
    continued.set('$select', value);
  }
  continued.set(`$${token.name ?? ''}`, token.value);
  return continued;
}

const changed = (): GraphError =>
  new GraphError(400, 'Request_UnsupportedQuery', 'The query options of a delta query cannot be changed.');
