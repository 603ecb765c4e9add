import * as z from 'zod';
import type { SignInAnswer } from '../../lib/api/answers/shared.ts';
import { personScope } from '../../lib/core/caller.ts';
import { cloudNames, clouds } from '../../lib/core/resources.ts';
import { parseTenantId, type TenantId } from '../../lib/core/identifiers.ts';
import { type Fetch, outboundFailure, parseJson, send } from '../../lib/core/outbound.ts';
import { CommandFailure } from '../command-failure.ts';
import { checkAddress } from '../remote/broker-client.ts';
import { isLoopback } from '../remote/loopback.ts';

const answerSchema = z.union([
  z.object({ entraEndpoint: z.string(), tenantId: z.string(), clientId: z.string(), scope: z.string() }),
  z.object({ problem: z.string(), advice: z.string() }),
]);

const timeoutMs = 30_000;
const maxBodyBytes = 64 * 1024;

/**
 * Asks a broker how people sign in to it. The answer decides where the person types a password and who gets the token, so
 * it is trusted only as far as it has to be.
 * @throws CommandFailure resource_error, config_invalid.
 */
export async function readBrokerSignIn(
  fetch: Fetch,
  url: string,
): Promise<SignInAnswer & { readonly tenantId: TenantId }> {
  const reply = await send(fetch, {
    method: 'GET',
    url: `${url}/api/sign-in`,
    headers: {},
    timeoutMs,
    maxBodyBytes,
  }).catch((error: unknown): never => {
    const { code, detail } = outboundFailure(error, 'resource_error', `The broker at ${url}`);
    throw new CommandFailure(code, detail, checkAddress, { cause: error });
  });
  const { success, data } = answerSchema.safeParse(parseJson(reply.body));
  if (reply.status !== 200 || !success)
    throw new CommandFailure(
      'resource_error',
      `The server at ${url} does not say how to sign in (HTTP ${reply.status}).`,
      `${checkAddress} A broker of an earlier version has no sign-in: use az.`,
    );
  if ('problem' in data)
    throw new CommandFailure('config_invalid', `People cannot sign in to ${url}. ${data.problem}`, data.advice);
  const tenantId = parseTenantId(data.tenantId);
  if (tenantId === undefined || !isTrusted(data, url))
    throw new CommandFailure(
      'resource_error',
      `The server at ${url} names a sign-in that is not one of a broker.`,
      'Do not sign in. Check BROKER_URL (or --url).',
    );
  return { ...data, tenantId };
}

/**
 * Whether the sign-in is at Microsoft and for a broker. Without the check, a server in between could have the person sign
 * in elsewhere, or receive a token for Microsoft Graph. A broker on this machine may use a simulated cloud.
 */
function isTrusted({ entraEndpoint, scope }: Pick<SignInAnswer, 'entraEndpoint' | 'scope'>, url: string): boolean {
  const isMicrosoft = cloudNames.some((name) => clouds[name].endpoints.entra === entraEndpoint);
  const isSimulated = isLoopback(url) && isLoopback(entraEndpoint);
  return (isMicrosoft || isSimulated) && scope.endsWith(`/${personScope}`) && !scope.includes(' ');
}
