import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { projectRoot } from '../paths.ts';

/** Why tests beside Microsoft's published permission file are skipped. */
export const noPublishedPermissions =
  'there is no published permission file; set PTB_TEST_PERMISSIONS to a copy of permissions.json of microsoftgraph/microsoft-graph-devx-content';

/**
 * Microsoft's published permission file, which the repository does not contain: the file that `PTB_TEST_PERMISSIONS` names,
 * else `../shared/data/graph-permissions.json` beside the project. Undefined if there is none.
 */
export const publishedPermissions = (): string | undefined => textOf(permissionFile());

/** A file beside the published permission file; undefined if there is none. */
export const besidePublishedPermissions = (name: string): string | undefined =>
  textOf(join(dirname(permissionFile()), name));

const textOf = (file: string): string | undefined => (existsSync(file) ? readFileSync(file, 'utf8') : undefined);

const permissionFile = (): string =>
  process.env['PTB_TEST_PERMISSIONS'] ?? join(projectRoot, '../shared/data/graph-permissions.json');
