import type { HttpRequest } from '@azure/functions';
import type * as z from 'zod';
import type { Caller, CallerRole } from '../core/caller.ts';
import type { Logger } from '../core/log.ts';
import type { Orchestrations } from '../core/orchestrations.ts';
import type { Access, Answer, RouteDefinition } from './route.ts';
import { readRequest } from './read-request.ts';

type CallerOf<A extends Access> = A extends CallerRole | readonly CallerRole[]
  ? Caller
  : A extends 'optional'
    ? Caller | undefined
    : undefined;
/** An anonymous route has no services: it works while the settings are wrong. */
type ServicesOf<S, A extends Access> = A extends 'anonymous' ? undefined : S;
type OrchestrationsOf<D> = D extends { readonly durable: true } ? { readonly orchestrations: Orchestrations } : unknown;

type ParameterNames<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? (Name extends `*${infer CatchAll}` ? CatchAll : Name) | ParameterNames<Rest>
  : never;
type QueryOf<D> = D extends { readonly query: infer Schema extends z.ZodType } ? z.output<Schema> : undefined;
type BodyOf<D> = D extends { readonly rawBody: true }
  ? Uint8Array | undefined
  : D extends { readonly body: infer Schema extends z.ZodType }
    ? z.output<Schema>
    : undefined;

/** A request that passed the route's access check. Its path, query and body are not parsed yet. */
type AdmittedRequest<D extends RouteDefinition = RouteDefinition> = {
  readonly request: HttpRequest;
  /** On an `optional` route: undefined without a token. */
  readonly caller: CallerOf<D['access']>;
  readonly correlationId: string;
  readonly log: Logger;
} & OrchestrationsOf<D>;

/** An admitted request with its parsed path parameters, query and body. */
export type Call<D extends RouteDefinition> = AdmittedRequest<D> & {
  readonly path: Readonly<Record<ParameterNames<D['path']>, string>>;
  readonly query: QueryOf<D>;
  readonly body: BodyOf<D>;
};

export type Handler<S, D extends RouteDefinition> = (
  services: ServicesOf<S, D['access']>,
  call: Call<D>,
) => Promise<Answer>;

/** A definition with its handler. */
export interface BoundRoute<S, D extends RouteDefinition = RouteDefinition> {
  readonly definition: D;
  /**
   * Parses the request.
   * @returns the call of the handler, which throws what the handler throws.
   * @throws BrokerError request_invalid, request_too_large.
   */
  prepare(services: ServicesOf<S, D['access']>, admitted: AdmittedRequest<D>): Promise<() => Promise<Answer>>;
  /** Parses the request and calls the handler. @throws as both do. */
  answer(services: ServicesOf<S, D['access']>, admitted: AdmittedRequest<D>): Promise<Answer>;
}

export function bindRoute<S, D extends RouteDefinition>(definition: D, handler: Handler<S, D>): BoundRoute<S, D> {
  const prepare: BoundRoute<S, D>['prepare'] = async (services, admitted) => {
    const parsed = await readRequest(definition, admitted.request);
    // readRequest returns untyped values. The definition's schemas have validated them, so the cast is safe.
    return () => handler(services, { ...admitted, ...parsed } as Call<D>);
  };
  return { definition, prepare, answer: async (services, admitted) => (await prepare(services, admitted))() };
}
