import { readFile } from 'node:fs/promises';
import { toBrokerError } from '../../lib/core/errors.ts';
import type { GraphClient } from '../../lib/microsoft/graph.ts';
import { type PermissionProfile, profileNames, profiles } from '../../lib/consent/permissions.ts';
import { readProfile } from '../../lib/consent/profile-file.ts';
import { CommandFailure } from '../command-failure.ts';

/** Loads a built-in profile by name, or one from a file. @throws BrokerError config_invalid; what Graph answers. */
export async function loadProfile(name: string, graph: GraphClient): Promise<PermissionProfile> {
  const builtIn = profileNames.find((each) => each === name);
  if (builtIn !== undefined) return profiles[builtIn];
  let text: string;
  try {
    text = await readFile(name, 'utf8');
  } catch {
    const detail = `--permissions: "${name}" is neither ${profileNames.join(' nor ')}, nor a readable file.`;
    throw new CommandFailure('config_invalid', detail, 'Correct the option.');
  }
  return readProfile(graph, text, name).catch((thrown: unknown) => {
    const failure = toBrokerError(thrown);
    if (failure.code !== 'config_invalid') throw thrown;
    throw new CommandFailure(failure.code, failure.detail, 'Correct the file.');
  });
}
