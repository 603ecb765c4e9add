import type { TypedData } from '../app/rpc.ts';
import type { RoutedExchange } from './routed-exchange.ts';
import { joinedHeaders, joinedQuery } from './rpc-http.ts';

/**
 * The trigger metadata of a streamed request: the top-level fields of a JSON body, the query without the key, and the
 * route values, each overriding the ones before (HttpTriggerBinding.GetRequestBindingDataAsync of the HTTP extension).
 * The library makes the texts among them `request.params`.
 */
export function streamedMetadata(
  { request, url, params }: RoutedExchange,
  body: Buffer | undefined,
): Record<string, TypedData> {
  const metadata: Record<string, TypedData> = {};
  const set = (name: string, value: TypedData): void => {
    // The dictionary of the extension ignores case and keeps the first spelling of a name.
    const known = Object.keys(metadata).find((key) => key.toLowerCase() === name.toLowerCase());
    metadata[known ?? name] = value;
  };
  for (const [name, value] of Object.entries(jsonFields(body))) set(name, value);
  for (const [name, value] of Object.entries(joinedQuery(url)))
    if (name.toLowerCase() !== 'code') set(name, { string: value });
  for (const [name, value] of Object.entries(params)) set(name, { string: value });
  return {
    ...metadata,
    Query: { json: JSON.stringify(joinedQuery(url)) },
    Headers: { json: JSON.stringify(joinedHeaders(request)) },
  };
}

function jsonFields(body: Buffer | undefined): Record<string, TypedData> {
  const text = body?.toString('utf8').trim() ?? '';
  if (!text.startsWith('{')) return {};
  try {
    const fields = Object.entries(JSON.parse(text) as Record<string, unknown>);
    return Object.fromEntries(
      fields.flatMap(([name, value]): [string, TypedData][] => {
        const data = fieldData(value);
        return data === undefined ? [] : [[name, data]];
      }),
    );
  } catch {
    return {};
  }
}

/** Simple values become texts, in the format of .NET; objects stay JSON; null and lists are left out. */
function fieldData(value: unknown): TypedData | undefined {
  if (value === null || Array.isArray(value)) return undefined;
  if (typeof value === 'string') return { string: value };
  if (typeof value === 'boolean') return { string: value ? 'True' : 'False' };
  return typeof value === 'number' ? { string: String(value) } : { json: JSON.stringify(value) };
}
