/** Helpers for tests that start the simulated cloud in their own process. */
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { signIn } from './client.ts';
import {
  type CloudOptions,
  type OwnReplySelection,
  type OwnReplySource,
  type RunningCloud,
  startCloud,
} from './index.ts';

/**
 * Starts a cloud and makes this process trust its certificate, as `NODE_EXTRA_CA_CERTS` does for a new process.
 * Call `stop()` on the result when the tests end.
 */
export async function startTrustedCloud(options: CloudOptions = {}): Promise<RunningCloud> {
  const cloud = await startCloud(options);
  setDefaultCACertificates([...getCACertificates('default'), cloud.caCertificate]);
  return cloud;
}

/** A cloud in the process of a test. */
export interface TestCloud extends RunningCloud, AsyncDisposable {
  /** Answers requests with a reply of the test. @returns a function that removes the reply. */
  reply(selection: OwnReplySelection, reply: OwnReplySource): () => void;
  /** The same as `stop()`. */
  close(): Promise<void>;
}

/**
 * Starts a cloud on free ports and makes this process trust its certificate. `reset()` between tests puts it back to the
 * start, and `close()` ends it.
 */
export async function createCloud(options: CloudOptions = {}): Promise<TestCloud> {
  const cloud = await startTrustedCloud(options);
  const close = (): Promise<void> => cloud.stop();
  return Object.assign(cloud, {
    reply: (selection: OwnReplySelection, reply: OwnReplySource) => cloud.ownReplies.add(selection, reply),
    close,
    [Symbol.asyncDispose]: close,
  });
}

/**
 * Returns the id of the first tenant in a state or with a trait, for example `no_consent` or `throttled`.
 * @throws Error if no tenant matches.
 */
export function tenantWith({ document }: RunningCloud, stateOrTrait: string): string {
  const found = document.tenants.find(({ state, trait }) => (trait ?? state) === stateOrTrait);
  if (found === undefined) throw new Error(`The cloud has no tenant with the state or trait ${stateOrTrait}.`);
  return found.tenantId;
}

/** Returns the user name of one of the partner's accounts. `broker` is the service account. */
export function account(
  { document }: RunningCloud,
  name: 'admin' | 'broker' | 'nomfa' | 'outsider' | 'disabled' | 'operator' | 'auditor' | 'newcomer',
): string {
  const found = document.accounts.find(({ username }) => username.startsWith(`${name}@`));
  if (found === undefined) throw new Error(`The cloud has no account ${name}.`);
  return found.username;
}

export interface JsonReply {
  readonly status: number;
  readonly headers: Headers;
  /** Empty if the body is not a JSON object. */
  readonly body: Record<string, unknown>;
}

/** Sends a form, as OAuth clients do. */
export async function postForm(url: string, form: Readonly<Record<string, string>>): Promise<JsonReply> {
  return readReply(await fetch(url, { method: 'POST', body: new URLSearchParams(form) }));
}

/** Reads the JSON body of a response. */
export async function readReply(response: Response): Promise<JsonReply> {
  const text = await response.text();
  const body = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {};
  return { status: response.status, headers: response.headers, body };
}

/**
 * Redeems the refresh token of the ready-made application at the version 2.0 token endpoint.
 * @param tenant id or domain.
 * @param form fields that replace or extend those of the request.
 */
export const redeem = (
  { document }: RunningCloud,
  tenant: string,
  form: Readonly<Record<string, string>> = {},
): Promise<JsonReply> =>
  postForm(`${document.entra}/${tenant}/oauth2/v2.0/token`, {
    grant_type: 'refresh_token',
    client_id: document.application.clientId,
    client_secret: document.application.clientSecret,
    refresh_token: document.refreshToken,
    scope: 'https://graph.microsoft.com/.default',
    ...form,
  });

/**
 * Returns an access token of the service account, issued to the ready-made application.
 * @param resource without a trailing slash.
 * @throws Error with Entra's error description.
 */
export async function accessToken(
  cloud: RunningCloud,
  tenant: string,
  resource = 'https://graph.microsoft.com',
): Promise<string> {
  const { status, body } = await redeem(cloud, tenant, { scope: `${resource}/.default` });
  if (status !== 200) throw new Error(String(body['error_description']));
  return String(body['access_token']);
}

/** Sends a request with a bearer token and reads the JSON reply. */
export async function call(url: string, token: string, init: RequestInit = {}): Promise<JsonReply> {
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    ...(init.headers as Record<string, string> | undefined),
  };
  return readReply(await fetch(url, { ...init, headers }));
}

/** Client id of Microsoft Graph Command Line Tools, a public client. */
const graphCommandLineTools = '14d82eec-204b-4c2f-b7e8-296a70dab67e';

/**
 * Returns a Microsoft Graph token for the partner tenant, issued to Microsoft Graph Command Line Tools.
 * @param username the account that signs in. Default: the administrator.
 */
export async function adminToken(cloud: RunningCloud, username = account(cloud, 'admin')): Promise<string> {
  const { control, entra, partnerTenantId } = cloud.document;
  const oauth = `${entra}/${partnerTenantId}/oauth2/v2.0`;
  const request = {
    client_id: graphCommandLineTools,
    redirect_uri: 'http://localhost:51000',
    scope: 'https://graph.microsoft.com/.default offline_access',
  };
  const query = new URLSearchParams({ ...request, response_type: 'code' });
  const redirectUrl = new URL(await signIn(control, `${oauth}/authorize?${query.toString()}`, username));
  const code = redirectUrl.searchParams.get('code') ?? '';
  const { body } = await postForm(`${oauth}/token`, { ...request, grant_type: 'authorization_code', code });
  return String(body['access_token']);
}
