import { azureCliToken } from '../../lib/config/identity.ts';
import type { Secret } from '../../lib/core/secrets.ts';
import { signIn, type SignInMethod } from '../../operator/setup/sign-in.ts';
import { openBrowser } from './browser.ts';
import type { DirectoryTarget } from './target.ts';
import type { Toolbox } from './toolbox.ts';

/** "Microsoft Graph Command Line Tools": a public client that Microsoft provides in every tenant. */
const graphCommandLineTools = '14d82eec-204b-4c2f-b7e8-296a70dab67e';

/** Permissions that the operator needs for setup: the documented least privilege of each request. */
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

/** How the person who runs the command signs in. */
export function signInMethod(options: SignInOptions): SignInMethod {
  if (options.deviceCode !== true) return { kind: 'browser', openBrowser };
  return {
    kind: 'device-code',
    showDeviceCode: ({ userCode, verificationUri, expiresInSeconds }) => {
      process.stderr.write(
        `Open ${verificationUri} on any device and enter the code ${userCode} (valid for ${Math.round(expiresInSeconds / 60)} minutes).\n`,
      );
    },
  };
}

/**
 * A token of the operator for Microsoft Graph.
 * @throws SetupError sign_in_refused; what Entra answers.
 */
export async function operatorToken(
  toolbox: Pick<Toolbox, 'signInDeps'> & { readonly target: DirectoryTarget },
  options: SignInOptions,
  scopes: readonly string[],
): Promise<Secret> {
  const { target, signInDeps } = toolbox;
  const graph = target.cloud.resources.graph;
  if (options.azLogin === true) return azureCliToken(target.partnerTenantId, graph);
  process.stderr.write('Sign in as an administrator of the partner tenant.\n');
  const token = await signIn(signInDeps, signInMethod(options), {
    tenantId: target.partnerTenantId,
    clientId: graphCommandLineTools,
    clientCredential: undefined,
    scopes: scopes.map((scope) => `${graph}/${scope}`),
  });
  return token.accessToken;
}
