import type { TokenRequest } from '../../../../src/lib/broker/token.ts';
import type { TenantId } from '../../../../src/lib/identifiers.ts';

export const partner = 'aaaaaaaa-0000-4000-8000-000000000000' as TenantId;
export const tenant = (n: number): TenantId => `bbbbbbbb-0000-4000-8000-${String(n).padStart(12, '0')}` as TenantId;
export const graph = { alias: 'graph', identifier: 'https://graph.microsoft.com' };

/** A request for a delegated token of Microsoft Graph in the nth tenant. */
export const request = (n: number, more: Partial<TokenRequest> = {}): TokenRequest => ({
  tenantId: tenant(n),
  resource: graph,
  grant: 'delegated',
  application: 'default',
  minimumLifetimeSeconds: 300,
  correlationId: 'cccccccc-0000-4000-8000-000000000000',
  ...more,
});
