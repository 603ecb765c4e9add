import { type CloudRequest, headerOf, json, jsonObjectOf, type Reply } from '../web/http.ts';

/** Most parts of a batch. Clients send ten; more than twenty are refused here, as by Graph. */
const maxRequests = 20;

interface Part {
  readonly id: string;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

/** Reads the parts of a batch. Returns undefined for a body of another form. */
function partsOf(body: string): readonly Part[] | undefined {
  const requests = jsonObjectOf(body)?.['requests'];
  if (!Array.isArray(requests) || requests.length === 0 || requests.length > maxRequests) return undefined;
  const parts: Part[] = [];
  for (const value of requests as readonly unknown[]) {
    const { id, method, url, headers, body: content } = (value ?? {}) as Record<string, unknown>;
    if (typeof id !== 'string' || typeof method !== 'string' || typeof url !== 'string') return undefined;
    parts.push({ id, method: method.toUpperCase(), url, headers: (headers ?? {}) as Part['headers'], body: content });
  }
  return new Set(parts.map(({ id }) => id)).size === parts.length ? parts : undefined;
}

/**
 * Replies to a batch: each part in order. Without `Prefer: odata.continue-on-error`, the first error is the last reply
 * ("OData JSON Format", batch requests).
 * @param answer replies to one part.
 * @returns undefined for a body that is no batch.
 */
export function answerBatch(request: CloudRequest, answer: (inner: CloudRequest) => Reply): Reply | undefined {
  const parts = partsOf(request.body);
  if (parts === undefined) return undefined;
  const continues = /odata\.continue-on-error(?!\s*=\s*false)/i.test(headerOf(request, 'prefer') ?? '');
  const responses = [];
  for (const part of parts) {
    const { status, headers, body } = answer(innerRequest(request, part));
    responses.push({ id: part.id, status, headers, body: body === undefined ? null : (JSON.parse(body) as unknown) });
    if (status >= 400 && !continues) break;
  }
  return json(200, { responses });
}

function innerRequest(outer: CloudRequest, { method, url, headers, body }: Part): CloudRequest {
  const parsed = new URL(url, 'https://outlook.office365.com');
  const named = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)] as const);
  return {
    method,
    path: decoded(parsed.pathname),
    query: parsed.searchParams,
    headers: { ...outer.headers, ...Object.fromEntries(named) },
    body: typeof body === 'string' ? body : JSON.stringify(body ?? {}),
    facts: outer.facts,
  };
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
