import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { RunningListener } from '../web/listener.ts';

const headerBytes = 12;
const typeText = 16;

/**
 * Answers DNS over UDP (RFC 1035), text records alone.
 * @param recordsOf the text records of a name in lower case. Undefined: the name does not exist.
 * @throws Error with code `EADDRINUSE` for a port that is taken.
 */
export async function listenDns(
  recordsOf: (name: string) => readonly string[] | undefined,
  { port, host }: { readonly port: number; readonly host: string },
): Promise<RunningListener> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (query, { port: from, address }) => {
    const answer = answerOf(query, recordsOf);
    if (answer !== undefined) socket.send(answer, from, address);
  });
  socket.bind(port, host);
  await once(socket, 'listening');
  return {
    port: socket.address().port,
    close: () => new Promise((closed) => socket.close(() => closed())),
  };
}

/** Undefined for a message that is not one question. */
function answerOf(query: Buffer, recordsOf: (name: string) => readonly string[] | undefined): Buffer | undefined {
  if (query.length < headerBytes || query.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let at = headerBytes;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const end = at + 5;
  if (end > query.length) return undefined;
  const records = recordsOf(labels.join('.').toLowerCase());
  const answers = query.readUInt16BE(at + 1) === typeText ? (records ?? []).map(resourceRecord) : [];
  const header = Buffer.alloc(headerBytes);
  query.copy(header, 0, 0, 2);
  // An answer, authoritative, with the wish for recursion of the query; NXDOMAIN is 3.
  header.writeUInt16BE(0x8400 | (query.readUInt16BE(2) & 0x0100) | (records === undefined ? 3 : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(answers.length, 6);
  return Buffer.concat([header, query.subarray(headerBytes, end), ...answers]);
}

/** One record of the name in the question. A text has strings of 255 bytes at most. */
function resourceRecord(text: string): Buffer {
  const strings = (text.match(/.{1,255}/g) ?? ['']).map((part) =>
    Buffer.concat([Buffer.from([part.length]), Buffer.from(part, 'latin1')]),
  );
  const data = Buffer.concat(strings);
  const head = Buffer.from([0xc0, headerBytes, 0, typeText, 0, 1, 0, 0, 1, 0x2c, 0, 0]);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}
