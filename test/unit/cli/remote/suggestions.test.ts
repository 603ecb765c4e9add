import { expect, it } from 'vitest';
import { planSuggestions, tenantSuggestions } from '../../../../src/cli/remote/suggestions.ts';

const client = {
  glance: async () => ({
    tenants: [
      {
        tenantId: 'id-1',
        defaultDomain: 'contoso.com',
        name: 'Contoso',
        tags: ['managed', 'tier=a'],
        groups: ['gold'],
      },
      { tenantId: 'id-2', name: 'Fabrikam', tags: ['managed'], groups: [] },
      { tenantId: 'id-3', name: 'Tailspin' },
    ],
    groups: ['gold', 'empty', '$(id)'],
  }),
};

const tenants = [
  { value: 'contoso.com', description: 'Contoso' },
  { value: 'id-2', description: 'Fabrikam' },
  { value: 'id-3', description: 'Tailspin' },
];

it('suggests groups and tags with their numbers of tenants where they may be named', async () => {
  expect(await tenantSuggestions(client, true)).toEqual([
    ...tenants,
    { value: 'group:gold', description: '1 tenant' },
    { value: 'group:empty', description: '0 tenants' },
    { value: 'tag:managed', description: '2 tenants' },
    { value: 'tag:tier', description: '1 tenant' },
    { value: 'tag:tier=a', description: '1 tenant' },
  ]);
});

it('suggests tenants only where a command takes one tenant', async () => {
  expect(await tenantSuggestions(client)).toEqual(tenants);
});

it('suggests the tenants of a broker that has no groups and tags', async () => {
  const older = { glance: async () => ({ tenants: [{ tenantId: 'id-1', name: 'Contoso' }] }) };
  expect(await tenantSuggestions(older, true)).toEqual([{ value: 'id-1', description: 'Contoso' }]);
});

it('suggests plans with their state and age, and none that a shell would execute', async () => {
  const plan = { planId: 'block@1', status: 'completed', madeAt: '2026-11-24T11:00:00Z' };
  const answer = { plans: [plan, { ...plan, planId: 'block@$(id)' }] };
  const nowMs = Date.parse('2026-11-24T13:00:00Z');
  expect(await planSuggestions({ glance: async () => answer }, nowMs)).toEqual([
    { value: 'block@1', description: 'ready, 2 h ago' },
  ]);
});
