import type { IncomingHttpHeaders } from 'node:http';
import type { WriteEffect } from '../faults/written-states.ts';

/** The simulated services. Each has its own address. */
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

/** Facts about a request for the ledger and for fault rules. Filled in while the request is served. */
interface RequestFacts {
  tenantId?: string;
  /** OAuth grant of a token request. */
  grant?: string;
  /** Resource of a token request. */
  resource?: string;
  /** Set when the simulation does not know the request. The real service may know it. */
  unmatched?: boolean;
  /** What a fault does to what the request writes. */
  effect?: WriteEffect;
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
  /** Time that the service takes for this reply, milliseconds. */
  readonly delayMs?: number;
}

export interface Service {
  readonly name: ServiceName;
  /** Fills in the facts that fault rules select by. Called before `handle`. */
  identify(request: CloudRequest): void;
  handle(request: CloudRequest): Reply | Promise<Reply>;
  /** Creates the reply for an AADSTS number, with another text if one is given. Only Entra has it. */
  refuse?(request: CloudRequest, aadsts: number, text?: string): Reply;
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
    // The page signs people in: it must not be framed, and must not load anything from elsewhere.
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

/** Escapes text for HTML, including attribute values. */
export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => htmlEscapes[character] ?? '');

/** Parses the body as a form, whatever its content type is. */
export const formOf = (request: CloudRequest): URLSearchParams => new URLSearchParams(request.body);

/** The value of a header. If there are several, the first. */
export function headerOf(request: CloudRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** The token of the `Authorization: Bearer` header. */
export const bearerOf = (request: CloudRequest): string | undefined =>
  /^Bearer +(\S+)$/i.exec(headerOf(request, 'authorization') ?? '')?.[1];

/** Parses a JSON object. Returns undefined for anything else. */
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
