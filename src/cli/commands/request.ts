import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { OutboundReply } from '../../lib/core/outbound.ts';
import { didYouMean, visibleBlocks } from '../../lib/core/text.ts';
import { exitCodes } from '../exit-codes.ts';
import { styled } from '../line.ts';
import type { BrokerClient, RelayRequest } from '../remote/broker-client.ts';
import { addConnectionOptions, connect, type ConnectionFlags } from '../remote/connection.ts';
import { type GatewayTarget, jsonOf, relayedPages, typedAddress } from '../remote/gateway-request.ts';
import { withTenant } from '../remote/named-tenants.ts';
import { waitForApproval } from '../remote/wait-for-approval.ts';
import { readReason } from './approvals.ts';
import { CommandOutcome, UsageError } from '../run-program.ts';
import { say } from '../sign-in/output.ts';

type Method = RelayRequest['method'];
type Headers = Readonly<Record<string, string>>;

interface RequestFlags extends ConnectionFlags {
  readonly resource: string;
  readonly body?: string;
  readonly header: Headers;
  readonly allPages?: true;
  readonly reason?: string;
  readonly askAgain?: true;
  readonly breakGlass?: true;
  readonly wait?: true;
}

/** `ptb request`: sends one request to a resource in a tenant through the gateway. */
export function registerRequest(program: Command): void {
  const request = program
    .command('request')
    .description(
      'Send a request into a customer tenant through a broker, under the permissions of your rule. Prints the body of the answer, and its status on standard error. Exit 1: refused, 5: a remote service failed or throttles.',
    )
    .argument('<tenant>', 'the customer tenant: its name, a domain or its id')
    .argument('<method>', 'GET, POST, PATCH, PUT or DELETE', methodOf)
    .argument('<path>', 'path and query at the resource, such as /users or /beta/users, or a link of an earlier answer')
    .option('--resource <alias>', 'resource of the request: graph, exchange, …', 'graph')
    .option('--body <file>', 'file with the body, or - for standard input; JSON unless --header names its Content-Type')
    .addOption(
      new Option('--header <line>', 'a header, such as "ConsistencyLevel: eventual"; repeatable')
        .argParser(addHeader)
        .default({}, 'none'),
    )
    .option('--reason <text>', 'why, for those who approve it, and for --break-glass', readReason)
    .option('--ask-again', 'ask for a new approval if the last one has ended')
    .option('--break-glass', 'an emergency: use a rule for emergencies; every use is announced')
    .option('--wait', 'wait until other people have approved the request')
    .option('--all-pages', 'read all pages of a collection and print them as one');
  addConnectionOptions(request).action(sendRequest);
}

function methodOf(text: string): Method {
  const methods = ['GET', 'POST', 'PATCH', 'PUT', 'DELETE'] as const;
  const method = methods.find((known) => known === text.toUpperCase());
  if (method === undefined)
    throw new InvalidArgumentError(`It must be GET, POST, PATCH, PUT or DELETE${didYouMean(text, methods) || '.'}`);
  return method;
}

function addHeader(line: string, before: Headers): Headers {
  const [, name = '', value = ''] = /^([\w-]+):[ \t]*([\x20-\x7e]*)$/.exec(line) ?? [];
  if (name === '') throw new InvalidArgumentError('It must be a line such as "ConsistencyLevel: eventual".');
  return { ...before, [name.toLowerCase()]: value };
}

async function sendRequest(tenant: string, method: Method, path: string, flags: RequestFlags): Promise<void> {
  const { allPages, resource, header } = flags;
  if (allPages && method !== 'GET') throw new UsageError('--all-pages needs GET.');
  const client = await connect(flags);
  // Before the tenant is looked up: standard input can be read once.
  const body = flags.body === undefined ? undefined : await readBody(flags.body);
  const headers = {
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...header,
    ...justificationHeaders(flags),
  };
  await withTenant(client, tenant, async (one) => {
    const target = { brokerUrl: client.url, tenant: one, resource };
    const request = { method, url: typedAddress(target, path), headers, body };
    await (allPages ? sendAll(client, target, request) : sendOne(client, request, flags.wait === true));
  });
}

async function sendOne(client: BrokerClient, request: RelayRequest, waits: boolean): Promise<void> {
  let reply = await client.relay(request);
  for (let id = approvalOf(reply); id !== null; id = approvalOf(reply)) {
    await waitForApproval(client, id, waits);
    reply = await client.relay(request);
  }
  sayStatus(reply);
  await printBody(reply);
  exitByStatus(reply);
}

/** The approval that a request waits for. The repeated request may wait again, if the policy changed meanwhile. */
const approvalOf = ({ headers }: OutboundReply<Buffer>): string | null => headers.get('x-approval-id');

/** A header holds ASCII only, so the reason is percent-encoded. */
const justificationHeaders = ({ reason, askAgain, breakGlass }: RequestFlags): Headers => ({
  ...(reason === undefined ? {} : { 'x-reason': encodeURIComponent(reason) }),
  ...(askAgain ? { 'x-ask-again': 'true' } : {}),
  ...(breakGlass ? { 'x-break-glass': 'true' } : {}),
});

async function readBody(file: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(file === '-' ? await buffer(process.stdin) : await readFile(file));
  } catch (error) {
    throw new UsageError(
      `--body: ${file} cannot be read (${error instanceof Error ? error.message : 'unknown reason'}).`,
    );
  }
}

/** Prints the entries of all pages as the one page that they would be. */
async function sendAll(client: BrokerClient, target: GatewayTarget, request: RelayRequest): Promise<void> {
  const all: unknown[] = [];
  for await (const { reply, entries } of relayedPages(client, target, request)) {
    sayStatus(reply);
    if (entries !== undefined) {
      for (const entry of entries) all.push(entry);
      continue;
    }
    // An error, or no collection.
    await printBody(reply);
    return exitByStatus(reply);
  }
  await printText(JSON.stringify({ value: all }, undefined, process.stdout.isTTY ? 2 : undefined));
}

function sayStatus({ status, headers }: OutboundReply<Buffer>): void {
  const requestId = headers.get('request-id') ?? headers.get('x-ms-request-id');
  const location = headers.get('location');
  say([
    styled(status < 400 ? 'good' : 'bad', `HTTP ${status}`),
    requestId === null ? '' : `, request-id ${requestId}`,
    location === null ? '' : `, Location ${location}`,
  ]);
}

/** For people, JSON gets indents and a text ends with a line feed. For programs, the bytes stay as they are. */
async function printBody(reply: OutboundReply<Buffer>): Promise<void> {
  if (reply.body.length === 0) return;
  const json = process.stdout.isTTY ? jsonOf(reply) : undefined;
  if (json !== undefined) return printText(JSON.stringify(json, undefined, 2));
  if (process.stdout.isTTY) return printText(reply.body.toString('utf8'));
  await pipeline(Readable.from([reply.body]), process.stdout, { end: false });
}

async function printText(text: string): Promise<void> {
  const bytes = Readable.from([Buffer.from(`${text}\n`)]);
  await pipeline(process.stdout.isTTY ? Readable.from(visibleBlocks(bytes)) : bytes, process.stdout, { end: false });
}

/** @throws CommandOutcome for an error of the resource. */
function exitByStatus({ status }: OutboundReply<Buffer>): void {
  if (status < 400) return;
  throw new CommandOutcome(status === 429 || status >= 500 ? exitCodes.remote : exitCodes.failure);
}
