import { type CloudRequest, formOf, headerOf } from '../web/http.ts';
import type { World } from '../world.ts';
import { isSinglePageOrigin } from './redirect-address.ts';

/**
 * Lets a page read the reply of the token endpoint, if its origin is registered as a single-page app of the client
 * ("Microsoft identity platform and OAuth 2.0 authorization code flow": redirect URIs for single-page apps).
 */
export function corsHeaders(world: World, request: CloudRequest): Readonly<Record<string, string>> {
  const origin = headerOf(request, 'origin');
  if (origin === undefined) return {};
  const clientId = formOf(request).get('client_id')?.toLowerCase();
  const client = [...world.partner.directory.applications.values()].find(({ appId }) => appId === clientId);
  if (client === undefined || !isSinglePageOrigin(client, origin)) return { vary: 'Origin' };
  return { 'access-control-allow-origin': origin, vary: 'Origin' };
}
