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
  readonly account: Account;
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
  const tokens = new RecordedTokens();
  const verdict = await verifyExtract(linesOf(file, onProgress, signal), {
    nowMs,
    ...(heads === undefined ? {} : { heads }),
    onRecord: (record, checkpoint) => {
      account.add(record, checkpoint);
      tokens.add(record);
    },
  });
  account.end(verdict.names);
  return { verdict, account, tokens };
}

/** The lines of a file, in pieces. Between them the page draws and listens. */
async function* linesOf(
  file: Blob,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  const reader = file.stream().getReader();
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let rest = '';
  let read = 0;
  let pausedMs = performance.now();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) break;
      read += value.length;
      const lines = `${rest}${decoder.decode(value, { stream: true })}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        yield line;
        if (performance.now() - pausedMs < sliceMs) continue;
        onProgress(read / file.size);
        await new Promise((resolve) => setTimeout(resolve));
        signal.throwIfAborted();
        pausedMs = performance.now();
      }
      if (rest.length > longestLine) break;
    }
    rest += decoder.decode();
    if (rest !== '') yield rest;
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
    const found = file.size > mostHeadBytes ? [] : headsIn(await file.text());
    if (found.length === 0) return { names, heads, problem: `${file.name} has no published heads.` };
    names = [...names, file.name];
    heads = [...new Set([...heads, ...found])];
  }
  return { names, heads };
}

/** The signed heads in a text: the answers of `GET /api/audit/heads`, or one head a line. */
const headsIn = (text: string): readonly string[] => [...new Set(text.match(/[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}/g))];
