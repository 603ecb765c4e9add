import { expect, it } from 'vitest';
import { setupApiCommand } from '../../../../src/lib/core/text.ts';

const tenantId = '99999999-9999-4999-8999-999999999999';
const command = (scope: string, tenant = tenantId): string => setupApiCommand({ tenantId: tenant, scope }, '--url URL');

it('names the applications of the broker', () => {
  expect(command(`api://${tenantId}/broker-prod/access_as_user`)).toBe(
    `ptb setup api --partner-tenant ${tenantId} --name broker-prod --url URL`,
  );
});

it.each([
  ['a scope by client id', `api://${tenantId}/access_as_user`],
  ['a name that is more than a word', `api://${tenantId}/$(rm -rf .)/access_as_user`],
  ['a name with an option', `api://${tenantId}/--yes/access_as_user`],
  ['no scope', ''],
])('has a placeholder for %s', (_what, scope) => {
  expect(command(scope)).toBe(`ptb setup api --partner-tenant ${tenantId} --name NAME --url URL`);
});

it('has placeholders for a tenant that is no word, and for a broker that is not known', () => {
  expect(command('', '; rm')).toContain('--partner-tenant TENANT_ID --name NAME');
  expect(setupApiCommand(undefined, '--url URL')).toBe(
    'ptb setup api --partner-tenant TENANT_ID --name NAME --url URL',
  );
});
