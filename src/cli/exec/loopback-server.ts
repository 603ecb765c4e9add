import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server that only this machine reaches. */
export interface LoopbackServer {
  readonly url: string;
  /** Ends the connections, also those with a request under way. */
  close(): Promise<void>;
}

/** Answers a request. The signal is aborted if nobody waits for the answer any more. It must not reject. */
type Serve = (request: IncomingMessage, response: ServerResponse, signal: AbortSignal) => Promise<void>;

/** Serves on a port that the system picks. */
export async function listenOnLoopback(serve: Serve): Promise<LoopbackServer> {
  const server: Server = createServer((request, response) => {
    const left = new AbortController();
    response.once('close', () => left.abort());
    void serve(request, response, left.signal);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A request that is not served, with the HTTP status of the answer. */
export class Refusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Whether a request has the secret. Takes as long for every wrong one of the same length. */
export function isSame(given: string | readonly string[] | undefined, expected: string): boolean {
  if (typeof given !== 'string') return false;
  const [one, other] = [Buffer.from(given), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}
