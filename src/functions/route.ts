import { app, HttpResponse } from '@azure/functions';
import * as df from 'durable-functions';
import { bootLog, metrics, registeredAuthLevel, type Services, services, withInvocation } from '../composition.ts';
import { type BoundRoute, bindRoute, type Handler } from '../lib/api/call.ts';
import { createPipeline } from '../lib/api/pipeline.ts';
import { type Answer, isOpen, type RouteDefinition } from '../lib/api/route.ts';
import { lazyOrchestrations } from './orchestrations.ts';

const pipeline = createPipeline<Services>({ services, withInvocation, log: bootLog, metrics });
const callerAuthLevel = registeredAuthLevel();
const bound: BoundRoute<Services>[] = [];

/** All routes of the app, in the order of their declaration. Complete once src/index.ts is loaded. */
export const boundRoutes = (): readonly BoundRoute<Services>[] => bound;

/** The declarations of {@link boundRoutes}. */
export const declaredRoutes = (): readonly RouteDefinition[] => bound.map(({ definition }) => definition);

/**
 * Declares a route: registers the function, and adds the route to the OpenAPI document. The handler gets the services
 * and a call that is authenticated, authorized and parsed by the definition's schemas.
 */
export function route<const D extends RouteDefinition>(
  definition: D,
  handler: Handler<Services, D>,
): BoundRoute<Services, D> {
  const declared = bindRoute(definition, handler);
  const serve = pipeline(declared);
  const { name, method, furtherMethods = [], path, access, durable } = definition;
  const http = {
    route: path.slice(1),
    methods: [method, ...furtherMethods],
    authLevel: isOpen(access) ? ('anonymous' as const) : callerAuthLevel,
  };
  if (durable === undefined) {
    app.http(name, { ...http, handler: async (request, context) => new WholeResponse(await serve(request, context)) });
  } else {
    // The client is made when a handler needs it, which few requests do.
    app.http(name, {
      ...http,
      extraInputs: [df.input.durableClient()],
      handler: async (request, context) =>
        new WholeResponse(
          await serve(
            request,
            context,
            lazyOrchestrations(() => df.getClient(context)),
          ),
        ),
    });
  }
  bound.push(declared);
  return declared;
}

/**
 * An answer as the library reads it. From an init, the library makes a `Response`, which copies the body several times: 10
 * in place of 3 µs for a token, and for 20 MiB longer than others should wait. It reads these three members, as long as
 * `enableHttpStream` is off: then it would read `body`, which is empty here.
 */
export class WholeResponse extends HttpResponse {
  override readonly status: number;
  override readonly headers: Headers;
  override readonly arrayBuffer: () => Promise<ArrayBuffer>;

  constructor({ status, headers, body }: Answer) {
    super();
    this.status = status;
    this.headers = new Headers(headers);
    this.arrayBuffer = async () => bytesOf(body);
  }
}

const encoder = new TextEncoder();

function bytesOf(body: Answer['body'] = ''): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = typeof body === 'string' ? encoder.encode(body) : body;
  return byteLength === buffer.byteLength ? buffer : buffer.slice(byteOffset, byteOffset + byteLength);
}
