import type { PermissionMap } from 'graph-permissions/permission-map';
import { scanJson, stringAt } from '../core/json.ts';
import { isObject } from '../core/objects.ts';
import { judgeReading } from './judge.ts';
import { readBody } from './reading/body.ts';
import { isJson, readHeaders, readTarget } from './reading/target.ts';
import { once, readRequest, type RequestReading } from './request-reading.ts';
import {
  type GatewayRequest,
  type Grant,
  quoted,
  type Refused,
  refusedBy,
  unreadable,
  type Verdict,
} from './verdict.ts';

/** Objects and arrays that are open in a part: the batch, the list of its parts, the part. */
const partDepth = 3;

/**
 * Cuts the bodies of the parts out of the text of a batch. Parsed and written again, large numbers would change. Pure.
 * @param batch JSON of the form `{"requests": [{…}, …]}`, without a key that stands twice.
 * @returns for each part the text of its `body`; undefined without one.
 */
export function partBodies(batch: string): readonly (string | undefined)[] {
  const bodies: (string | undefined)[] = [];
  let depth = 0;
  let isBody = false;
  /** Where the value of the part's current key starts. */
  let start = 0;
  scanJson(batch, (token, from, to) => {
    const [opens, closes] = [token === '{' || token === '[', token === '}' || token === ']'];
    if (closes) depth -= 1;
    if (depth === partDepth) {
      if (!closes) start = from;
      if (token === 'name') isBody = stringAt(batch, from, to) === 'body';
      else if (isBody && !opens) bodies[bodies.length - 1] = batch.slice(start, to);
    }
    if (opens) depth += 1;
    if (token === '{' && depth === partDepth) bodies.push(undefined);
  });
  return bodies;
}

/** A part of a batch with its verdict. Refused parts are answered inside the batch; the others are sent. */
export interface JudgedPart {
  readonly id: string;
  readonly dependsOn: readonly string[];
  readonly method: string;
  /** Path with its version, and query. */
  readonly url: string;
  /** The JSON body to send with an allowed part, as it is written in the batch. */
  readonly body: string | undefined;
  /** What it says, as far as it was read. */
  readonly reading: RequestReading;
  readonly verdict: Verdict;
}

export type BatchVerdict =
  | { readonly readable: true; readonly parts: readonly JudgedPart[] }
  | (Refused & { readonly readable: false });

/** "Combine multiple HTTP requests using JSON batching": at most 20 parts. */
const maximumParts = 20;

/** Whether a request is a batch, which is judged by `judgeBatch`. */
export function isBatch({ url }: Pick<GatewayRequest, 'url'>, host: string): boolean {
  try {
    return readTarget(url, host).path.toLowerCase() === '/$batch';
  } catch {
    return false;
  }
}

/** The parts of a batch, read when they are first asked for. Throws the Refusal of a batch that cannot be read. */
export type BatchReading = () => readonly PartReading[];

type PartReading = Omit<JudgedPart, 'verdict'>;

/** @param host Of Microsoft Graph. */
export const readBatch = (request: GatewayRequest, host: string): BatchReading => once(() => readParts(request, host));

/**
 * Judges each part of a batch as a request of its own. A part that depends on a refused one is refused as well.
 * @param pause Awaited between two parts, which may take milliseconds each: lets other requests go on.
 */
export async function judgeBatch(
  map: PermissionMap,
  grant: Grant,
  reading: BatchReading,
  pause: () => Promise<unknown>,
): Promise<BatchVerdict> {
  const parts: JudgedPart[] = [];
  try {
    for (const part of reading()) {
      if (parts.length > 0) await pause();
      parts.push(judgePart(map, grant, part, parts));
    }
  } catch (error) {
    return { readable: false, ...refusedBy(error) };
  }
  return { readable: true, parts };
}

function readParts(request: GatewayRequest, host: string): readonly PartReading[] {
  const { version, query } = readTarget(request.url, host);
  if (request.method !== 'POST' || query !== '')
    throw unreadable('A batch is a POST without query options; send it so.');
  const headers = readHeaders(request.headers ?? {});
  if (!isJson(headers['content-type'])) throw unreadable('The batch is not JSON; send Content-Type application/json.');
  const text = request.body ?? '';
  const { requests, ...others } = readBody(text).value;
  if (!Array.isArray(requests) || requests.length === 0 || Object.keys(others).length > 0) {
    throw unreadable('The batch is not {"requests": […]}; send that and nothing else.');
  }
  if (requests.length > maximumParts)
    throw unreadable(`The batch has more than ${maximumParts} parts; send several batches.`);
  const bodies = partBodies(text);
  const parts = requests.map((part, index) => readPart(part, bodies[index]));
  const ids = new Set(parts.map(({ id }) => id.toLowerCase()));
  if (ids.size < parts.length) throw unreadable('Two parts of the batch have the same id; give each its own.');
  return parts.map((part) => {
    const requested = asRequest(part, version, request.gatewayUrl);
    const { id, dependsOn, method, body } = part;
    return { id, dependsOn, method, url: requested.url, body, reading: readRequest(requested, host) };
  });
}

/** A part as it is written: its URL has no version. */
interface Part extends Omit<JudgedPart, 'verdict' | 'reading'> {
  readonly headers: Readonly<Record<string, string>>;
}

const partKeys = new Set(['id', 'method', 'url', 'headers', 'body', 'dependsOn']);

function readPart(value: unknown, bodyText: string | undefined): Part {
  if (!isObject(value)) throw unreadable('A part of the batch is not an object; send id, method and url.');
  const { id, method, url, headers = {}, body, dependsOn = [] } = value;
  const extra = Object.keys(value).find((key) => !partKeys.has(key));
  if (extra !== undefined) throw unreadable(`A part of the batch has the key ${quoted(extra)}; remove it.`);
  if (typeof id !== 'string' || typeof method !== 'string' || typeof url !== 'string' || id === '') {
    throw unreadable('A part of the batch lacks id, method or url as text; add them.');
  }
  if (!isObject(headers) || !Object.values(headers).every((text): text is string => typeof text === 'string')) {
    throw unreadable('The headers of a part of the batch are not texts; send them as {"name": "value"}.');
  }
  if (body !== undefined && !isObject(body)) {
    throw unreadable('The body of a part of the batch is not a JSON object; send that part on its own.');
  }
  if (!Array.isArray(dependsOn) || !dependsOn.every((other): other is string => typeof other === 'string')) {
    throw unreadable('dependsOn is not a list of ids; send the ids of earlier parts.');
  }
  return { id, method, url, headers: headers as Readonly<Record<string, string>>, body: bodyText, dependsOn };
}

function judgePart(map: PermissionMap, grant: Grant, part: PartReading, earlier: readonly JudgedPart[]): JudgedPart {
  const needed = part.dependsOn.map((other) => earlier.find((judged) => judged.id === other));
  if (needed.some((found) => found === undefined)) {
    throw unreadable('A part of the batch depends on an id that no earlier part has; correct dependsOn.');
  }
  if (needed.some((found) => found?.verdict.allowed === false)) {
    const reason = 'This part depends on a part that was refused; correct that one.';
    return { ...part, verdict: { allowed: false, kind: 'failed-dependency', reason } };
  }
  return { ...part, verdict: judgeReading(map, grant, part.reading) };
}

/** A part's URL is relative to the version. */
function asRequest(
  { method, url, headers, body }: Part,
  version: string,
  gatewayUrl: string | undefined,
): GatewayRequest {
  if (/^[a-z][a-z0-9+.-]*:/i.test(url))
    throw unreadable('The url of a part is absolute; send the path after the version, such as /users.');
  const path = url.startsWith('/') ? url : `/${url}`;
  const own = gatewayUrl ? ownPath(version, gatewayUrl) : undefined;
  const isOwn = own !== undefined && path.startsWith(`${own}/`);
  return { method, url: `/${version}${isOwn ? path.slice(own.length) : path}`, headers, body };
}

/**
 * The path of the gateway, from its second segment to the version. The Graph SDK for .NET takes the first segment of its base
 * address, `/api/gateway/TENANT/graph/v1.0`, for the version, and writes the rest in front of the address of each part.
 */
const ownPath = (version: string, gatewayUrl: string): string =>
  `${gatewayUrl.replace(/^https?:\/\/[^/]+\/[^/]+/i, '')}/${version}`;
