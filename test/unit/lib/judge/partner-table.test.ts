import { describe, expect, it } from 'vitest';
import { partnerMap } from 'graph-permissions/partner-table';
import { type Method, opens } from 'graph-permissions/permission-map';
import { templateSegments } from 'graph-permissions/template';
import { applicationRoutes } from '../../../../packages/microsoft-cloud/src/graph/applications.ts';
import { groupRoutes } from '../../../../packages/microsoft-cloud/src/graph/groups.ts';
import { ownerRoutes } from '../../../../packages/microsoft-cloud/src/graph/owners.ts';
import { permissionGrantRoutes } from '../../../../packages/microsoft-cloud/src/graph/permission-grants.ts';
import { servicePrincipalRoutes } from '../../../../packages/microsoft-cloud/src/graph/service-principals.ts';
import { applicationSets } from '../../../../packages/microsoft-cloud/src/graph/sets/applications.ts';
import { relationshipSets } from '../../../../packages/microsoft-cloud/src/graph/sets/relationships.ts';
import { declarations } from '../../../../packages/microsoft-cloud/src/population/graph/declarations.ts';
import { userRoutes } from '../../../../packages/microsoft-cloud/src/graph/users.ts';
import { locationOf } from '../../../../src/lib/judge/resolve.ts';

const map = partnerMap();
/**
 * Paths that the simulated Graph serves and the published permission file does not list. The gateway refuses them, also
 * where `$expand` names them.
 */
const unlisted: readonly RegExp[] = [
  /^drives$/,
  /^users\/\{id\}\/authentication$/,
  /^roleManagement\/directory\/role\w+\/\{id\}\/(?:principal|roleDefinition)$/,
  /^security\/incidents\/\{id\}\/alerts$/,
  /^admin\/serviceAnnouncement\/healthOverviews\/\{id\}\/issues$/,
  /^identity\/conditionalAccess\/authenticationStrength\/policies$/,
  /^admin\/configurationManagement\/(?:configurationMonitors\/\{id\}\/baseline|configurationSnapshots)$/,
  // Is listed for applications only. Tokens of the gateway are delegated.
  /^sites\/getAllSites$/,
];
const routes = [
  ...applicationRoutes,
  ...groupRoutes,
  ...ownerRoutes,
  ...permissionGrantRoutes,
  ...servicePrincipalRoutes,
  ...userRoutes,
]
  .map(({ method, pattern }) => [method, pattern] as const)
  .concat(
    [...applicationSets, ...relationshipSets, ...declarations]
      .filter(({ path }) => !unlisted.some((pattern) => pattern.test(path)))
      .map(({ path }) => ['GET', `/v1.0/${path}`] as const),
  );

describe('the permission table', () => {
  it.each(routes.filter(([, pattern]) => pattern.startsWith('/v1.0/')))(
    'lists %s %s, which the simulated Graph serves',
    (method, pattern) => {
      const template = pattern.replace('/v1.0', '').replaceAll(/=(?:'\{\w+\}')/g, '={value}');
      const listed = [template, template.replace(/\/\$ref$/, '')]
        .map((path) => locationOf(map, templateSegments(path) ?? ['']))
        .flatMap((place) => place?.nodes ?? []);
      expect(listed.some((node) => opens(map, node, method as Method, 'delegated'))).toBe(true);
    },
  );
});
