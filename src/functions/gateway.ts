import { registeredAuthLevel } from '../composition.ts';
import { exampleDomain } from '../lib/api/examples.ts';
import { type Answer, conditionFailures, type RouteDocument, tenantTokenFailures } from '../lib/api/route.ts';
import { once } from '../lib/core/single-flight.ts';
import { rotateIfOverdue } from './rotation.ts';
import { route } from './route.ts';

/** Largest body of a request, bytes: Graph accepts no more than 4 MB. */
const maximumRequestBytes = 4 * 1024 * 1024;

/** Sends a caller's request into a tenant, under no more permissions than the caller's rule names. */
route(
  {
    name: 'gateway',
    method: 'GET',
    furtherMethods: ['POST', 'PATCH', 'PUT', 'DELETE'],
    path: '/gateway/{tenant}/{resource}/{*path}',
    access: 'Requests.Send',
    rawBody: true,
    maxBodyBytes: maximumRequestBytes,
    recordsRefusals: true,
    problemsLikeGraph: true,
    durable: true,
    failures: [...tenantTokenFailures, ...conditionFailures, 'target_protected', 'resource_error'],
    document,
  },
  async (services, { request, path, body: sent, caller, correlationId, log, orchestrations }): Promise<Answer> => {
    rotateIfOverdue(services);
    const { receiveRequest } = await loadGateway();
    const received = {
      method: request.method,
      url: request.url,
      headers: request.headers,
      body: sent,
      route: path,
      takesKeys: registeredAuthLevel() !== 'anonymous',
    };
    const sender = { caller, correlationId, log, orchestrations };
    const { status, headers: returned, body } = await receiveRequest(services.gateway, received, sender);
    return {
      status,
      headers: { ...returned, 'cache-control': 'no-store', 'content-security-policy': inert },
      ...(body.length === 0 ? {} : { body: new Uint8Array(body) }),
    };
  },
);

/** Loaded at the first request, to keep start-up short. Once, because each `import()` passes through the module loader. */
const loadGateway = once(() => import('../lib/gateway/send/serve-request.ts'));

/** An answer may be HTML. Opened in a browser, it must not run as a page of the broker. */
const inert = "sandbox; default-src 'none'";

async function document(): Promise<RouteDocument> {
  const { documentPending } = await import('../lib/api/answers/approvals.ts');
  return {
    group: 'Gateway',
    summary: 'Send a request into a tenant',
    description:
      'Sends the request to the resource and returns its answer, if a rule of the access policy allows it to the caller: for Microsoft Graph under no more permissions than the rule names (`scopes`), whatever the token behind it carries. The token never leaves the broker. The request leaves only after its audit record is stored. Links in answers (`@odata.nextLink`, `@odata.deltaLink`, `Location`) lead back to the gateway. Only listed headers pass, redirects are returned and not followed, and an answer of more than 20 MiB is refused. The body has at most 4 MiB and a `Content-Length`. Each part of a `$batch` is judged and sent by itself. A status of the resource is returned as it is, so a failure of the broker is recognized by its media type, `application/problem+json`; it also has the member `error`, which SDKs of Microsoft Graph show. If the rule needs an approval, the answer is 202 with `x-approval-id` until other people have approved the request: send the same request again. The headers `x-reason` (10 to 500 characters, 5 of them letters or digits, in ASCII or percent-encoded UTF-8), `x-ask-again: true` and `x-break-glass: true` say why, ask for a new approval, and declare an emergency.',
    pathParameters: {
      tenant: { description: 'Tenant id (GUID) or a verified domain of the tenant.', example: exampleDomain },
      resource: { description: 'Alias of the resource, such as graph.', example: 'graph' },
      path: {
        description: 'Path at the resource, with slashes. For Graph it starts with the version.',
        example: 'v1.0/users',
      },
    },
    queryExample: { $select: 'id,displayName', $top: '5' },
    answers: [
      {
        status: 200,
        description: 'The answer of the resource. Its status may be any other.',
        contents: [{ mediaType: 'application/json' }],
      },
      documentPending(),
    ],
  };
}
