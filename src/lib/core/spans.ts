import type { Fetch } from './outbound.ts';
import { type Cloud, isBuiltIn } from './resources.ts';
import type { CachingTokenSource } from './secrets.ts';

/** What a span says about its work. Never a tenant, a person, a secret, or a text that somebody chose, except for the names of jobs, which metrics have too. */
export type SpanFacts = Readonly<Record<string, string | number | boolean | undefined>>;

/** Measures work as the spans of a trace. */
export interface Spans {
  /**
   * Runs work in a span, inside the span in which it was asked for. A failure is named by its code.
   * @param found what the result adds to the facts.
   */
  run<T>(name: string, facts: SpanFacts, work: () => Promise<T>, found?: (result: T) => SpanFacts): Promise<T>;
}

/** Nobody collects spans. */
export const noSpans: Spans = { run: (_name, _facts, work) => work() };

/** The hosts that spans may name. Others, such as those of SharePoint, have the name of a customer. */
export const hostsInSpans = ({ endpoints }: Pick<Cloud, 'endpoints'>): ReadonlySet<string> =>
  new Set(Object.values(endpoints).map((address) => new URL(address).hostname));

/** Runs one HTTP request in a span, which never has its path. The span ends when the answer begins. */
export async function inRequestSpan<T extends { readonly status: number }>(
  { spans, hosts }: { readonly spans: Spans; readonly hosts: ReadonlySet<string> },
  { method, url }: { readonly method: string; readonly url: string },
  send: () => Promise<T>,
): Promise<T> {
  const { hostname } = new URL(url);
  const facts = { 'http.request.method': method, 'server.address': hosts.has(hostname) ? hostname : undefined };
  return spans.run(method, facts, send, ({ status }) => ({ 'http.response.status_code': status }));
}

/** Runs each request in a span. */
export const tracedFetch =
  (parts: Parameters<typeof inRequestSpan>[0], fetch: Fetch): Fetch =>
  (url, init) =>
    inRequestSpan(parts, { method: init.method ?? 'GET', url }, () => fetch(url, init));

/** Gets each token in a span. */
export const tracedTokens = (spans: Spans, tokens: CachingTokenSource): CachingTokenSource => ({
  getToken: (request, signal) => {
    const { resource, grant } = request;
    // The alias of a resource that the operator has added may name a customer.
    const facts = { 'ptb.resource': isBuiltIn(resource.identifier) ? resource.alias : 'other', 'ptb.grant': grant };
    const get = () => tokens.getToken(request, signal);
    return spans.run('token.get', facts, get, ({ fromCache }) => ({ 'ptb.from_cache': fromCache }));
  },
  getNewerToken: (request) => tokens.getNewerToken(request),
  forgetTenant: (tenantId) => tokens.forgetTenant(tenantId),
});
