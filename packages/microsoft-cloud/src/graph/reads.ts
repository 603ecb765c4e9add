import { type CloudRequest, jsonObjectOf } from '../web/http.ts';

/** For the ledger: a request, or the parts of a batch, percent-encoded. Tokens of links are left out. */
export function readsOf({ method, path, query, body }: CloudRequest): readonly string[] {
  if (!path.endsWith('/$batch')) return [written(method, path.split('/').map(encodeURIComponent).join('/'), query)];
  const parts = jsonObjectOf(body)?.['requests'];
  const version = path.slice(0, -'/$batch'.length);
  return (Array.isArray(parts) ? parts : []).flatMap((part: unknown) => partOf(part, version));
}

function partOf(part: unknown, version: string): readonly string[] {
  const { method, url } = (part ?? {}) as Record<string, unknown>;
  if (typeof method !== 'string' || typeof url !== 'string') return [];
  const [path = '', query = ''] = url.split(/\?(.*)/s, 2);
  return [written(method, `${version}${path.startsWith('/') ? '' : '/'}${path}`, new URLSearchParams(query))];
}

const hidden = /^\$?(?:skip|delta)token$/i;

/** @param path percent-encoded. */
function written(method: string, path: string, query: URLSearchParams): string {
  const shown = new URLSearchParams([...query].filter(([name]) => !hidden.test(name)));
  return `${method} ${path}${shown.size === 0 ? '' : `?${shown.toString()}`}`;
}
