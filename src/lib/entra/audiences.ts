import { clouds } from '../model/clouds.ts';

/** Application ids of the built-in resources, by alias: version 2.0 tokens name their resource so. */
const applicationIds: Readonly<Record<string, string>> = {
  graph: '00000003-0000-0000-c000-000000000000',
  'aad-graph': '00000002-0000-0000-c000-000000000000',
  exchange: '00000002-0000-0ff1-ce00-000000000000',
  'partner-center': 'fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd',
  arm: '797f4846-ba00-4fd7-ba43-dac1f8f63013',
};

/** Further names under which Microsoft's resources put themselves into tokens. */
const otherNames: Readonly<Record<string, readonly string[]>> = {
  arm: [
    'https://management.core.windows.net',
    'https://management.core.usgovcloudapi.net',
    'https://management.core.chinacloudapi.cn',
  ],
  exchange: ['https://outlook.office.com', 'https://ps.outlook.com'],
};

/** Identifier of a built-in resource, in any cloud → all names by which a token may call it. */
const namesOf: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.values(clouds).flatMap(({ resources }) =>
    Object.entries(resources).map(([alias, identifier]: [string, string]) => [
      identifier,
      new Set([identifier, applicationIds[alias] ?? identifier, ...(otherNames[alias] ?? [])]),
    ]),
  ),
);

const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Whether a token with this `aud` is for the resource. A resource that configuration added is known by its identifier
 * only; its version 2.0 tokens carry its application id, so any GUID passes for it.
 */
export function isAudienceOf(audience: string, identifier: string): boolean {
  const name = audience.replace(/\/+$/, '');
  const known = namesOf.get(identifier);
  if (known !== undefined) return known.has(name.toLowerCase());
  return name === identifier || guid.test(name);
}
