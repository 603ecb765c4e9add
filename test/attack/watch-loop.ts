/**
 * Loaded into a process before its program: measures how long the process holds its event loop, and says it on a socket. It counts
 * processor time of the main thread, because other processes keep this one waiting as well. As a program of its own, it is the
 * empty loop to compare with.
 */
import { createServer } from 'node:http';

const isAlone = process.argv[1] === import.meta.filename;
let before = process.threadCpuUsage();
let longestUs = 0;

const turn = (): void => {
  const { user, system } = process.threadCpuUsage(before);
  longestUs = Math.max(longestUs, user + system);
  before = process.threadCpuUsage();
};
const timer = setInterval(turn, 1);

/** The longest hold since the last call, milliseconds of processor time. */
export function longestMs(): number {
  turn();
  const ms = longestUs / 1000;
  longestUs = 0;
  return ms;
}

const server = createServer((_, response) => {
  response.end(String(longestMs()));
});
server.listen(process.env['LOOP_SOCKET'], () => {
  if (isAlone) console.log('{}');
});
if (!isAlone) {
  timer.unref();
  server.unref();
}
