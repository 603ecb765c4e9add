import type { World } from '../world.ts';

/**
 * The text records of a name (RFC 7208, RFC 7489). Undefined: the name does not exist. Customers have a record for SPF at their
 * domain, and some one for DMARC below it; those of the initial domain belong to Microsoft.
 */
export function textRecords({ customers, seeded }: World, name: string): readonly string[] | undefined {
  const domain = name.replace(/^_dmarc\./, '');
  const customer = customers.find(({ initialDomain, defaultDomain }) =>
    [initialDomain, defaultDomain].includes(domain),
  );
  if (customer === undefined) return undefined;
  const isInitial = domain === customer.initialDomain;
  const chance = seeded.random('dns', name)();
  if (name !== domain) return isInitial || chance < 0.35 ? undefined : [dmarc(domain, chance)];
  if (isInitial) return ['v=spf1 include:spf.protection.outlook.com -all'];
  const verification = `MS=ms${Math.floor(chance * 1e8)}`;
  if (chance < 0.15) return [verification];
  return [verification, `v=spf1 include:spf.protection.outlook.com ${chance < 0.5 ? '~all' : '-all'}`];
}

const dmarc = (domain: string, chance: number): string =>
  `v=DMARC1; p=${chance < 0.6 ? 'none' : chance < 0.8 ? 'quarantine' : 'reject'}; rua=mailto:dmarc@${domain}`;
