import type { CloudRequest, Reply, ServiceName } from '../web/http.ts';
import { createRouter, type PathParameters, type Router, route } from '../web/router.ts';

/** The requests that an own reply answers: those that have all of these. */
export interface OwnReplySelection {
  readonly service: ServiceName;
  /** Default: every method. */
  readonly method?: string;
  /**
   * The whole path without the query, such as `/v1.0/users/{id}`. A name in braces stands for one segment. Letter case does
   * not matter.
   */
  readonly path: string;
  /** Id of the tenant that the request, or its token, is for. Default: every tenant. */
  readonly tenantId?: string;
}

export interface OwnReplyRequest extends Pick<CloudRequest, 'method' | 'path' | 'query' | 'headers' | 'body'> {
  readonly tenantId: string | undefined;
  /** The values of the names in braces. */
  readonly parameters: PathParameters;
}

export interface OwnReply {
  /** 200 to 599. Default: 200. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A text is sent as it is, another value as JSON. Default: no body. */
  readonly body?: unknown;
}

export type OwnReplySource = OwnReply | ((request: OwnReplyRequest) => OwnReply | Promise<OwnReply>);

/** Replies that a test gives instead of those of the cloud. */
export interface OwnReplies {
  /**
   * The latest reply that selects a request answers it.
   * @returns a function that removes the reply.
   * @throws TypeError for a path that does not start with a slash.
   */
  add(selection: OwnReplySelection, reply: OwnReplySource): () => void;
  /** @returns undefined if no reply selects the request. */
  find(service: ServiceName, request: CloudRequest): (() => Promise<Reply>) | undefined;
}

interface Entry {
  readonly selection: OwnReplySelection;
  readonly router: Router<true>;
  readonly reply: OwnReplySource;
}

export function createOwnReplies(): OwnReplies {
  let entries: readonly Entry[] = [];
  return {
    add: (selection, reply) => {
      if (!selection.path.startsWith('/') || selection.path.includes('?'))
        throw new TypeError(`The path of an own reply starts with a slash and has no query: "${selection.path}".`);
      const entry = { selection, router: createRouter([route('', selection.path, true as const)]), reply };
      entries = [entry, ...entries];
      return () => {
        entries = entries.filter((each) => each !== entry);
      };
    },
    find: (service, request) => {
      for (const { selection, router, reply } of entries) {
        if (!selects(selection, service, request)) continue;
        const found = router.find('', request.path);
        if (typeof found !== 'string') return () => answer(reply, request, found.parameters);
      }
      return undefined;
    },
  };
}

function selects(
  { service, method, tenantId }: OwnReplySelection,
  requested: ServiceName,
  request: CloudRequest,
): boolean {
  return (
    service === requested &&
    (method === undefined || method.toUpperCase() === request.method) &&
    (tenantId === undefined || tenantId.toLowerCase() === request.facts.tenantId)
  );
}

async function answer(source: OwnReplySource, request: CloudRequest, parameters: PathParameters): Promise<Reply> {
  const { method, path, query, headers, body, facts } = request;
  const reply =
    typeof source === 'function'
      ? await source({ method, path, query, headers, body, tenantId: facts.tenantId, parameters })
      : source;
  const type = typeof reply.body === 'string' ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8';
  return {
    status: reply.status ?? 200,
    headers: { ...(reply.body === undefined ? {} : { 'content-type': type }), ...reply.headers },
    ...(reply.body === undefined
      ? {}
      : { body: typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body) }),
  };
}
