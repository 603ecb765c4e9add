import type { Command } from 'commander';
import { callerRoles } from '../../lib/core/caller.ts';
import type { SignInAnswer } from '../../lib/api/answers/shared.ts';
import type { RedeemedToken } from '../../lib/microsoft/token-reply.ts';
import type { TenantId } from '../../lib/core/identifiers.ts';
import { isoTime } from '../../lib/core/clock.ts';
import { BrokerError, SetupError } from '../../lib/core/errors.ts';
import { setupApiCommand } from '../../lib/core/text.ts';
import type { SignInFiles } from '../login/sign-in-files.ts';
import { CommandFailure } from '../command-failure.ts';
import { addUrlOption, brokerFetch, type ConnectionFlags } from '../remote/connection.ts';
import { knownAddress, type Places, places } from '../remote/places.ts';
import { interruptible } from '../sign-in/interruptible.ts';
import { print, say } from '../sign-in/output.ts';

interface LoginFlags extends Pick<ConnectionFlags, 'url'> {
  readonly deviceCode?: true;
  readonly json?: true;
}

interface LogoutFlags extends Pick<ConnectionFlags, 'url'> {
  readonly all?: true;
  readonly json?: true;
}

/** `ptb login` and `ptb logout`: sign a person in to a broker without the Azure CLI. */
export function registerLogin(program: Command): void {
  const login = program
    .command('login')
    .description('Sign in to a broker with Microsoft, for the commands that call it. The Azure CLI is not needed.')
    .option(
      '--device-code',
      'sign in with a code on another device, if no browser can be opened here (policies often block this)',
    )
    .option('--json', 'one JSON document on standard output');
  addUrlOption(login).action(interruptible(logIn));
  const logout = program
    .command('logout')
    .description('Forget a sign-in of `ptb login` on this machine.')
    .option('--all', 'forget the sign-ins to every broker')
    .option('--json', 'one JSON document on standard output');
  addUrlOption(logout).action(logOut);
}

async function logIn(flags: LoginFlags, signal: AbortSignal): Promise<void> {
  const { files, ...others } = places();
  const url = await knownAddress(flags, { files, ...others });
  const { readBrokerSignIn } = await import('../login/broker-sign-in.ts');
  const settings = await readBrokerSignIn(brokerFetch({}), url);
  const token = await tokensFor(settings, url, { flags, files, signal });
  const { accessToken, refreshToken, expiresAtMs, claims } = token;
  if (refreshToken === undefined)
    throw new SetupError('sign_in_refused', 'Entra issued no refresh token, so the sign-in cannot be kept.');
  const account = claims.username ?? 'unknown';
  const { entraEndpoint, tenantId, clientId, scope } = settings;
  await files.save({
    url,
    entraEndpoint,
    tenantId,
    clientId,
    scope,
    account,
    accessToken: accessToken.reveal(),
    expiresAtMs,
    refreshToken: refreshToken.reveal(),
  });
  const roles = rolesOf(token);
  print(flags.json, { url, account, roles, expiresAt: isoTime(expiresAtMs) }, [
    `Signed in to ${url} as ${account}.`,
    `Roles: ${roles.length === 0 ? 'none' : roles.join(', ')}`,
  ]);
  if (roles.length === 0)
    say(
      `The account has no app role of this broker, so it may read nothing. Whoever administers the broker runs: ${setupApiCommand(settings, `--principal ${claims.objectId ?? 'OBJECT_ID'} --role Runs.Read`)}`,
    );
}

interface Login {
  readonly flags: LoginFlags;
  readonly files: SignInFiles;
  readonly signal: AbortSignal;
}

/** Signs the person in. The server has named the application, so the person sees which one before the sign-in starts. */
async function tokensFor(
  settings: SignInAnswer & { readonly tenantId: TenantId },
  url: string,
  { flags, files, signal }: Login,
): Promise<RedeemedToken> {
  const [
    { personSignInDeps, signInRequest },
    { refuseScopeOfOther, refuseTokenOfOther },
    { signIn },
    { signInMethod },
  ] = await Promise.all([
    import('../login/kept-token.ts'),
    import('../login/other-broker.ts'),
    import('../../operator/setup/sign-in.ts'),
    import('../sign-in/operator.ts'),
  ]);
  const { entraEndpoint, tenantId, clientId, scope } = settings;
  const kept = await files.list();
  refuseScopeOfOther(kept, { url, scope });
  say(`Signing in to ${new URL(url).host}: tenant ${tenantId}, application ${clientId}, scope ${scope}.`);
  const deps = { ...personSignInDeps, entraEndpoint, signal };
  const token = await signIn(deps, signInMethod(flags), signInRequest(settings)).catch((thrown: unknown): never => {
    throw flags.deviceCode === true ? deviceCodeFailure(thrown, settings) : thrown;
  });
  refuseTokenOfOther(kept, url, token.accessToken);
  return token;
}

/** Entra asks a client that may not use the flow for a secret. */
function deviceCodeFailure(thrown: unknown, settings: SignInAnswer): unknown {
  if (!(thrown instanceof BrokerError) || !thrown.detail.includes('AADSTS7000218')) return thrown;
  const command = setupApiCommand(settings, '--no-roles --allow-device-code');
  return new CommandFailure(
    'config_invalid',
    'The sign-in application does not allow device codes (AADSTS7000218).',
    `Sign in with a browser, or have whoever administers the broker run: ${command}`,
    { cause: thrown },
  );
}

const rolesOf = ({ claims }: RedeemedToken): readonly string[] =>
  callerRoles.filter((role) => claims.scopes?.includes(role) === true);

/** The demo in this folder is left out: its token is not one of `ptb login`. */
async function addressToForget(flags: LogoutFlags, { files }: Places): Promise<readonly string[]> {
  if (flags.url === undefined && (await files.list()).length === 0) return [];
  return [await knownAddress(flags, { files, demo: () => Promise.resolve(undefined) })];
}

async function logOut(flags: LogoutFlags): Promise<void> {
  const known = places();
  const urls = flags.all ? (await known.files.list()).map(({ url }) => url) : await addressToForget(flags, known);
  const forgotten: string[] = [];
  for (const url of urls) if (await known.files.drop(url)) forgotten.push(url);
  print(
    flags.json,
    { forgotten },
    forgotten.length === 0
      ? [`There was no sign-in${urls.length === 0 ? '' : ` to ${urls.join(' and ')}`} to forget.`]
      : [
          `Forgot the sign-in to ${forgotten.join(' and ')}.`,
          'Microsoft has no way to end a single refresh token. If the file may have been copied, have the sessions of the account revoked.',
        ],
  );
}
