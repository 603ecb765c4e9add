import { expect, it } from 'vitest';
import { createConsentTokens } from '../../../../src/lib/consent/registration.ts';
import { clouds, createResourceRegistry } from '../../../../src/lib/core/resources.ts';
import { Secret, type TokenRequest } from '../../../../src/lib/core/secrets.ts';
import { tenant } from '../../../support/audit-entries.ts';

const [partner, customer] = [tenant(9), tenant(1)];

it('tokens for consents are those of the partner at home, and those behind the gate in a customer', async () => {
  const asked: string[] = [];
  const source = (name: string) => ({
    getToken: async (request: TokenRequest) => {
      const { resource, application, grant, tenantId, purpose } = request;
      const where = tenantId === partner ? 'at home' : 'in the customer';
      asked.push([name, resource.alias, resource.identifier, application, grant, where, purpose].join(' '));
      return { ...request, secret: new Secret(name), scopes: [`scope of ${name}`], expiresAtMs: 0, fromCache: false };
    },
  });
  const resources = createResourceRegistry(clouds.public, []);
  const tokens = createConsentTokens({
    ownTokens: source('own'),
    customerTokens: source('gated'),
    purpose: 'consent',
    resources,
    endpoints: clouds.public.endpoints,
    partnerTenantId: partner,
    newId: () => 'id',
  } as never);
  const addressOf = (alias: string): string => resources.get(alias).identifier;

  expect((await tokens.partnerCenter('reader')).reveal()).toBe('own');
  expect((await tokens.graph('reader', 'application', partner)).reveal()).toBe('own');
  expect((await tokens.graph('reader', 'delegated', customer)).reveal()).toBe('gated');
  // A resource is asked for by the identifier that the app knows, and otherwise by its application id.
  const exchange = '00000002-0000-0ff1-ce00-000000000000';
  expect(await tokens.scopesFor('reader', customer, exchange)).toEqual(['scope of gated']);
  expect(await tokens.scopesFor('reader', customer, tenant(7))).toEqual(['scope of gated']);
  expect(asked).toEqual([
    `own partner-center ${addressOf('partner-center')} reader delegated at home consent`,
    `own graph ${addressOf('graph')} reader application at home consent`,
    `gated graph ${addressOf('graph')} reader delegated in the customer consent`,
    `gated exchange ${addressOf('exchange')} reader delegated in the customer consent`,
    `gated ${tenant(7)} ${tenant(7)} reader delegated in the customer consent`,
  ]);
});
