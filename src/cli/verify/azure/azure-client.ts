import { isObject, type JsonObject, objectsIn } from '../../../lib/core/objects.ts';
import type { CloudName } from '../../../lib/core/resources.ts';
import { type Fetch, OutboundError, type OutboundReply, parseJson, send } from '../../../lib/core/outbound.ts';

/** Hosts of the query API, "Azure Monitor Log Analytics API request format" (Microsoft Learn, also of Azure in China). */
export const logAnalyticsUrls: Readonly<Record<CloudName, string>> = {
  public: 'https://api.loganalytics.io',
  usgovernment: 'https://api.loganalytics.us',
  china: 'https://api.loganalytics.azure.cn',
};

export interface AzureClientDeps {
  readonly fetch: Fetch;
  /** A token of the person who runs the command. @throws Error if nobody is signed in to Azure. */
  readonly token: (resourceIdentifier: string) => Promise<string>;
  readonly armUrl: string;
  readonly logsUrl: string;
}

/** One row of a query, by column. */
export type LogRow = JsonObject;

/** Azure did not give what a check needs, so the check cannot say anything. The message names the next step. */
export class AzureUnavailable extends Error {
  override readonly name = 'AzureUnavailable';
}

const timeoutMs = 60_000;
const maxBodyBytes = 16 * 1024 * 1024;
const maxPages = 50;

/** Reads Azure Resource Manager and Log Analytics. Every method throws AzureUnavailable. */
export class AzureClient {
  readonly #deps: AzureClientDeps;

  constructor(deps: AzureClientDeps) {
    this.#deps = deps;
  }

  /** @param path begins with a slash and contains the api-version. */
  async get(path: string): Promise<JsonObject> {
    return this.#read(`${this.#deps.armUrl}${path}`);
  }

  /** Returns the items of all pages of a list. */
  async list(path: string): Promise<readonly JsonObject[]> {
    const items: JsonObject[] = [];
    let url: string | undefined = `${this.#deps.armUrl}${path}`;
    for (let page = 0; url !== undefined && page < maxPages; page += 1) {
      const answer: JsonObject = await this.#read(url);
      items.push(...objectsIn(answer['value']));
      const next = answer['nextLink'];
      // The token must not reach another host.
      url = typeof next === 'string' && next.startsWith(`${this.#deps.armUrl}/`) ? next : undefined;
    }
    return items;
  }

  /** Runs a query. A table without any row so far does not exist yet, which counts as no rows. */
  async query(workspaceId: string, query: string): Promise<readonly LogRow[]> {
    const { logsUrl } = this.#deps;
    const url = `${logsUrl}/v1/workspaces/${workspaceId}/query`;
    const reply = await this.#exchange(logsUrl, url, JSON.stringify({ query }));
    if (reply.status === 400 && /failed to resolve table/i.test(reply.body)) return [];
    return rowsOf(answerOf(reply, 'Log Analytics', 'the role Log Analytics Reader on the resource group'));
  }

  async #read(url: string): Promise<JsonObject> {
    return answerOf(
      await this.#exchange(this.#deps.armUrl, url),
      'Azure Resource Manager',
      'the role Reader on the resource group',
    );
  }

  async #exchange(resource: string, url: string, body?: string): Promise<OutboundReply> {
    const { fetch, token } = this.#deps;
    const authorization = `Bearer ${await token(resource).catch(notSignedIn)}`;
    try {
      return await send(fetch, {
        method: body === undefined ? 'GET' : 'POST',
        url,
        headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body }),
        timeoutMs,
        maxBodyBytes,
      });
    } catch (error) {
      if (!(error instanceof OutboundError)) throw error;
      throw new AzureUnavailable(`${new URL(url).host} did not answer (${error.failure}); try again`);
    }
  }
}

function notSignedIn(cause: unknown): never {
  throw new AzureUnavailable('needs a sign-in to Azure: run `az login` (or `azd auth login`)', { cause });
}

function answerOf({ status, body }: OutboundReply, peer: string, right: string): JsonObject {
  const json = parseJson(body);
  if (status === 200 && isObject(json)) return json;
  if (status === 401 || status === 403) throw new AzureUnavailable(`${peer} answers ${status}: you need ${right}`);
  if (status === 404) {
    throw new AzureUnavailable(
      `${peer} answers 404: check AZURE_SUBSCRIPTION_ID, AZURE_RESOURCE_GROUP and AZURE_FUNCTION_NAME`,
    );
  }
  throw new AzureUnavailable(`${peer} answers ${status}; try again`);
}

/** The rows of the first table ("Azure Monitor Log Analytics API response format"). */
function rowsOf(answer: JsonObject): readonly LogRow[] {
  const [table = {}] = objectsIn(answer['tables']);
  const columns = objectsIn(table['columns']).map(({ name }) => String(name));
  const rows = table['rows'];
  return Array.isArray(rows)
    ? rows.map((row: unknown) =>
        Object.fromEntries(
          columns.map((name, index) => [name, Array.isArray(row) ? (row[index] as unknown) : undefined]),
        ),
      )
    : [];
}
