import { readFile } from 'node:fs/promises';
import { BrokerError } from '../../lib/errors.ts';
import type { GraphClient } from '../../lib/graph/client.ts';
import { type PermissionProfile, profileNames, profiles } from '../../lib/setup/permissions.ts';
import { readProfile } from '../../lib/setup/profile-file.ts';

/** A built-in profile by name, or one from a file. @throws BrokerError config_invalid. */
export async function loadProfile(name: string, graph: GraphClient): Promise<PermissionProfile> {
  const builtIn = profileNames.find((each) => each === name);
  if (builtIn !== undefined) return profiles[builtIn];
  let text: string;
  try {
    text = await readFile(name, 'utf8');
  } catch {
    throw new BrokerError(
      'config_invalid',
      `--profile: "${name}" is neither ${profileNames.join(' nor ')}, nor a file that can be read.`,
    );
  }
  return readProfile(graph, text, name);
}
