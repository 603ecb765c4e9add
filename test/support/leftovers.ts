/**
 * Fails each test that leaves something open: a process that it started or one of their children, a server, a connection of
 * a server that has closed, a request without an end, a timer, a file, a temporary file, or a listener.
 * Vitest loads this file before each test file. Its hooks are the first ones, so they see what all other hooks left.
 */
import { subscribe } from 'node:diagnostics_channel';
import { getEventListeners } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import type { Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { ChildProcess } from 'node:child_process';
import { beforeAll, beforeEach } from 'vitest';
import { keptByWorker } from './kept-by-worker.ts';

/** What takes a moment to end may take this long in ms. A test without leftovers waits for none of it. */
const graceMs = 5_000;

/** Marks the processes that this worker starts, and their children, by an environment variable that they inherit. */
const mark = 'STARTED_BY_TEST_WORKER';

/** What the channels of Node.js reported since the worker started, without what has ended. */
interface Opened {
  /** How many processes this worker started. */
  spawned: number;
  readonly processes: Set<ChildProcess>;
  readonly servers: Set<Server>;
  readonly connections: Set<Socket>;
  /** Requests of `fetch`, by address. */
  readonly fetches: Map<object, string>;
  readonly responses: Set<IncomingMessage>;
  readonly signals: Map<AbortSignal, string>;
  /** Listeners of the page, with the line that added them. */
  readonly listeners: Map<unknown, string>;
}

/** The files of a worker share it, and this module is loaded for each file. */
const kept = globalThis as { openedByTests?: Opened };
const opened = (kept.openedByTests ??= observe());

function observe(): Opened {
  const all: Opened = {
    spawned: 0,
    processes: new Set(),
    servers: new Set(),
    connections: new Set(),
    fetches: new Map(),
    responses: new Set(),
    signals: new Map(),
    listeners: new Map(),
  };
  process.env[mark] = String(process.pid);
  const folder = mkdtempSync(join(tmpdir(), 'ptb-tests-'));
  process.env['TMPDIR'] = folder;
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const [name, add] of Object.entries(reports(all))) subscribe(name, (message) => add(message as Report));
  observeSignals(all.signals);
  if ('happyDOM' in globalThis) observePage(globalThis as unknown as Page, all.listeners);
  return all;
}

/** The messages of the channels. Each has the members that its channel documents. */
interface Report {
  readonly process: ChildProcess;
  readonly server: Server;
  readonly socket: Socket;
  readonly response: IncomingMessage;
  readonly request: { readonly method: string; readonly origin: string; readonly path: string };
}

function reports(all: Opened): Readonly<Record<string, (report: Report) => void>> {
  return {
    child_process: ({ process: child }) => {
      all.spawned += 1;
      all.processes.add(child);
    },
    'tracing:net.server.listen:asyncEnd': ({ server }) => all.servers.add(server),
    'net.server.socket': ({ socket }) => all.connections.add(socket),
    'http.client.response.finish': ({ response }) => all.responses.add(response),
    'undici:request:create': ({ request }) =>
      all.fetches.set(request, `${request.method} ${request.origin}${request.path}`),
    'undici:request:trailers': ({ request }) => all.fetches.delete(request),
    'undici:request:error': ({ request }) => all.fetches.delete(request),
  };
}

/** Records the signals to which the product listens, with the line that did. Libraries remove their listeners late. */
function observeSignals(signals: Map<AbortSignal, string>): void {
  Object.defineProperty(AbortSignal.prototype, 'addEventListener', {
    configurable: true,
    value(this: AbortSignal, ...args: Parameters<EventTarget['addEventListener']>) {
      const caller = callerOf(new Error('listened'));
      if (caller !== undefined) signals.set(this, caller);
      EventTarget.prototype.addEventListener.apply(this, args);
    },
  });
}

/** The methods of a window, a document or a media query. */
interface Listening {
  addEventListener: (type: string, listener: () => void, options?: boolean | { readonly once?: boolean }) => void;
  removeEventListener: (type: string, listener: () => void, options?: unknown) => void;
}

/** The globals of a test with a DOM. */
interface Page extends Listening {
  readonly document: Listening;
  readonly matchMedia: (query: string) => Listening;
}

/** Records what the product adds to the page and its media queries. Listeners of elements go with their elements. */
function observePage(page: Page, listeners: Map<unknown, string>): void {
  for (const target of [page, page.document, Object.getPrototypeOf(page.matchMedia('all')) as Listening]) {
    const { addEventListener: add, removeEventListener: remove } = target;
    target.addEventListener = function (this: Listening, type, listener, options) {
      const caller = callerOf(new Error('listened'));
      if (caller !== undefined) listeners.set(listener, `${type}, added ${caller}`);
      if (typeof options === 'object' && options.once) add.call(this, type, () => listeners.delete(listener), options);
      add.call(this, type, listener, options);
    };
    target.removeEventListener = function (this: Listening, type, listener, options) {
      listeners.delete(listener);
      remove.call(this, type, listener, options);
    };
  }
}

/** The line of the product that called what made the error. */
function callerOf({ stack = '' }: Error): string | undefined {
  const caller = stack.split('\n')[2]?.trim() ?? '';
  return /\/src\/|\/dashboard\//.test(caller) ? caller : undefined;
}

/** The compiler that the library esbuild keeps until the process ends. */
const isEsbuild = ([program = '', first = '']: readonly string[]): boolean =>
  program.endsWith('esbuild') && first.startsWith('--service=');

/** Temporary files of .NET programs that a worker keeps. */
const ofKeptPrograms = /^(?:\.bicep$|clr-debug-pipe-|dotnet-diagnostic-)/;

/** What is open now, each with a text for people. */
type Open = ReadonlyMap<unknown, string>;

function openNow(): Open {
  const open = new Map<unknown, string>();
  for (const child of opened.processes) {
    if (keptByWorker.has(child.pid ?? 0) || isEsbuild(child.spawnargs)) continue;
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) opened.processes.delete(child);
    else open.set(child, `process ${child.pid}: ${child.spawnargs.join(' ').slice(0, 200)}`);
  }
  for (const server of opened.servers) {
    if (server.listening) open.set(server, `server on ${JSON.stringify(server.address())}`);
    else opened.servers.delete(server);
  }
  for (const connection of opened.connections) {
    if (connection.destroyed) opened.connections.delete(connection);
    // A server that still listens keeps connections for later requests.
    else if (!(connection as Socket & { server?: Server }).server?.listening)
      open.set(connection, `connection of a closed server from port ${connection.remotePort}`);
  }
  for (const [request, text] of opened.fetches) open.set(request, `fetch without an end: ${text}`);
  for (const response of opened.responses) {
    if (response.complete || response.destroyed) opened.responses.delete(response);
    else open.set(response, `answer ${response.statusCode} that is neither read nor destroyed`);
  }
  for (const [signal, caller] of opened.signals) {
    if (signal.aborted || !mayHaveListener(signal)) opened.signals.delete(signal);
    else open.set(signal, `listener of an AbortSignal, added ${caller}`);
  }
  for (const [listener, text] of opened.listeners) open.set(listener, `listener of the page for ${text}`);
  for (const name of readdirSync(tmpdir()).filter((each) => !ofKeptPrograms.test(each)))
    open.set(`file ${name}`, `temporary file ${join(tmpdir(), name)}`);
  for (const [descriptor, path] of openFiles()) open.set(`${descriptor} ${path}`, `open file ${path}`);
  // Modules listen for the exit when they are loaded.
  for (const event of process.eventNames().filter((name) => name !== 'exit'))
    numbered(open, `listener of the process for ${String(event)}`, process.listenerCount(event));
  // That of happy-dom uses timers for signals that end by themselves.
  if (!('happyDOM' in globalThis))
    numbered(open, 'timer', process.getActiveResourcesInfo().filter((type) => type === 'Timeout').length);
  return open;
}

/** Nobody can ask the signals of happy-dom. */
function mayHaveListener(signal: AbortSignal): boolean {
  try {
    return getEventListeners(signal, 'abort').length > 0;
  } catch {
    return true;
  }
}

/** Things without an identity: more of them than before are leftovers. */
function numbered(open: Map<unknown, string>, text: string, count: number): void {
  for (let index = 1; index <= count; index += 1) open.set(`${text} ${index}`, text);
}

/** Files of this process that are open, by descriptor. Linux only. */
function openFiles(): [string, string][] {
  try {
    return readdirSync('/proc/self/fd').flatMap((descriptor) => {
      try {
        const path = readlinkSync(`/proc/self/fd/${descriptor}`);
        return /^\/(?!dev\/|proc\/)/.test(path) ? [[descriptor, path] as [string, string]] : [];
      } catch {
        return []; // The descriptor that read the folder.
      }
    });
  } catch {
    return [];
  }
}

/** Processes that a test started, or that these started, also after their parent has ended. Linux only. */
function startedProcesses(): Map<string, string> {
  const found = new Map<string, string>();
  if (opened.spawned === 0) return found;
  for (const pid of namesIn('/proc').filter((name) => /^\d+$/.test(name))) {
    if (Number(pid) === process.pid || keptByWorker.has(Number(pid))) continue;
    if (!text(`/proc/${pid}/environ`).split('\0').includes(`${mark}=${process.pid}`)) continue;
    const words = text(`/proc/${pid}/cmdline`).split('\0');
    if (!isEsbuild(words)) found.set(`process ${pid}`, `process ${pid}: ${words.join(' ').slice(0, 200)}`);
  }
  return found;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Empty if the process has ended or belongs to somebody else. */
function text(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** A time, at whose end nothing more may be open than at its start. */
export class Span {
  readonly #spawned = opened.spawned;
  readonly #before = new Set([...openNow().keys(), ...startedProcesses().keys()]);

  /** What was opened in this time and still is after the grace in ms, each in words. */
  async left(grace = graceMs): Promise<string[]> {
    const end = performance.now() + grace;
    for (let pause = 1; ; pause *= 2) {
      const now = [...openNow(), ...(opened.spawned > this.#spawned ? startedProcesses() : [])];
      const left = now.filter(([key]) => !this.#before.has(key)).map(([, words]) => words);
      if (left.length === 0 || performance.now() >= end) return left;
      await wait(Math.min(pause, 100));
    }
  }
}

// From here, because a test file opens things also while it is loaded.
const ofFile = new Span();

// What hooks return is called after all other hooks, and what the first one returned last.
beforeAll(() => async () => report('This test file', await ofFile.left()));
beforeEach(({ task }) => {
  const ofTest = new Span();
  return async () => report(`The test "${task.name}"`, await ofTest.left());
});

function report(subject: string, left: readonly string[]): void {
  if (left.length === 0) return;
  throw new Error(`${subject} left open:\n${left.map((each) => `- ${each}`).join('\n')}`);
}
