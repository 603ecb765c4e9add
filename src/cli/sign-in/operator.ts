import { azureCliToken } from '../../lib/azure/identity.ts';
import type { Secret } from '../../lib/model/secret.ts';
import { signIn, type SignInMethod } from '../../lib/setup/sign-in.ts';
import { openBrowser } from './browser.ts';
import type { Toolbox } from './toolbox.ts';

/** "Microsoft Graph Command Line Tools": a public client that Microsoft keeps in every tenant for this purpose. */
const graphCommandLineTools = '14d82eec-204b-4c2f-b7e8-296a70dab67e';

/** What setting an application up needs of the operator; each by its documented least privilege. */
export const setupScopes: readonly string[] = [
  'Application.ReadWrite.All',
  'AppRoleAssignment.ReadWrite.All',
  'DelegatedPermissionGrant.ReadWrite.All',
  'Directory.Read.All',
  'GroupMember.ReadWrite.All',
];

export interface SignInOptions {
  readonly deviceCode?: boolean;
  /** Use the account that `az login` signed in. */
  readonly azLogin?: boolean;
}

/** How whoever runs the command is reached. */
export function signInMethod(options: SignInOptions): SignInMethod {
  if (options.deviceCode !== true) return { kind: 'browser', openBrowser };
  return {
    kind: 'device-code',
    showDeviceCode: ({ userCode, verificationUri, expiresInSeconds }) => {
      process.stderr.write(
        `Open ${verificationUri} on any device and enter the code ${userCode} (good for ${Math.round(expiresInSeconds / 60)} minutes).\n`,
      );
    },
  };
}

/**
 * A token of the operator for Microsoft Graph.
 * @throws SetupError sign_in_refused; what Entra answers.
 */
export async function operatorToken(
  toolbox: Toolbox,
  options: SignInOptions,
  scopes: readonly string[],
): Promise<Secret> {
  const { place, signInDeps } = toolbox;
  const graph = place.cloud.resources.graph;
  if (options.azLogin === true) return azureCliToken(place.partnerTenantId, graph);
  process.stderr.write('Sign in as an administrator of the partner tenant.\n');
  const token = await signIn(signInDeps, signInMethod(options), {
    tenantId: place.partnerTenantId,
    clientId: graphCommandLineTools,
    clientCredential: undefined,
    scopes: scopes.map((scope) => `${graph}/${scope}`),
  });
  return token.accessToken;
}
