import { readFileSync } from 'node:fs';

/** Why tests of Microsoft's published permission file are skipped. */
export const noPublishedPermissions =
  'PTB_TEST_PERMISSIONS does not name a copy of permissions.json of microsoftgraph/microsoft-graph-devx-content';

/**
 * Microsoft's published permission file, which the repository does not contain: the text of the file that
 * `PTB_TEST_PERMISSIONS` names. Undefined without the variable.
 * @throws Error if the file cannot be read.
 */
export function publishedPermissions(): string | undefined {
  const file = process.env['PTB_TEST_PERMISSIONS'];
  return file === undefined ? undefined : readFileSync(file, 'utf8');
}
