import { type Method, methods } from 'graph-permissions/permission-map';
import { type ReadBody, readBody } from './reading/body.ts';
import { readHeaders, readTarget, type Target } from './reading/target.ts';
import { mergeQueries, type OptionsReading, type QueryUse, readOptions, readQueryUse } from './reading/query.ts';
import { type PathReading, readPath } from './reading/path.ts';
import { type GatewayRequest, notPermitted, quoted, unreadable } from './verdict.ts';

/**
 * What a request says, whatever a rule allows. Each part is read when it is first asked for and then kept, because a caller
 * may have many rules. Every reader throws the Refusal of its part.
 */
export interface RequestReading {
  readonly request: GatewayRequest;
  readonly method: () => Method;
  readonly target: () => Target;
  readonly path: () => PathReading;
  readonly options: () => OptionsReading;
  readonly headers: () => Readonly<Record<string, string>>;
  readonly query: () => QueryUse;
  /** The JSON body, with the names of all its members at any depth. */
  readonly body: () => ReadBody;
}

/** @param host Of Microsoft Graph. */
export function readRequest(request: GatewayRequest, host: string): RequestReading {
  const method = once(() => readMethod(request.method));
  const target = once(() => readTarget(request.url, host));
  const options = once(() => readOptions(target().query));
  return {
    request,
    method,
    target,
    path: once(() => readPath(target().path)),
    options,
    headers: once(() => readHeaders(request.headers ?? {})),
    query: once(() => queryOf(options(), request, method())),
    body: once(() => readBody(request.body ?? '')),
  };
}

/** Calls a function at most once, and keeps what it returns or throws. */
export function once<T>(read: () => T): () => T {
  let kept: { readonly value: T } | { readonly error: unknown } | undefined;
  return () => {
    if (kept === undefined) {
      try {
        kept = { value: read() };
      } catch (error) {
        kept = { error };
      }
    }
    if ('error' in kept) throw kept.error;
    return kept.value;
  };
}

function readMethod(written: string): Method {
  const known = methods.find((method) => method === written);
  if (known === undefined)
    throw unreadable(`The method ${quoted(written)} is not one of ${methods.join(', ')}; use one of them.`);
  return known;
}

/** A link's token continues a query that the URL may not show, so what the earlier queries named is judged as well. */
function queryOf({ values }: OptionsReading, { link }: GatewayRequest, method: Method): QueryUse {
  const hidden = values.has('skiptoken') || values.has('deltatoken');
  if (hidden && link === undefined && values.get('deltatoken')?.toLowerCase() !== 'latest') {
    throw notPermitted(
      'The query continues a link that did not come from this gateway; follow the links of its answers.',
    );
  }
  const use = mergeQueries([readQueryUse(values), ...continuedQueries(link?.selected ?? [])]);
  if (method !== 'GET' && use.expand.length > 0) throw unreadable('$expand is read with GET only; remove it.');
  return use;
}

/** Marks an entry of `Allowed.selected` that is a whole `$expand`. */
const expandMark = '$expand=';

function continuedQueries(selected: readonly string[]): readonly QueryUse[] {
  const names = selected.filter((entry) => !entry.startsWith(expandMark));
  const expands = selected.filter((entry) => entry.startsWith(expandMark));
  const select = names.length === 0 ? [] : [readQueryUse(new Map([['select', names.join(',')]]))];
  return [...select, ...expands.map((entry) => readQueryUse(new Map([['expand', entry.slice(expandMark.length)]])))];
}

/**
 * What links of the answer must carry of a request: the names that `$select` has, and every `$expand` as a whole, because its
 * parentheses say which properties it reads. Each once: a link repeats what earlier links carried, and must not grow.
 */
export function continuedNames({ request, options, query }: RequestReading): readonly string[] {
  const expand = options().values.get('expand');
  return [
    ...new Set([
      ...(query().select ?? []).map(({ names }) => names.join('/')),
      ...(expand === undefined ? [] : [`${expandMark}${expand}`]),
      ...(request.link?.selected ?? []).filter((entry) => entry.startsWith(expandMark)),
    ]),
  ];
}

/**
 * The entries of `Allowed.selected` that a link does not show in its own query. The rest need not be carried.
 * @param url Path and query of the link, still percent-encoded.
 */
export function hiddenNames(url: string, selected: readonly string[]): readonly string[] {
  if (selected.length === 0 || !url.includes('?')) return selected;
  try {
    const options = readOptions(url.slice(url.indexOf('?') + 1));
    const { select = [] } = readQueryUse(options.values);
    const shown = new Set(select.map(({ names }) => names.join('/')));
    const expand = options.values.get('expand');
    if (expand !== undefined) shown.add(`${expandMark}${expand}`);
    return selected.filter((entry) => !shown.has(entry));
  } catch {
    // The judge will not read the link either.
    return selected;
  }
}
