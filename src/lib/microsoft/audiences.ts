import { clouds } from '../core/clouds.ts';

/** Application ids of the built-in resources by alias. Version 2.0 tokens have them as `aud`. */
const applicationIds: Readonly<Record<string, string>> = {
  graph: '00000003-0000-0000-c000-000000000000',
  'aad-graph': '00000002-0000-0000-c000-000000000000',
  exchange: '00000002-0000-0ff1-ce00-000000000000',
  'partner-center': 'fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd',
  arm: '797f4846-ba00-4fd7-ba43-dac1f8f63013',
  'office-management': 'c5393580-f805-4401-95e8-94b7a6ef2fc2',
  defender: 'fc780465-2017-40d4-a0c5-307022471b92',
  teams: '48ac35b8-9aa8-4d74-927d-1f4a14a0b239',
  // Exchange Online serves both addresses.
  compliance: '00000002-0000-0ff1-ce00-000000000000',
};

/** Other values of `aud` that tokens for Microsoft's resources have. */
const otherNames: Readonly<Record<string, readonly string[]>> = {
  arm: [
    'https://management.core.windows.net',
    'https://management.core.usgovcloudapi.net',
    'https://management.core.chinacloudapi.cn',
  ],
  exchange: ['https://outlook.office.com', 'https://ps.outlook.com'],
  defender: ['https://api.security.microsoft.com'],
};

/** All values of `aud` by the identifier of a built-in resource in any cloud. */
const namesOf: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.values(clouds).flatMap(({ resources, furtherResources }) =>
    Object.entries({ ...resources, ...furtherResources }).map(([alias, identifier]: [string, string]) => [
      identifier,
      new Set([identifier, applicationIds[alias] ?? identifier, ...(otherNames[alias] ?? [])]),
    ]),
  ),
);

const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
export const isGuid = (text: string): boolean => guid.test(text);

/**
 * Whether a token with this `aud` is for the resource. Version 2.0 tokens of a resource in RESOURCES have its application
 * id, which is in its identifier (`api://GUID` or a GUID) or configured beside it.
 */
export function isAudienceOf(audience: string, identifier: string, applicationId?: string): boolean {
  const name = audience.replace(/(?<!\/)\/+$/, '');
  const known = namesOf.get(identifier);
  if (known !== undefined) return known.has(name.toLowerCase());
  const id = (applicationId ?? identifier.replace(/^api:\/\//i, '')).toLowerCase();
  return name === identifier || (isGuid(id) && [id, `api://${id}`].includes(name.toLowerCase()));
}

/** Whether the resource is one of RESOURCES, and not built in. */
export const isConfigured = (identifier: string): boolean => !namesOf.has(identifier);
