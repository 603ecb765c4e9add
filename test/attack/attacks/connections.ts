import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Answered } from '../ask.ts';
import { type Attack, control, type Tally } from '../attack.ts';
import { victim } from '../forge.ts';
import { comparison, memoryGrowthMb } from '../measure.ts';
import type { Stage } from '../stage.ts';

/** Opens a connection and sends `text`. @returns undefined if the server does not accept it. */
async function open(port: number, text: string): Promise<Socket | undefined> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  const connected = await Promise.race([
    once(socket, 'connect').then(
      () => true,
      () => false,
    ),
    delay(20_000, false),
  ]);
  if (!connected) {
    socket.destroy();
    return undefined;
  }
  socket.write(text);
  return socket;
}

async function openAll(count: number, port: number, textOf: (nth: number) => string): Promise<Socket[]> {
  const sockets: Socket[] = [];
  // In groups: more connections at once than the backlog of the listener would wait for seconds.
  for (let from = 0; from < count; from += 500) {
    const group = Array.from({ length: Math.min(500, count - from) }, (_, nth) => open(port, textOf(from + nth)));
    sockets.push(...(await Promise.all(group)).filter((socket) => socket !== undefined));
  }
  return sockets;
}

const victimAsks = async ({ app, forge, tenants }: Stage, times: number): Promise<Answered[]> => {
  const answers = [];
  for (let nth = 0; nth < times; nth += 1)
    answers.push(
      await app.ask({
        method: 'POST',
        path: '/api/tokens',
        body: { tenant: tenants[nth % tenants.length]?.tenantId, resource: 'graph' },
        headers: { authorization: forge.bearer({ application: victim }) },
        timeoutMs: 30_000,
      }),
    );
  return answers;
};

/** The victim asks while `attack` holds connections, and after they are gone. */
async function whileHeld(
  stage: Stage,
  { name, samples, largestMb }: { readonly name: string; readonly samples: number; readonly largestMb: number },
  attack: () => Promise<Socket[]>,
  tally: Tally,
): Promise<void> {
  const rest = await victimAsks(stage, samples);
  control(
    rest.every(({ status }) => status === 200),
    `the victim gets ${rest.map(({ status }) => status).join()} at rest`,
  );
  let sockets: Socket[] = [];
  let attacked: Answered[] = [];
  const growth = await memoryGrowthMb(stage.app.pid, async () => {
    sockets = await attack();
    attacked = await victimAsks(stage, samples);
  });
  for (const { status, text } of attacked)
    tally.attempt(status === 200, `${name}: the victim gets ${status} ${text.slice(0, 80)}`);
  tally.attempt(growth < largestMb, `${name}: the memory of the app grows by ${Math.round(growth)} MB`);
  for (const socket of sockets) socket.destroy();
  const [after] = await victimAsks(stage, 1);
  tally.attempt(after?.status === 200, `${name}: afterwards the victim gets ${after?.status}`);
  tally.note(`${comparison(`${sockets.length} ${name}`, rest, attacked)}; memory +${Math.round(growth)} MB`);
}

const portOf = ({ app }: Stage): number => Number(new URL(app.url).port);

export const connections: Attack = {
  name: 'connections',
  tries: 'thousands of connections: silent, after half a request, and between requests',
  promise: 'One caller does not stop another.',
  run: async (stage, { full }, tally) => {
    const count = full ? 10_000 : 300;
    const texts = [
      '',
      'GET /api/health HTTP/1.1\r\nHost: localhost\r\n',
      'GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'POST /api/tokens HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\nX-A: ',
    ];
    const held = { name: 'open connections', samples: full ? 100 : 10, largestMb: full ? 600 : 200 };
    await whileHeld(
      stage,
      held,
      async () => {
        const sockets = await openAll(count, portOf(stage), (nth) => texts[nth % texts.length] ?? '');
        control(sockets.length >= count * 0.95, `only ${sockets.length} of ${count} connections could be opened`);
        return sockets;
      },
      tally,
    );
  },
};

/** Sends a byte from time to time until the socket is closed. */
function drip(socket: Socket, everyMs: number): Socket {
  const timer = setInterval(() => socket.write('a'), everyMs);
  socket.once('close', () => clearInterval(timer));
  return socket;
}

export const slow: Attack = {
  name: 'slow',
  tries: 'clients that send headers and bodies byte by byte, and clients that ask for large answers and read nothing',
  promise: 'One caller does not stop another.',
  run: async (stage, { full }, tally) => {
    const port = portOf(stage);
    const count = full ? 400 : 60;
    const authorization = stage.forge.bearer();
    const samples = full ? 100 : 10;
    const headers = () => openAll(count, port, () => 'GET /api/health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
    // Below the number of requests that the host runs at once: its limit is the platform's.
    const bodies = () =>
      openAll(
        60,
        port,
        (nth) =>
          `POST /api/tokens HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n${nth % 2 === 0 ? '' : `Authorization: ${authorization}\r\n`}\r\n{"tenant":"`,
      );
    const dripping = (sockets: Socket[]): Socket[] => sockets.map((socket) => drip(socket, 200));
    await whileHeld(
      stage,
      { name: 'slow headers', samples, largestMb: 200 },
      async () => dripping(await headers()),
      tally,
    );
    await whileHeld(
      stage,
      { name: 'slow bodies', samples, largestMb: 200 },
      async () => dripping(await bodies()),
      tally,
    );
    const large = 'GET /api/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(full ? 40 : 10);
    const readers = async (): Promise<Socket[]> => {
      const sockets = await openAll(full ? 60 : 20, port, () => large);
      for (const socket of sockets) socket.pause();
      return sockets;
    };
    await whileHeld(stage, { name: 'clients that do not read', samples, largestMb: 400 }, readers, tally);
  },
};
