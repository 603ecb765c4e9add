/** Requests to the simulated Graph for its benchmark. */
import { readFile } from 'node:fs/promises';
import type { CloudDocument } from 'microsoft-cloud';
import { Agent, fetch } from 'undici';

export interface GraphRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

const dispatcherOf = async ({ caCertificatePath }: CloudDocument): Promise<Agent> =>
  new Agent({ connect: { ca: await readFile(caCertificatePath, 'utf8') } });

/** Redeems the refresh token of the ready-made application. */
async function graphToken({ entra, application, refreshToken }: CloudDocument, tenantId: string, dispatcher: Agent) {
  const answer = await fetch(`${entra}/${tenantId}/oauth2/v2.0/token`, {
    method: 'POST',
    dispatcher,
    body: new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: application.clientId,
      client_secret: application.clientSecret,
      refresh_token: refreshToken,
      scope: 'https://graph.microsoft.com/.default',
    }),
  });
  return ((await answer.json()) as { readonly access_token: string }).access_token;
}

const signIns = '/auditLogs/signIns';

interface List {
  readonly value: readonly { readonly id: string }[];
  readonly '@odata.nextLink'?: string;
}

/** @throws Error for a reply without data. Tenants without a premium licence have no sign-ins. */
async function read({ url, headers }: GraphRequest, dispatcher: Agent): Promise<List> {
  const answer = await fetch(url, { headers, dispatcher });
  const isWithoutLicence = answer.status === 403 && url.endsWith(signIns);
  if (answer.status !== 200 && !isWithoutLicence)
    throw new Error(`${url}: HTTP ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as List;
}

/** Queries that the permissions of the ready-made application open: lists, filters, counts and objects. */
const queries = (user: string): readonly string[] => [
  '/organization',
  '/subscribedSkus',
  '/users?$select=id,displayName,userPrincipalName,accountEnabled,assignedLicenses&$top=20',
  `/users/${user}`,
  "/users?$filter=startswith(displayName,'A')&$select=id,displayName",
  "/users?$filter=userType eq 'Guest'&$select=displayName,mail",
  '/users?$filter=assignedLicenses/$count eq 0&$count=true&$select=id&$top=20',
  `/users/${user}/memberOf`,
  '/groups?$top=20',
  "/groups?$filter=groupTypes/any(g:g eq 'Unified')&$select=id,displayName",
];

/** One of each usual request, and the second page of a list. */
export async function usualRequests(document: CloudDocument): Promise<readonly GraphRequest[]> {
  const dispatcher = await dispatcherOf(document);
  const authorization = `Bearer ${await graphToken(document, document.tenants[0]?.tenantId ?? '', dispatcher)}`;
  const headers = { authorization, consistencylevel: 'eventual' };
  const request = (query: string): GraphRequest => ({ url: new URL(`${document.graph}/v1.0${query}`).href, headers });
  const first = await read(request('/users?$select=id,displayName&$top=20'), dispatcher);
  const requests = [
    ...queries(first.value[1]?.id ?? '').map(request),
    { url: first['@odata.nextLink'] ?? '', headers },
  ];
  for (const each of requests) await read(each, dispatcher);
  await dispatcher.close();
  return requests;
}

const lists = ['/users?$top=999', '/groups', '/subscribedSkus', signIns];
const atOnce = 4;

/** Reads the lists of the first tenants. */
export async function readMany(document: CloudDocument, tenants: number): Promise<void> {
  const dispatcher = await dispatcherOf(document);
  const waiting = document.tenants.slice(0, tenants).values();
  const readNext = async (): Promise<void> => {
    for (const { tenantId } of waiting) {
      const authorization = `Bearer ${await graphToken(document, tenantId, dispatcher)}`;
      for (const list of lists)
        await read({ url: `${document.graph}/v1.0${list}`, headers: { authorization } }, dispatcher);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, readNext));
  await dispatcher.close();
}
