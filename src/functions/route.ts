import { setImmediate } from 'node:timers/promises';
import { app, type HttpResponseInit } from '@azure/functions';
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
    app.http(name, { ...http, handler: async (request, context) => inPieces(await serve(request, context)) });
  } else {
    // The client is made when a handler needs it, which few requests do.
    app.http(name, {
      ...http,
      extraInputs: [df.input.durableClient()],
      handler: async (request, context) =>
        inPieces(
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

/** Bytes of a large answer that are handed over in one turn of the event loop. */
const pieceBytes = 1024 * 1024;

/** Hands a large body over in pieces. As a whole, the library would copy it several times without a break. */
function inPieces({ body, ...answer }: Answer): HttpResponseInit {
  if (body === undefined) return answer;
  if (typeof body === 'string' || body.length <= pieceBytes) return { ...answer, body };
  let at = 0;
  const pieces = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      await setImmediate();
      controller.enqueue(body.subarray(at, (at += pieceBytes)));
      if (at >= body.length) controller.close();
    },
  });
  return { ...answer, body: pieces };
}
