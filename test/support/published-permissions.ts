import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { projectRoot } from '../paths.ts';

/**
 * Microsoft's published permission file, which the repository does not contain: the file that `PTB_TEST_PERMISSIONS` names,
 * else `../shared/data/graph-permissions.json` beside the project. Undefined if there is none; the reason is printed.
 */
export function publishedPermissions(): string | undefined {
  const file = permissionFile();
  if (existsSync(file)) return readFileSync(file, 'utf8');
  console.log(
    `Skipped: no published permission file at ${file}. Set PTB_TEST_PERMISSIONS to a copy of permissions.json of microsoftgraph/microsoft-graph-devx-content.`,
  );
  return undefined;
}

/** A file beside the published permission file; undefined if there is none. */
export function besidePublishedPermissions(name: string): string | undefined {
  const file = join(dirname(permissionFile()), name);
  if (existsSync(file)) return readFileSync(file, 'utf8');
  console.log(`Skipped: no file ${file}.`);
  return undefined;
}

const permissionFile = (): string =>
  process.env['PTB_TEST_PERMISSIONS'] ?? join(projectRoot, '../shared/data/graph-permissions.json');
