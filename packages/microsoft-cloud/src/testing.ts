import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { type CloudOptions, type RunningCloud, startCloud } from './index.ts';

/** A running cloud whose certificates this process trusts, as NODE_EXTRA_CA_CERTS would make it. */
export async function startTrustedCloud(options: CloudOptions = {}): Promise<RunningCloud> {
  const cloud = await startCloud(options);
  setDefaultCACertificates([...getCACertificates('default'), cloud.caCertificate]);
  return cloud;
}

/** The id of the first tenant in a state, or with a trait. */
export function tenantWith({ document }: RunningCloud, wanted: string): string {
  const found = document.tenants.find(({ state, trait }) => (trait ?? state) === wanted);
  if (found === undefined) throw new Error(`no tenant is ${wanted}`);
  return found.tenantId;
}

/** The name of one of the partner's accounts. */
export function account(
  { document }: RunningCloud,
  name: 'admin' | 'broker' | 'nomfa' | 'outsider' | 'disabled',
): string {
  const found = document.accounts.find(({ username }) => username.startsWith(`${name}@`));
  if (found === undefined) throw new Error(`no account is ${name}`);
  return found.username;
}

export interface JsonReply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** Sends a form as the public scripts do. */
export async function postForm(url: string, form: Readonly<Record<string, string>>): Promise<JsonReply> {
  return readReply(await fetch(url, { method: 'POST', body: new URLSearchParams(form) }));
}

export async function readReply(response: Response): Promise<JsonReply> {
  const text = await response.text();
  const body = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {};
  return { status: response.status, headers: response.headers, body };
}

/** Redeems the ready-made application's refresh token, version 2.0. */
export const redeem = (
  { document }: RunningCloud,
  tenant: string,
  more: Readonly<Record<string, string>> = {},
): Promise<JsonReply> =>
  postForm(`${document.entra}/${tenant}/oauth2/v2.0/token`, {
    grant_type: 'refresh_token',
    client_id: document.application.clientId,
    client_secret: document.application.clientSecret,
    refresh_token: document.refreshToken,
    scope: 'https://graph.microsoft.com/.default',
    ...more,
  });

/** An access token of the ready-made application for the service account. @throws Error with Entra's answer. */
export async function accessToken(
  cloud: RunningCloud,
  tenant: string,
  resource = 'https://graph.microsoft.com',
): Promise<string> {
  const { status, body } = await redeem(cloud, tenant, { scope: `${resource}/.default` });
  if (status !== 200) throw new Error(String(body['error_description']));
  return String(body['access_token']);
}

/** Sends a request with a bearer token. */
export async function call(url: string, token: string, init: RequestInit = {}): Promise<JsonReply> {
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    ...(init.headers as Record<string, string> | undefined),
  };
  return readReply(await fetch(url, { ...init, headers }));
}

/** A token of an administrator through Microsoft's own command line client, as `ptb setup` gets it. */
export async function adminToken(cloud: RunningCloud, username = account(cloud, 'admin')): Promise<string> {
  const { signIn } = await import('./client.ts');
  const { document } = cloud;
  const clientId = '14d82eec-204b-4c2f-b7e8-296a70dab67e';
  const redirectUri = 'http://localhost:51000';
  const scope = 'https://graph.microsoft.com/.default offline_access';
  const query = new URLSearchParams({ client_id: clientId, response_type: 'code', redirect_uri: redirectUri, scope });
  const address = `${document.entra}/${document.partnerTenantId}/oauth2/v2.0/authorize?${query.toString()}`;
  const code = new URL(await signIn(document.control, address, username)).searchParams.get('code') ?? '';
  const { body } = await postForm(`${document.entra}/${document.partnerTenantId}/oauth2/v2.0/token`, {
    grant_type: 'authorization_code',
    client_id: clientId,
    redirect_uri: redirectUri,
    code,
    scope,
  });
  return String(body['access_token']);
}
