import type { IncomingHttpHeaders } from 'node:http';

/** The services that the cloud imitates. Each has an address of its own. */
export const serviceNames = [
  'entra',
  'graph',
  'aadGraph',
  'partnerCenter',
  'exchange',
  'arm',
  'keyVault',
  'managedIdentity',
] as const;
export type ServiceName = (typeof serviceNames)[number];

/** What the ledger and the fault rules want to know of a request; filled in while it is served. */
export interface RequestFacts {
  tenantId?: string;
  /** OAuth grant of a token request. */
  grant?: string;
  /** The resource that a token request asks for. */
  resource?: string;
  /** The service does not know such a request. */
  unmatched?: boolean;
}

export interface CloudRequest {
  readonly method: string;
  /** Decoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly facts: RequestFacts;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Milliseconds that the service takes for it: how a slow tenant is slow. */
  readonly delayMs?: number;
}

export interface Service {
  readonly name: ServiceName;
  /** Fills in the facts that fault rules select by, before anything is done. */
  identify(request: CloudRequest): void;
  handle(request: CloudRequest): Reply | Promise<Reply>;
  /** How this service reports an AADSTS number, where it is the one that does. */
  refuse?(request: CloudRequest, aadsts: number): Reply;
}

export const json = (status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Reply => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
  body: JSON.stringify(value),
});

export const html = (status: number, body: string): Reply => ({
  status,
  headers: {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    // The page holds a sign-in: it must not be framed, nor run anything but what it brings.
    'content-security-policy':
      "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; form-action *; frame-ancestors 'none'",
  },
  body,
});

export const redirect = (location: string): Reply => ({
  status: 302,
  headers: { location, 'cache-control': 'no-store' },
});

export const empty = (status: number, headers: Readonly<Record<string, string>> = {}): Reply => ({ status, headers });

const htmlEscapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text for use inside HTML, attribute values included. */
export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => htmlEscapes[character] ?? '');

/** The form that a body holds, whatever its content type says. */
export const formOf = (request: CloudRequest): URLSearchParams => new URLSearchParams(request.body);

/** A header's value; of several, the first. */
export function headerOf(request: CloudRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** The token after `Bearer`, if there is one. */
export const bearerOf = (request: CloudRequest): string | undefined =>
  /^Bearer +(\S+)$/i.exec(headerOf(request, 'authorization') ?? '')?.[1];

/** The JSON object that a body holds, or undefined when it is none. */
export function jsonObjectOf(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
