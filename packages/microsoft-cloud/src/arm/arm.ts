import { armAppId } from '../directory/microsoft-resources.ts';
import { callerOf, identifyByToken } from '../resource/caller.ts';
import { json, type Reply, type Service } from '../web/http.ts';
import type { World } from '../world.ts';

const failure = (status: number, code: string, message: string): Reply => json(status, { error: { code, message } });

/** Azure Resource Manager: lists the subscriptions and tenants of a token. */
export function createArm(world: World): Service {
  return {
    name: 'arm',
    identify: identifyByToken,
    handle: async (request) => {
      const caller = await callerOf(world, request, armAppId);
      if (typeof caller === 'string') {
        const challenge = {
          'www-authenticate': `Bearer authorization_uri="${world.addresses().entra}/${world.partner.tenantId}", error="invalid_token"`,
        };
        return {
          ...failure(
            401,
            'AuthenticationFailed',
            'Authentication failed. The access token is missing, invalid or expired.',
          ),
          headers: { 'content-type': 'application/json', ...challenge },
        };
      }
      const path = request.path.replace(/\/$/, '').toLowerCase();
      if (request.method !== 'GET' || (path !== '/subscriptions' && path !== '/tenants')) {
        request.facts.unmatched = true;
        return failure(404, 'ResourceNotFound', 'The resource was not found.');
      }
      if (request.query.get('api-version') === null) {
        return failure(
          400,
          'MissingApiVersionParameter',
          'The api-version query parameter (?api-version=) is required for all requests.',
        );
      }
      const { tenantId } = caller;
      if (path === '/tenants') return json(200, { value: [{ id: `/tenants/${tenantId}`, tenantId }] });
      const subscriptionId = world.seeded.guid('azure-subscription', tenantId);
      const subscription = {
        id: `/subscriptions/${subscriptionId}`,
        subscriptionId,
        tenantId,
        displayName: 'Azure plan',
        state: 'Enabled',
        authorizationSource: 'RoleBased',
      };
      return json(200, { value: [subscription], count: { type: 'Total', value: 1 } });
    },
  };
}
