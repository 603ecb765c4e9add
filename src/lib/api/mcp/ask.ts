import { BrokerError } from '../../core/errors.ts';

/** A request to a route of the broker's own API. */
export interface RouteRequest {
  /** Name of the route. */
  readonly route: string;
  readonly path?: Readonly<Record<string, string>>;
  /** Percent-encoded text after the path of a route whose path ends with `{*path}`, with its query. */
  readonly rest?: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** The answer of a route: any status of a success, or a status of a resource behind the gateway. */
export interface RouteAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/**
 * Sends a request to a route for the caller of the tool, within the process. Role, policy, parsing and records of refusals
 * are those of the route.
 * @throws BrokerError as the route does.
 */
export type Ask = (request: RouteRequest) => Promise<RouteAnswer>;

/** The JSON of an answer of the broker. */
export function jsonOf({ text }: RouteAnswer): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new BrokerError('internal', 'A route of the broker did not answer with JSON.', { cause });
  }
}
