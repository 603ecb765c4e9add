import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A TCP proxy on loopback whose connections a test can break. */
export interface TcpProxy {
  readonly port: number;
  /** Connections accepted so far. */
  readonly connections: number;
  /** Pieces of requests that were not forwarded because the proxy hangs. */
  readonly swallowed: number;
  /** From now on requests are forwarded, but the connection breaks before the reply. */
  loseReplies(lose: boolean): void;
  /** From now on nothing is forwarded, so the other side seems to hang. */
  hang(hang: boolean): void;
  /** After so many bytes of replies, every connection breaks. Undefined: none does. */
  breakAfter(bytes: number | undefined): void;
  /** Breaks all connections and continues to listen. */
  breakAll(): void;
  /** Breaks all connections and stops listening. */
  cut(): Promise<void>;
}

export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const state = { losing: false, hanging: false, connections: 0, swallowed: 0, bytesLeft: Number.POSITIVE_INFINITY };
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    // Broken connections are expected here.
    return socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  };
  const server = createServer((client) => {
    state.connections += 1;
    const upstream = keep(connect(targetPort, '127.0.0.1'));
    keep(client);
    client.on('data', (chunk) => {
      if (state.hanging) state.swallowed += 1;
      else upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      state.bytesLeft -= chunk.length;
      if (state.losing || state.bytesLeft < 0) client.destroy();
      else if (!state.hanging) client.write(chunk);
    });
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy listens on no port');
  return {
    port: address.port,
    get connections() {
      return state.connections;
    },
    get swallowed() {
      return state.swallowed;
    },
    loseReplies: (lose) => {
      state.losing = lose;
    },
    hang: (hang) => {
      state.hanging = hang;
    },
    breakAfter: (bytes) => {
      state.bytesLeft = bytes ?? Number.POSITIVE_INFINITY;
    },
    breakAll: () => {
      for (const socket of sockets) socket.destroy();
    },
    cut: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
