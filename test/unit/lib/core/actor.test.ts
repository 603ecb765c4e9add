import { expect, it } from 'vitest';
import { actorOf, type Caller } from '../../../../src/lib/core/caller.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';

const caller: Caller = {
  applicationId: 'application-1',
  objectId: 'object-1',
  kind: 'user',
  roles: [],
  tenantId: 'tenant-1' as TenantId,
  name: 'ann@partner.example',
};

it('is a person with a name', () => {
  expect(actorOf(caller)).toEqual({ objectId: 'object-1', name: 'ann@partner.example' });
});

it('has the name of an application, and no id in place of a name', () => {
  expect(actorOf({ ...caller, kind: 'application', name: 'application Reports (applicat…)' })).toEqual({
    objectId: 'object-1',
    name: 'application Reports (applicat…)',
  });
  expect(actorOf({ ...caller, kind: 'application', name: 'application-1' })).toEqual({ objectId: 'object-1' });
  expect(actorOf({ ...caller, name: 'application-1' })).toEqual({ objectId: 'object-1' });
});

it('is named for an agent, with the person that it acts for', () => {
  const agent: Caller = {
    ...caller,
    kind: 'agent',
    actsFor: caller.objectId,
    name: 'agent Billing for ann@partner.example',
  };
  expect(actorOf(agent)).toEqual({ objectId: 'object-1', name: 'agent Billing for ann@partner.example' });
});
