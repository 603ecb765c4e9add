import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Invoker } from '../app/invoker.ts';
import type { RegisteredFunction } from '../app/registry.ts';
import type { NamedData } from '../app/rpc.ts';
import type { HostLog } from '../runtime/host-log.ts';
import type { RequestAddress } from './request-address.ts';

export interface HttpTriggerDeps {
  readonly invoker: Invoker;
  /** Values of the function's other input bindings (durable clients). */
  readonly extraInputs: (target: RegisteredFunction) => NamedData[];
  /** Where the library serves streamed HTTP; undefined when the app did not enable it. */
  readonly streamUrl: string | undefined;
  readonly maxBodyBytes: number;
  readonly log: HostLog;
  /** Aborts when the host stops. */
  readonly stopping: AbortSignal;
}

/** A request that has been routed to a function. */
export interface RoutedExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: RequestAddress;
  readonly params: Readonly<Record<string, string>>;
}
