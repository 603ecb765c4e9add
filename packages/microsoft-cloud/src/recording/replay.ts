import { methods } from 'graph-permissions/permission-map';
import { required } from 'graph-permissions/required';
import type { RunningCloud } from '../index.ts';
import { account, createCloud, postForm } from '../testing.ts';
import { signIn } from '../client.ts';
import { type Comparison, comparePair } from './compare.ts';
import type { Pair } from './pair.ts';

/** Compares pairs with a simulation that starts for them, as the administrator of the partner. */
export async function replay(pairs: readonly Pair[]): Promise<readonly Comparison[]> {
  const cloud = await createCloud();
  try {
    const found: Comparison[] = [];
    const client = { cloud, fetch, tokenFor: (each: Pair) => tokenFor(cloud, each), links: new Map<string, string>() };
    for (const pair of pairs) found.push(await comparePair(client, pair));
    return found;
  } finally {
    await cloud.close();
  }
}

/** Client id of Microsoft Graph Command Line Tools, which needs no consent. */
const clientId = '14d82eec-204b-4c2f-b7e8-296a70dab67e';

/** A token with the delegated permissions that the permission map lists for the request. */
async function tokenFor(cloud: RunningCloud, { request }: Pair): Promise<string> {
  const path = (request.path.split('?', 1)[0] ?? '').replace(/^\/(?:v1\.0|beta)/, '');
  const method = methods.find((each) => each === request.method) ?? 'GET';
  const openings = required(cloud.world.graphPermissions.map(), method, path)?.delegated ?? [];
  const needed = openings.slice(0, 5).map(({ permission }) => `https://graph.microsoft.com/${permission}`);
  const scope = ['https://graph.microsoft.com/Directory.AccessAsUser.All', ...needed, 'offline_access'].join(' ');
  const form = { client_id: clientId, redirect_uri: 'http://localhost:51000', scope };
  const oauth = `${cloud.document.entra}/${cloud.document.partnerTenantId}/oauth2/v2.0`;
  const query = new URLSearchParams({ ...form, response_type: 'code' });
  const address = await signIn(cloud.control, `${oauth}/authorize?${query.toString()}`, account(cloud, 'admin'));
  const code = new URL(address).searchParams.get('code') ?? '';
  const { body } = await postForm(`${oauth}/token`, { ...form, grant_type: 'authorization_code', code });
  return String(body['access_token']);
}
