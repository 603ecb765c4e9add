import type { HostLog, HostLogLevel } from './host-log.ts';

/**
 * The level that the real host gives to a line on standard error: it looks for words (azure-functions-host,
 * WorkerProcess.ParseErrorMessageAndLog).
 */
export function levelOfErrorLine(line: string): HostLogLevel {
  if (/warn/i.test(line)) return 'warning';
  return /error|fail|severe|unhandled exception/i.test(line) ? 'error' : 'information';
}

/**
 * Passes what the process writes to standard output and standard error to the log, line by line, as the real host does
 * with the output of its worker. @returns a function that ends it.
 */
export function captureOutput(log: HostLog): () => void {
  const ends = [
    captureStream(process.stdout, (line) => log('information', 'console', line)),
    captureStream(process.stderr, (line) => log(levelOfErrorLine(line), 'console', line)),
  ];
  return () => {
    for (const end of ends) end();
  };
}

function captureStream(stream: NodeJS.WriteStream, onLine: (line: string) => void): () => void {
  const write = stream.write.bind(stream);
  const decoder = new TextDecoder();
  let rest = '';
  const take = (text: string): void => {
    const lines = (rest + text).split(/\r?\n/);
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  };
  stream.write = (chunk: Uint8Array | string, ...more: unknown[]): boolean => {
    take(typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }));
    const done = more.at(-1);
    if (typeof done === 'function') process.nextTick(done);
    return true;
  };
  return () => {
    stream.write = write;
    if (rest !== '') onLine(rest);
  };
}
