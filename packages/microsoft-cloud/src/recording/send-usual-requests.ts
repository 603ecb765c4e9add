import { recordOf } from './pair.ts';
import { usualRequests } from './usual-requests.ts';

interface Sending {
  /** Address of the recorder. */
  readonly address: string;
  readonly token: string;
  readonly fetch: typeof fetch;
  /** Ends the sending between two requests. */
  readonly signal: AbortSignal;
}

/**
 * Sends the requests of requests.md, which only read, each with its second page, to a recorder.
 * @throws Error if the service refuses the token.
 */
export async function sendUsualRequests(sending: Sending): Promise<void> {
  const [user, group] = [await firstId(sending, 'users'), await firstId(sending, 'groups')];
  for (const { request, isAdvanced } of usualRequests) {
    if (sending.signal.aborted) return;
    const path = request.replace(/\{(?:user|mailbox)\}/, user).replace('{group}', group);
    // Without a user or group in the tenant.
    if (path.includes('//')) continue;
    const headers = isAdvanced === true ? { consistencylevel: 'eventual' } : {};
    const next = (await get(sending, `${sending.address}/v1.0${path}`, headers)).body['@odata.nextLink'];
    if (typeof next === 'string' && next.startsWith(`${sending.address}/`)) await get(sending, next, headers);
  }
}

async function firstId(sending: Sending, list: string): Promise<string> {
  const { status, body } = await get(sending, `${sending.address}/v1.0/${list}?$top=1`);
  // A later request may meet a service behind Graph that refuses a token which Graph accepts.
  if (status === 401)
    throw new Error('the service refuses the token in GRAPH_TOKEN: it may have expired, or be for something else');
  const { value } = body;
  const { id } = recordOf(Array.isArray(value) ? value[0] : undefined);
  return typeof id === 'string' ? id : '';
}

/** The body is empty for a reply that is no object, or that does not arrive: the recorder reports it. */
async function get(
  { token, fetch, signal }: Sending,
  address: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number | undefined; readonly body: Readonly<Record<string, unknown>> }> {
  const authorization = `Bearer ${token}`;
  const reply = await fetch(address, { headers: { ...headers, authorization }, redirect: 'manual', signal }).catch(
    () => undefined,
  );
  return { status: reply?.status, body: recordOf(await reply?.json().catch(() => undefined)) };
}
