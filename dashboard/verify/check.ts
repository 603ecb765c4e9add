import { RecordedTokens } from '../../src/lib/audit/proof/join-sign-ins.ts';
import { type ExtractVerdict, verifyExtract } from '../../src/lib/audit/proof/verify-extract.ts';
import { Account } from './account.ts';

/** Largest file that the page reads, bytes. */
export const mostBytes = 2 ** 31;
/** Longest line that is read whole, characters. The verifier refuses shorter ones. */
const longestLine = 2_000_000;
/** For this long the page may not answer the reader, milliseconds. */
const sliceMs = 40;

const firstBytes = '{"type":"tenant-extract"';

/** Whether a file begins as an extract does. */
export const isExtract = async (file: Blob): Promise<boolean> =>
  (await file.slice(0, firstBytes.length).text()) === firstBytes;

/** What a file is, once it was read. */
export interface Checked {
  readonly verdict: ExtractVerdict;
  /** Of the records that the proof is about. */
  readonly account: Account;
  /** Of records that no checkpoint covers. Whoever had the file can have added them. */
  readonly unproven: Account;
  readonly tokens: RecordedTokens;
}

interface Options {
  /** Published heads to compare with. Absent: none. */
  readonly heads?: readonly string[];
  readonly nowMs: number;
  /** @param share of the file that was read, 0 to 1. */
  readonly onProgress: (share: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Verifies a file, and gathers what its records say. The page answers meanwhile, whatever the size of the file.
 * @throws the reason of the signal, or what the browser throws if the file cannot be read.
 */
export async function checkFile(file: Blob, { heads, nowMs, onProgress, signal }: Options): Promise<Checked> {
  const account = new Account();
  const unproven = new Account();
  const tokens = new RecordedTokens();
  const verdict = await verifyExtract(linesOf(file, onProgress, signal), {
    nowMs,
    ...(heads === undefined ? {} : { heads }),
    onRecord: (record, checkpoint) => {
      (checkpoint === undefined ? unproven : account).add(record);
      tokens.add(record, checkpoint);
    },
    onChange: (sha256, values, isSigned) => (isSigned ? account : unproven).addValues(sha256, values),
  });
  account.end(verdict.names);
  unproven.end(verdict.names);
  return { verdict, account, unproven, tokens };
}

/** Returns what long work awaits now and then, so that the page draws and listens. @param signal that ends the work. */
export function takeTurns(signal?: AbortSignal, onTurn?: () => void): () => Promise<void> | undefined {
  let pausedMs = performance.now();
  const pause = async (): Promise<void> => {
    onTurn?.();
    await new Promise((resolve) => setTimeout(resolve));
    signal?.throwIfAborted();
    pausedMs = performance.now();
  };
  return () => (performance.now() - pausedMs < sliceMs ? undefined : pause());
}

/** The lines of a file, in pieces. Between them the page draws and listens. */
async function* linesOf(
  file: Blob,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  let read = 0;
  const turn = takeTurns(signal, () => onProgress(read / file.size));
  let rest = '';
  for await (const piece of piecesOf(file, signal, (bytes) => (read += bytes))) {
    const lines = `${rest}${piece}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      yield line;
      const waiting = turn();
      if (waiting !== undefined) await waiting;
    }
    if (rest.length > longestLine) break;
  }
  if (rest !== '') yield rest;
}

/** The text of a file, as it is read. */
async function* piecesOf(
  file: Blob,
  signal?: AbortSignal,
  onRead?: (bytes: number) => void,
): AsyncGenerator<string, void, undefined> {
  const reader = file.stream().getReader();
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (done) break;
      onRead?.(value.length);
      yield decoder.decode(value, { stream: true });
    }
    yield decoder.decode();
  } finally {
    // Not awaited: a file that cannot be read may never say so.
    reader.cancel().catch(() => undefined);
  }
}

/** Published heads that the reader has added. */
export interface Heads {
  /** Of the files. */
  readonly names: readonly string[];
  readonly heads: readonly string[];
  /** Why the last file has none. */
  readonly problem?: string;
}

export const noHeads: Heads = { names: [], heads: [] };

/** Largest file of heads, bytes. Those of a year take about 60 MB. */
const mostHeadBytes = 200_000_000;

/** The heads with those of more files. A file without any is named, and changes nothing. */
export async function withHeads(known: Heads, files: readonly File[]): Promise<Heads> {
  let { names, heads } = known;
  for (const file of files) {
    const found = file.size > mostHeadBytes ? [] : await headsIn(file);
    if (found.length === 0) return { names, heads, problem: `${file.name} has no published checkpoints.` };
    names = [...names, file.name];
    heads = [...new Set([...heads, ...found])];
  }
  return { names, heads };
}

/** Longest head, characters. */
const longestHead = 10_000;

/** The signed heads in a file: the answers of `GET /api/audit/heads`, or one head a line. */
async function headsIn(file: Blob): Promise<readonly string[]> {
  const found = new Set<string>();
  const turn = takeTurns();
  let rest = '';
  for await (const piece of piecesOf(file)) {
    const words = `${rest}${piece}`.split(/[^\w.-]+/);
    // What is longer than a head is none, whatever follows.
    rest = (words.pop() ?? '').slice(0, longestHead);
    for (const word of words) if (isHead(word)) found.add(word);
    await turn();
  }
  if (isHead(rest)) found.add(rest);
  return [...found];
}

const isHead = (word: string): boolean =>
  word.length < longestHead && /^[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}$/.test(word);
