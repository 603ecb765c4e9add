import type { Declaration } from '../../graph/declaration.ts';
import { collaborationSets } from './sets/collaboration.ts';
import { configurationSets } from './sets/configuration.ts';
import { defaultSets } from './sets/defaults.ts';
import { deviceSets } from './sets/devices.ts';
import { groupSets } from './sets/groups.ts';
import { monitoringSets } from './sets/monitoring.ts';
import { policySets } from './sets/policies.ts';
import { roleSets } from './sets/roles.ts';
import { reportSets, tenantSets } from './sets/tenant.ts';
import { userSets } from './sets/users.ts';

/** All data that Graph serves, besides applications, service principals and grants. */
export const declarations: readonly Declaration[] = [
  ...userSets,
  ...groupSets,
  ...roleSets,
  ...policySets,
  ...defaultSets,
  ...configurationSets,
  ...monitoringSets,
  ...deviceSets,
  ...collaborationSets,
  ...tenantSets,
  ...reportSets,
];
