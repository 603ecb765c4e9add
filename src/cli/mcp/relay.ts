import { ReadBuffer } from '@modelcontextprotocol/server';
import { CodedError } from '../../lib/core/errors.ts';
import { asObject } from '../../lib/core/objects.ts';
import { parseJson } from '../../lib/core/outbound.ts';
import { nextStep } from '../command-failure.ts';
import type { BrokerClient } from '../remote/broker-client.ts';
import { clientOf, type Introduction, type Message, messageHeaders } from './message-headers.ts';

/** The streams of the command. */
export interface RelayStreams {
  readonly input: AsyncIterable<Uint8Array>;
  readonly output: { write(text: string, done: (error?: Error | null) => void): unknown };
  /** Tells the person something. Standard output belongs to the protocol. */
  readonly say: (text: string) => void;
}

type Id = string | number;

/**
 * Sends each message of an MCP client on standard input to the MCP endpoint of the broker, and writes its answer. The tools
 * exist there only. Ends when the input has ended and all answers are written.
 */
export async function relayMessages(
  client: Pick<BrokerClient, 'url' | 'relay'>,
  { input, output, say }: RelayStreams,
): Promise<void> {
  const buffer = new ReadBuffer();
  const open = new Map<Id, { cancelled: boolean }>();
  const pending = new Set<Promise<void>>();
  let introduction: Introduction = {};
  const write = (message: unknown): Promise<void> =>
    new Promise((resolve, reject) => {
      output.write(`${JSON.stringify(message)}\n`, (error) => (error ? reject(error) : resolve()));
    });
  const answer = async (message: Message & { readonly id?: unknown }): Promise<void> => {
    const id = idOf(message.id);
    if (message.method === 'notifications/cancelled') return cancel(open, message);
    if (message.method === 'initialize') introduction = { client: clientOf(message) };
    const request = { cancelled: false };
    if (id !== undefined) open.set(id, request);
    const replies = await exchange(client, message, introduction).catch((thrown: unknown) => [failure(thrown)]);
    if (id !== undefined) open.delete(id);
    for (const reply of replies) {
      if (message.method === 'initialize') introduction = { ...introduction, revision: revisionOf(reply) };
      if (id === undefined) say(`The broker refused a notification: ${JSON.stringify(asObject(reply)['error'])}`);
      else if (!request.cancelled) await write(isAnswer(reply) ? { ...asObject(reply), id } : reply);
    }
  };
  for await (const chunk of input) {
    buffer.append(Buffer.from(chunk));
    for (const message of messagesIn(buffer, say)) {
      const work: Promise<void> = answer(message).finally(() => pending.delete(work));
      pending.add(work);
    }
  }
  await Promise.all(pending);
}

/** Reads the complete messages. A line that is none is told, and skipped. */
function* messagesIn(buffer: ReadBuffer, say: RelayStreams['say']): Generator<Message & { readonly id?: unknown }> {
  for (;;) {
    try {
      const message = buffer.readMessage();
      if (message === null) return;
      if ('method' in message) yield message;
    } catch (error) {
      say(`A line on standard input is no message of the protocol: ${error instanceof Error ? error.message : ''}`);
    }
  }
}

function cancel(open: ReadonlyMap<Id, { cancelled: boolean }>, { params }: Message): void {
  const request = open.get(idOf(asObject(params)['requestId']) ?? '');
  if (request !== undefined) request.cancelled = true;
}

/** @returns the messages of the answer; none for a notification. @throws BrokerError */
async function exchange(
  client: Pick<BrokerClient, 'url' | 'relay'>,
  message: Message,
  introduction: Introduction,
): Promise<readonly unknown[]> {
  const { headers, body } = await client.relay({
    method: 'POST',
    url: `${client.url}/api/mcp`,
    headers: messageHeaders(message, introduction),
    body: new Uint8Array(Buffer.from(JSON.stringify(message))),
  });
  const text = body.toString('utf8');
  if (text === '') return [];
  if (!(headers.get('content-type') ?? '').startsWith('text/event-stream'))
    return [parseJson(text) ?? failure(undefined)];
  const lines = text.split('\n').filter((line) => line.startsWith('data: '));
  return lines.map((line) => parseJson(line.slice('data: '.length)) ?? failure(undefined));
}

/** Internal error of JSON-RPC 2.0. */
const internalError = -32_603;

function failure(thrown: unknown): unknown {
  const known = thrown instanceof CodedError;
  const message = known ? `${thrown.detail} ${nextStep(thrown)}` : 'The message could not be sent.';
  const data = known ? { data: { code: thrown.code } } : {};
  return { jsonrpc: '2.0', error: { code: internalError, message, ...data }, id: null };
}

/** An error has no id where the broker could not read it. */
const isAnswer = (reply: unknown): boolean => 'result' in asObject(reply) || 'error' in asObject(reply);

const idOf = (value: unknown): Id | undefined =>
  typeof value === 'string' || typeof value === 'number' ? value : undefined;

function revisionOf(reply: unknown): string | undefined {
  const { protocolVersion } = asObject(asObject(reply)['result']);
  return typeof protocolVersion === 'string' ? protocolVersion : undefined;
}
