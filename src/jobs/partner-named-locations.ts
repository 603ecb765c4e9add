import { isIPv4, isIPv6 } from 'node:net';
import * as z from 'zod';
import { create } from '../lib/changes/change.ts';
import { defineChange } from '../lib/changes/define-change.ts';
import { BrokerError } from '../lib/core/errors.ts';
import { requireEntraPremium } from './parts.ts';

const collection = '/identity/conditionalAccess/namedLocations';
const ipNamedLocation = '#microsoft.graph.ipNamedLocation';
const location = z.object({ '@odata.type': z.string(), displayName: z.string().nullish() });

/** IPv4 from /8 on, as Microsoft Entra takes it ("Conditional Access: Network assignment"). */
function isRange(range: string): boolean {
  const [address = '', mask = ''] = range.split('/');
  if (!/^[^/]+\/(?:0|[1-9]\d{0,2})$/.test(range)) return false;
  return isIPv4(address) ? Number(mask) >= 8 && Number(mask) <= 32 : isIPv6(address) && Number(mask) <= 128;
}

export default defineChange({
  name: 'partner-named-locations',
  title: 'The named location of the partner',
  description:
    'Creates a named location with the IP ranges of the partner, or sets the ranges of the one with this name. It is not marked as trusted, and no policy uses it yet: a policy that names a new location may be refused for some minutes (error 1040). Needs Entra ID P1. Taking it back is refused while a policy uses the location.',
  topic: 'identity',
  // The pages "Create" and "Update namedLocation" ask for both.
  permissions: ['Policy.ReadWrite.ConditionalAccess', 'Policy.Read.All', 'Organization.Read.All'],
  directoryRoles: ['Conditional Access Administrator', 'Security Administrator'],
  parameters: z.object({
    name: z.string().trim().min(1).max(256).default('Partner').meta({ title: 'Name of the location' }),
    ranges: z
      .array(z.string().refine(isRange, 'must be a range such as 198.51.100.0/24 or 2001:db8::/32'))
      .min(1)
      .max(2_000)
      .meta({ title: 'IP ranges', description: 'Such as 198.51.100.0/24. The list replaces the one in the tenant.' }),
  }),
  async plan({ graph, parameters: { name, ranges } }) {
    await requireEntraPremium(graph, 'named locations');
    for await (const { displayName, '@odata.type': type } of graph.list(collection, { shape: location }))
      if (displayName === name && type !== ipNamedLocation)
        throw new BrokerError(
          'job_failed',
          `The named location "${name}" is no list of IP ranges. Choose another name.`,
        );
    const ipRanges = [...new Set(ranges)].map((cidrAddress) => ({
      '@odata.type': `#microsoft.graph.${cidrAddress.includes(':') ? 'iPv6CidrRange' : 'iPv4CidrRange'}`,
      cidrAddress,
    }));
    return [
      create(collection, { '@odata.type': ipNamedLocation, displayName: name, ipRanges }, { key: ['displayName'] }),
    ];
  },
});
