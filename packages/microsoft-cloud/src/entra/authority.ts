import type { CustomerTenant } from '../population/tenant.ts';
import type { World } from '../world.ts';
import { Refusal } from './refusal.ts';

/** The tenant that a request was sent to. */
export interface Authority {
  /** As it stands in the path, in lower case. */
  readonly asked: string;
  readonly tenantId: string;
  /** Absent for the partner's own tenant. */
  readonly customer: CustomerTenant | undefined;
  /** `common`, `organizations`: the account decides, and every account here is the partner's. */
  readonly shared: boolean;
}

const tenantPattern = /^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?:[a-z0-9-]+\.)+[a-z]{2,})$/;

/** @throws Refusal AADSTS90002 for a tenant that does not exist (any more), 900023 for what cannot be one. */
export function findAuthority(world: World, tenant: string): Authority {
  const asked = tenant.toLowerCase();
  const atHome = { asked, tenantId: world.partner.tenantId, customer: undefined };
  if (asked === 'common' || asked === 'organizations') return { ...atHome, shared: true };
  if (world.isPartner(asked)) return { ...atHome, shared: false };
  if (!tenantPattern.test(asked)) throw new Refusal(900023, { tenant });
  const customer = world.findCustomer(asked);
  if (customer === undefined || customer.state === 'deleted') throw new Refusal(90002, { tenant });
  return { asked, tenantId: customer.tenantId, customer, shared: false };
}
