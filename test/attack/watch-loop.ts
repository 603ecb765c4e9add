/**
 * Loaded into a process before its program: measures how long the process holds its event loop, and says it on a socket. It counts
 * processor time of the main thread, because other processes keep this one waiting as well. As a program of its own, it is what
 * to compare with: it does a fixed piece of work before each answer.
 */
import { createServer } from 'node:http';

const isAlone = process.argv[1] === import.meta.filename;
/** To parse it takes about as long as anything may hold the event loop. */
const fixedWork = isAlone
  ? `[${'{"id":"0a1b2c3d-0000-4000-8000-000000000001","displayName":"Ada"},'.repeat(240_000)}0]`
  : '0';
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
  JSON.parse(fixedWork);
  response.end(String(longestMs()));
});
server.listen(process.env['LOOP_SOCKET'], () => {
  if (isAlone) console.log('{}');
});
if (!isAlone) {
  timer.unref();
  server.unref();
}
