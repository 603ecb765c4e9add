import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CorsSettings } from '../app/settings.ts';

/**
 * Adds the CORS headers for an allowed origin, as the middleware of ASP.NET does: every method and header is allowed.
 * @returns whether the request is a preflight request, which needs no other answer than 204.
 */
export function applyCors(
  { origins, credentials }: CorsSettings,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const { origin } = request.headers;
  if (origin === undefined) return false;
  const any = origins.includes('*');
  const requestedMethod = request.headers['access-control-request-method'];
  const preflight = request.method === 'OPTIONS' && requestedMethod !== undefined;
  if (any || origins.some((allowed) => allowed.toLowerCase() === origin.toLowerCase())) {
    response.setHeader('access-control-allow-origin', any && !credentials ? '*' : origin);
    if (!any || credentials) response.setHeader('vary', 'Origin');
    if (credentials) response.setHeader('access-control-allow-credentials', 'true');
    if (preflight) {
      response.setHeader('access-control-allow-methods', requestedMethod);
      const requestedHeaders = request.headers['access-control-request-headers'];
      if (requestedHeaders !== undefined) response.setHeader('access-control-allow-headers', requestedHeaders);
    }
  }
  return preflight;
}
