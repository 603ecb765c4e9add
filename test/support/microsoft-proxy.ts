import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { generate } from 'selfsigned';

/** A request that a program sent to one of Microsoft's hosts. */
interface ProxiedRequest {
  readonly host: string;
  readonly path: string;
  readonly token: string;
}

/** A proxy behind which Microsoft's hosts are those of the simulated cloud, so that programs run as they are. */
export interface MicrosoftProxy {
  readonly url: string;
  /** PEM of the authority that programs must trust. */
  readonly certificate: string;
  readonly requests: ProxiedRequest[];
  /** Requests and tunnels to other addresses. They are refused. */
  readonly strays: string[];
  close(): Promise<void>;
}

/** @param hosts base address in the simulated cloud by host, such as `graph.microsoft.com`. */
export async function startMicrosoftProxy(hosts: Readonly<Record<string, string>>): Promise<MicrosoftProxy> {
  const altNames = Object.keys(hosts).map((value) => ({ type: 2 as const, value }));
  const authority = await generate([{ name: 'commonName', value: 'proxy of a test' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'hosts of a test' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames },
    ],
  });
  const requests: ProxiedRequest[] = [];
  const strays: string[] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { host = '', authorization = '', 'content-type': type = 'application/json' } = request.headers;
    const base = hosts[host] ?? '';
    requests.push({ host, path: request.url ?? '', token: authorization.replace(/^Bearer /, '') });
    const body = await buffer(request);
    const answer = await fetch(`${base}${request.url}`, {
      method: request.method ?? 'GET',
      headers: {
        authorization,
        'content-type': type,
        ...(request.headers['consistencylevel'] === undefined ? {} : { consistencylevel: 'eventual' }),
      },
      ...(body.length === 0 ? {} : { body }),
    });
    // The links of the cloud lead to its own address.
    const text = (await answer.text()).replaceAll(base, `https://${host}`);
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' }).end(text);
  };
  const secure = createServer({ key, cert }, (request, response) => void serve(request, response));
  const proxy = createHttpServer((request, response) => {
    strays.push(`${request.method} ${request.url}`);
    response.writeHead(502).end();
  });
  const sockets = new Set<Socket>();
  proxy.on('connect', (request: IncomingMessage, socket: Socket) => {
    sockets.add(socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket)));
    const [host = '', port] = (request.url ?? '').split(':');
    if (hosts[host] === undefined || port !== '443') {
      strays.push(`CONNECT ${request.url}`);
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
      return;
    }
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    secure.emit('connection', socket);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    certificate: authority.cert,
    requests,
    strays,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        proxy.close(() => resolve());
        proxy.closeAllConnections();
      }),
  };
}
