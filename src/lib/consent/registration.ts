import type { GraphClient } from '../microsoft/client.ts';
import { defaultApplication } from '../core/secrets.ts';
import { SetupError, toBrokerError } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import type { Grant } from '../core/token.ts';
import type { ConsentTokens } from './consent-tokens.ts';
import type { RegisteredApplication } from './directory-state.ts';
import type { PermissionProfile } from './permissions.ts';
import { readApplicationOf } from './read-directory-state.ts';
import { registeredProfile } from './registered-profile.ts';

/** One of the broker's applications as the partner tenant registers it, and the permissions that customers consent to. */
export interface ReadRegistration {
  readonly registered: RegisteredApplication;
  readonly profile: PermissionProfile;
}

/**
 * Reads an application in the partner tenant with the default application: another one may lack the permission. The service
 * account reads, or the application itself if its scopes do not suffice (profile legacy).
 * @param profileOf finds the permissions. Default: those that are registered.
 * @throws SetupError setup_refused if there is no such application; errors of Graph and of the token source.
 */
export async function readRegistration(
  tokens: Pick<ConsentTokens, 'graphIn'>,
  { clientId, partnerTenantId }: { readonly clientId: string; readonly partnerTenantId: TenantId },
  profileOf: (graph: GraphClient, registered: RegisteredApplication) => Promise<PermissionProfile> = registeredProfile,
): Promise<ReadRegistration> {
  const readAs = async (grant: Grant): Promise<ReadRegistration> => {
    const graph = tokens.graphIn(defaultApplication, grant, partnerTenantId);
    const registered = await readApplicationOf(graph, clientId);
    if (registered === undefined) {
      throw new SetupError('setup_refused', `The partner tenant has no application with the client id ${clientId}.`);
    }
    return { registered, profile: await profileOf(graph, registered) };
  };
  try {
    return await readAs('delegated');
  } catch (thrown) {
    if (thrown instanceof SetupError || toBrokerError(thrown).code !== 'access_denied') throw thrown;
    return readAs('application');
  }
}
