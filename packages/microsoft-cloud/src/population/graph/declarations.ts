import type { Declaration } from '../../graph/declaration.ts';
import { securityDefaults } from './security-defaults.ts';

/** All data that Graph serves, besides applications, service principals and grants. */
export const declarations: readonly Declaration[] = [securityDefaults];
