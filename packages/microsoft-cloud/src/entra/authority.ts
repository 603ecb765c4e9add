import type { CustomerTenant } from '../population/tenant.ts';
import type { World } from '../world.ts';
import { Refusal } from './refusal.ts';

/** The tenant that a request is addressed to. */
export interface Authority {
  /** The tenant as the path names it, in lower case. */
  readonly name: string;
  readonly tenantId: string;
  /** Absent for the partner's own tenant. */
  readonly customer: CustomerTenant | undefined;
  /** `common` and `organizations`: the account decides the tenant. All accounts here belong to the partner. */
  readonly isShared: boolean;
}

export const isSharedAuthority = (tenant: string): boolean => tenant === 'common' || tenant === 'organizations';

const tenantPattern = /^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?:[a-z0-9-]+\.)+[a-z]{2,})$/;

/** @throws Refusal AADSTS90002 for an unknown or deleted tenant, 900023 for a malformed name, 9002332 for `consumers`. */
export function findAuthority(world: World, tenant: string): Authority {
  const name = tenant.toLowerCase();
  if (name === 'consumers') throw new Refusal(9002332);
  const partner = { name, tenantId: world.partner.tenantId, customer: undefined };
  if (isSharedAuthority(name)) return { ...partner, isShared: true };
  if (world.isPartner(name)) return { ...partner, isShared: false };
  if (!tenantPattern.test(name)) throw new Refusal(900023, { tenant });
  const customer = world.findCustomer(name);
  if (customer === undefined || customer.state === 'deleted') throw new Refusal(90002, { tenant });
  return { name, tenantId: customer.tenantId, customer, isShared: false };
}
